"""Checked by mypy, never run: what a user's type checker sees."""

from __future__ import annotations

from typing import assert_type

import asyncnet


async def number() -> int:
    return 1


def root() -> None:
    assert_type(asyncnet.run(number()), int)
    assert_type(asyncnet.trace(), asyncnet.Trace)
    assert_type(asyncnet.Outcome("item", value=1).unwrap(), int)


def errors(error: asyncnet.AsyncNetError, timeout: asyncnet.OperationTimeout, no: asyncnet.ReplyError) -> None:
    assert_type(error.attempts, tuple[asyncnet.Attempt, ...])
    assert_type(error.maybe_done, bool)
    assert_type(no.code, int | str | None)
    as_builtin: TimeoutError = timeout
    del as_builtin
