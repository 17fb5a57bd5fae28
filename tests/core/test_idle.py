"""When a connection is idle."""

from __future__ import annotations

from asyncnet.core.idle import Idle


def test_idle_is_over_when_nothing_changed_for_the_whole_time():
    idle = Idle(4.0, 100.0)
    assert idle.pause == 1.0
    assert not idle.over(103.9, 0)
    assert idle.over(104.0, 0)


def test_whatever_changes_begins_the_time_anew():
    idle = Idle(4.0, 100.0)
    assert not idle.over(103.0, 5)
    assert not idle.over(106.9, 5)
    assert not idle.over(106.95, 3)  # less is a change, too
    assert not idle.over(110.9, 3)
    assert idle.over(110.95, 3)
