"""What became of a message."""

from __future__ import annotations

import copy
import pickle

import pytest

from asyncnet import ReplyError
from asyncnet.core.replies import Reply
from asyncnet.smtp.report import SendReport

REFUSAL = ReplyError("no", code=550, text="5.1.1 <unknown>")
REPORT = SendReport(
    ("ann@example.org",), {"bob@example.org": REFUSAL}, "<1@example.org>", Reply(250, ("2.0.0 Ok <1>",))
)


def test_the_repr_says_how_many_and_the_server_s_word():
    assert repr(REPORT) == "<SendReport: 1 accepted, 1 refused, 250 '2.0.0 Ok <1>'>"
    assert repr(SendReport(("a@b",), {}, None, Reply(250, ("ok",)))) == "<SendReport: 1 accepted, 250 'ok'>"


def test_the_notebook_s_view_escapes_what_servers_say():
    page = REPORT._repr_html_()
    assert "250 2.0.0 Ok &lt;1&gt;" in page
    assert "<td>bob@example.org</td><td>550</td><td>5.1.1 &lt;unknown&gt;</td>" in page
    assert "<td>ann@example.org</td><td>accepted</td>" in page


def test_it_is_frozen_and_survives_a_pickle():
    with pytest.raises(AttributeError):
        REPORT.accepted = ()
    again = pickle.loads(pickle.dumps(REPORT))
    assert again.reply == REPORT.reply
    assert again.refused["bob@example.org"].code == 550
    assert copy.copy(REPORT) == REPORT
    assert len({REPORT, copy.copy(REPORT)}) == 1
