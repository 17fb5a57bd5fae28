"""The picture of a trace, as text and as HTML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from ipaddress import IPv4Address, IPv6Address

import pytest

from asyncnet import Span
from asyncnet.core.waterfall import draw_html, draw_text, plain

SVG = "{http://www.w3.org/2000/svg}"


def some() -> list[Span]:
    return [
        Span("http fetch", 8.0, 8.5, 0, {"peer": "http://example.org/"}),
        Span("connect", 8.0, 8.125, 1, {"port": 80, "nothing": None}),
        Span("request", 8.25, 8.5, 1, {"rate": 0.123456}),
    ]


def test_each_span_is_a_line_with_its_bar_on_the_common_axis():
    text = draw_text(some())
    assert text.splitlines() == [
        "http fetch  ██████████████████████████████   500.00 ms  peer=http://example.org/",
        "  connect   ████████                         125.00 ms  port=80",
        "  request                  ███████████████   250.00 ms  rate=0.1235",
    ]


def test_what_took_no_time_can_be_seen():
    lines = draw_text([Span("a", 0.0, 1.0), Span("b", 1.0, 1.0), Span("c", 0.0, 0.0)]).splitlines()
    assert lines[1].index("█") == lines[0].rindex("█")
    assert [line.count("█") for line in lines] == [30, 1, 1]


def test_a_single_moment_has_an_axis_too():
    assert draw_text([Span("a", 3.0, 3.0)]).count("█") == 1


def test_what_still_runs_reaches_to_the_end():
    lines = draw_text([Span("a", 0.0, 1.0), Span("b", 0.5)]).splitlines()
    assert lines[1].count("█") == 15
    assert lines[1].endswith("running")


def test_long_times_are_in_seconds():
    assert "12.500 s" in draw_text([Span("a", 0.0, 12.5)])


def test_a_failure_is_told_once_on_its_way_up():
    spans = [
        Span("tcp exchange", 0.0, 1.0, 0, {}, "ConnectError: refused"),
        Span("connect", 0.0, 1.0, 1, {}, "ConnectError: refused"),
        Span("attempt", 0.0, 1.0, 2, {}, "OSError: other"),
        Span("fine", 0.0, 1.0, 0, {}),
    ]
    first, second, third, fourth = draw_text(spans).splitlines()
    assert first.endswith("✗ ConnectError: refused")
    assert second.endswith("ms  ✗")
    assert third.endswith("✗ OSError: other")
    assert "▒" in first
    assert "▒" not in fourth


def test_what_was_given_up_is_no_failure():
    spans = [
        Span("attempt", 0.0, 1.0, 0, {}, "cancelled: another address answered"),
        Span("attempt", 0.0, 1.0, 0, {}, "OSError: no"),
        Span("attempt", 0.0, 1.0),
    ]
    assert [line.split()[1][0] for line in draw_text(spans).splitlines()] == ["░", "▒", "█"]
    bars = ElementTree.fromstring(draw_html(spans)).iter(f"{SVG}rect")
    assert [bar.attrib["fill"] for bar in bars] == ["#b5bac4", "#d64545", "#f2b26d"]


def test_lines_stay_lines():
    span = Span("a" * 100, 0.0, 1.0, 0, {"said": "one\ntwo\x1b[31m" + "x" * 200})
    (line,) = draw_text([span]).splitlines()
    assert len(line) == 132
    assert line.endswith("…")
    assert "\x1b" not in line


def test_nothing_is_said_to_be_nothing():
    assert draw_text([]) == "(no spans)"
    assert draw_html([]) == "<em>(no spans)</em>"


def test_the_picture_is_svg_with_a_bar_for_each_span():
    root = ElementTree.fromstring(draw_html(some()))
    bars = list(root.iter(f"{SVG}rect"))
    assert len(bars) == 3
    left, wide = float(bars[0].attrib["x"]), float(bars[0].attrib["width"])
    assert float(bars[1].attrib["x"]) == left
    assert float(bars[1].attrib["width"]) == pytest.approx(wide / 4)
    assert float(bars[2].attrib["x"]) == pytest.approx(left + wide / 2)
    assert len({bar.attrib["fill"] for bar in bars}) == 3
    assert [title.text for title in root.iter(f"{SVG}title")][1] == "connect  125.00 ms  port=80"


def test_what_failed_is_red_and_what_is_long_is_cut():
    failed = Span("x" * 50, 0.0, 1.0, 1, {"y": "y" * 100}, "OSError: no")
    root = ElementTree.fromstring(draw_html([Span("ok", 0.0, 1.0), failed]))
    bars = list(root.iter(f"{SVG}rect"))
    assert bars[1].attrib["fill"] == "#d64545" != bars[0].attrib["fill"]
    assert all(len(text.text or "") <= 70 for text in root.iter(f"{SVG}text"))


def test_the_picture_is_escaped():
    shown = draw_html([Span("<script>", 0.0, 1.0, 0, {"who": 'a & b "c"'})])
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "a &amp; b" in shown


@pytest.mark.parametrize(
    ("count", "dropped", "words"), [(3, 0, ""), (3, 2, "... and 2 more"), (500, 2, "... and 102 more")]
)
def test_a_picture_of_many_says_how_many_more(count, dropped, words):
    root = ElementTree.fromstring(draw_html([Span("a", 0.0, 1.0)] * count, dropped))
    assert len(list(root.iter(f"{SVG}rect"))) == min(count, 400)
    last = list(root.iter(f"{SVG}text"))[-1]
    assert (last.text == words) is bool(words)
    assert float(last.attrib["y"]) < float(root.attrib["height"])


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (1, 1), (0.5, 0.5), ("a", "a"), (True, True), (None, None),
        (IPv4Address("127.0.0.1"), "127.0.0.1"),
        ((IPv4Address("127.0.0.1"), IPv6Address("::1")), "127.0.0.1, ::1"),
        (["a", "b"], "a, b"),
    ],
)  # fmt: skip
def test_attributes_become_values_that_json_has(value, wanted):
    assert plain(value) == wanted
