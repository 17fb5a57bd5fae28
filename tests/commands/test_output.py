"""Lines for people, documents for programs."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest

from asyncnet.commands.output import Output


def test_lines_are_for_people(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    output = Output(json=False)
    output.line("one")
    output.data(b"\x00\xff")
    output.document({"a": 1})
    output.error(ValueError("not\n  that"))
    printed = capsysbinary.readouterr()
    assert printed.out == b"one\n\x00\xff"
    assert printed.err == b"asyncnet: not that\n"


class Slow(io.RawIOBase):
    """A file that takes three bytes at a time, as a bare pipe may."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:3])
        return len(data[:3])


def test_a_bare_file_that_takes_a_part_gets_the_rest() -> None:
    slow = Slow()
    with contextlib.redirect_stdout(io.TextIOWrapper(slow, write_through=True)):  # type: ignore[type-var]  # as python -u does
        Output(json=False).data(b"0123456789")
    assert slow.taken == b"0123456789"


def test_documents_are_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(json=True)
    output.line("one")
    output.document({"a": {1}, "b": "ß"})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"a": "{1}", "b": "ß"}
    assert "ß" in printed.out
    output.error(KeyError())
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"error": "KeyError", "type": "KeyError"}
    assert printed.err == "asyncnet: KeyError\n"
