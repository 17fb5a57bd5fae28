"""What a news server has: capabilities, groups, what is new; and the life of a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias, TypeVar

from ..core.client import BaseClient
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout
from .arguments import check_range, check_word
from .listing import (
    Group,
    format_time,
    lines_of,
    parse_active,
    parse_capabilities,
    parse_date,
    parse_group,
    parse_numbers,
)
from .session import MAX_CAPABILITIES, Options, Session

__all__ = ["Directory", "Parse"]

RowT = TypeVar("RowT")
Parse: TypeAlias = Callable[[bytes, int, int], list[RowT]]


class Directory(BaseClient):
    """The part of a client that asks for no articles."""

    _protocol = "nntp"

    def __init__(self, options: Options, *, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        super().__init__(peer=options.peer, timeout=timeout)
        self._options = options
        self._session: Session | None = None
        self._group: Group | None = None

    # ---- the server

    async def capabilities(self, *, timeout: Timeout = ...) -> frozenset[str]:
        """Ask what the server offers now: labels in capitals, such as ``"OVER"``; empty if it does not say."""
        operation, session = self._start("capabilities", timeout)
        async with operation:
            command = session.block({101}, "CAPABILITIES", max_bytes=MAX_CAPABILITIES)
            reply = await session.ask(operation, "CAPABILITIES", command, {101, 500})
            if reply.code == 500:  # a server from before RFC 3977
                return frozenset()
            session.capabilities = parse_capabilities(command.block or b"")
            return frozenset(session.capabilities)

    async def date(self, *, timeout: Timeout = ...) -> datetime:
        """Ask for the server's time, in UTC."""
        operation, session = self._start("date", timeout)
        async with operation:
            return session.trust(parse_date, (await session.ask(operation, "DATE", session.line("DATE"), {111})).text)

    async def listing(self, keyword: str, wildmat: str | None = None, *, timeout: Timeout = ...) -> list[str]:
        """Ask for one of the server's lists, line by line.

        Args:
            keyword: which one, such as ``"NEWSGROUPS"`` (descriptions), ``"ACTIVE.TIMES"``,
                ``"OVERVIEW.FMT"``, ``"HEADERS"`` or ``"DISTRIB.PATS"``.
            wildmat: for lists of groups, which ones, such as ``"comp.lang.*,!comp.lang.c"``; ``None`` for all.
            timeout: seconds for all of it.

        Raises:
            ReplyError: there is no such list.
        """
        words = [check_word(keyword, "keyword"), *([] if wildmat is None else [check_word(wildmat, "wildmat")])]
        operation, session = self._start("listing", timeout)
        async with operation:
            return [*lines_of(await self._listed(operation, session, "LIST", *words, code=215))]

    # ---- groups

    async def groups(self, wildmat: str | None = None, *, timeout: Timeout = ...) -> list[Group]:
        """List the groups, with what `LIST ACTIVE` tells of them.

        Args:
            wildmat: which ones, such as ``"comp.lang.*,!comp.lang.c"``; ``None`` for all.
            timeout: seconds for all of it.
        """
        words = ["ACTIVE", *([] if wildmat is None else [check_word(wildmat, "wildmat")])]
        operation, session = self._start("groups", timeout)
        async with operation:
            block = await self._listed(operation, session, "LIST", *words, code=215)
            return session.trust(parse_active, block)

    async def group(self, name: str, *, timeout: Timeout = ...) -> Group:
        """Select a group; numbers mean its articles from now on.

        Raises:
            ReplyError: there is no such group (``code`` 411).
        """
        check_word(name, "name")
        operation, session = self._start("group", timeout)
        async with operation:
            reply = await session.ask(operation, "GROUP", session.line("GROUP", name), {211})
            self._group = session.trust(lambda text: parse_group(text, name), reply.text)
            return self._group

    async def numbers(
        self, name: str, first: int | None = None, last: int | None = None, *, timeout: Timeout = ...
    ) -> list[int]:
        """Select a group and list the numbers of its articles (LISTGROUP).

        Args:
            name: of the group.
            first: the lowest number to list, ``None`` for all.
            last: the highest, ``None`` for all.
            timeout: seconds for all of it.
        """
        check_word(name, "name")
        check_range(first, last)
        words = [name]
        if first is not None or last is not None:
            words.append(f"{first or 1}-{'' if last is None else last}")
        operation, session = self._start("numbers", timeout)
        async with operation:
            command = session.block({211}, "LISTGROUP", *words)
            reply = await session.ask(operation, "LISTGROUP", command, {211})
            self._group = session.trust(lambda text: parse_group(text, name), reply.text)
            return session.trust(parse_numbers, command.block or b"")

    # ---- what is new

    async def newnews(self, wildmat: str, since: datetime, *, timeout: Timeout = ...) -> list[str]:
        """List the message ids of articles that came since then; many servers do not offer it.

        Args:
            wildmat: in which groups, such as ``"comp.lang.*,!comp.lang.c"``.
            since: with its time zone.
            timeout: seconds for all of it.
        """
        words = [check_word(wildmat, "wildmat"), *format_time(since)]
        operation, session = self._start("newnews", timeout)
        async with operation:
            block = await self._listed(operation, session, "NEWNEWS", *words, code=230)
            return [line.strip() for line in lines_of(block)]

    async def newgroups(self, since: datetime, *, timeout: Timeout = ...) -> list[Group]:
        """List the groups that were made since then.

        Args:
            since: with its time zone.
            timeout: seconds for all of it.
        """
        words = format_time(since)
        operation, session = self._start("newgroups", timeout)
        async with operation:
            block = await self._listed(operation, session, "NEWGROUPS", *words, code=231)
            return session.trust(parse_active, block)

    # ---- inside

    async def _listed(self, operation: Operation, session: Session, *words: str, code: int) -> bytes:
        command = session.block({code}, *words)
        await session.ask(operation, words[0], command, {code})
        return command.block or b""

    async def _open(self, operation: Operation) -> None:
        self._session = Session(self._options, self.abort)
        await self._session.open(operation)

    async def _goodbye(self) -> None:
        assert self._session is not None
        await self._session.part()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.drop()

    def _start(self, name: str, timeout: Timeout) -> tuple[Operation, Session]:
        operation = self._begin(name, timeout)
        assert self._session is not None
        return operation, self._session
