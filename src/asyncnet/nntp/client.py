"""Reading and posting news."""

from __future__ import annotations

import asyncio
import ssl as _ssl
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from email.message import EmailMessage, Message

from ..core.access import Token
from ..core.dialer import Dialer
from ..core.lines import MAX_BLOCK
from ..core.message_parser import parse_message
from ..core.operation import DEFAULT_TIMEOUT, Timeout
from ..core.outcome import Outcome
from ..core.target import LocalAddress
from .arguments import check_article, check_limit, check_range, check_word
from .article import Article, Stat, serialise
from .directory import Directory, Parse
from .listing import Overview, parse_headers, parse_overviews, parse_stat
from .many import Articles, Wanted
from .ranges import Ranges, RowT
from .session import Options, Session

__all__ = ["MAX_BYTES", "Client"]

MAX_BYTES = MAX_BLOCK  # of one article, unless the caller says otherwise

_ARTICLE = frozenset({220})


class Client(Directory):
    """One session with a news server.

    Articles are named by message id, such as ``"<id@example.org>"``, or by
    number in the group that was selected last.  A command that was cancelled
    or timed out ends the client.  Several tasks may use it at the same time;
    they share the selected group.

    Args:
        host: the server's name or address.
        port: 563, which is TLS from the first byte; 119 is for STARTTLS.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        ssl: TLS from the first byte; ``None``: on port 563. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        timeout: seconds, the default of each operation; ``None`` for no limit.
        dialer: opens the connection, ``None`` for the current one.

    Source: RFC 3977, 4642, 4643

    Example:
        ```python
        async with asyncnet.nntp.Client("news.example.org") as nntp:
            group = await nntp.group("misc.test")
            async for overview in nntp.overviews(group.first, group.last):
                print(overview.number, overview.subject)
        ```
    """

    def __init__(
        self,
        host: str,
        port: int = 563,
        *,
        username: str | None = None,
        password: str | None = None,
        token: Token | None = None,
        ssl: bool | _ssl.SSLContext | None = None,
        starttls: bool | None = None,
        server_hostname: str | None = None,
        local_address: LocalAddress | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        dialer: Dialer | None = None,
    ) -> None:
        options = Options(
            host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
            server_hostname=server_hostname, local_address=local_address, dialer=dialer,
        )  # fmt: skip
        super().__init__(options, timeout=timeout)

    # ---- the selected group

    async def overviews(
        self, first: int | None = None, last: int | None = None, *, timeout: Timeout = ...
    ) -> AsyncGenerator[Overview, None]:
        """Iterate over what the server tells of the articles in a range of the selected group.

        The range is asked for in pieces, so it may be as long as it likes.

        Args:
            first: the lowest number, ``None`` for the group's.
            last: the highest, ``None`` for the group's.
            timeout: seconds for each piece.

        Raises:
            StateError: another group was selected meanwhile.
            ReplyError: the server does not do that.
        """
        check_range(first, last)
        _, session = self._start("overviews", timeout)
        word = "OVER" if "OVER" in session.capabilities else "XOVER"  # RFC 2980 section 2.8
        async for rows in self._pieces("overviews", (word,), frozenset({224}), parse_overviews, first, last, timeout):
            for row in rows:
                yield row

    async def header(
        self, name: str, first: int | None = None, last: int | None = None, *, timeout: Timeout = ...
    ) -> AsyncGenerator[tuple[int, str], None]:
        """Iterate over one header of the articles in a range of the selected group, as number and decoded value.

        Args:
            name: of the header, such as ``"Subject"``, or ``":bytes"`` and ``":lines"``.
            first: the lowest number, ``None`` for the group's.
            last: the highest, ``None`` for the group's.
            timeout: seconds for each piece.
        """
        check_word(name, "name")
        check_range(first, last)
        _, session = self._start("header", timeout)
        # RFC 2980 section 2.6: XHDR is answered by 221.
        words = ("HDR", name) if "HDR" in session.capabilities else ("XHDR", name)
        codes = frozenset({225} if words[0] == "HDR" else {221})
        async for rows in self._pieces("header", words, codes, parse_headers, first, last, timeout):
            for row in rows:
                yield row

    async def _pieces(
        self, name: str, words: tuple[str, ...], codes: frozenset[int], parse: Parse[RowT], first: int | None,
        last: int | None, timeout: Timeout,
    ) -> AsyncGenerator[list[RowT], None]:  # fmt: skip
        operation, session = self._start(name, timeout)
        group = self._group
        if group is None and (first is None or last is None):
            raise self._misused("select a group first, or give both ends of the range", name)
        low = first if first is not None or group is None else group.first
        high = last if last is not None or group is None else group.last
        assert low is not None
        assert high is not None
        ranges = Ranges(session, words, codes, parse, low, high)
        try:
            while not ranges.over:
                if self._group is not group:
                    raise self._misused("another group was selected meanwhile", name)
                async with operation:
                    with operation.span(words[0].lower()):
                        rows = await ranges.rows()
                yield rows
                operation, session = self._start(name, timeout)
        finally:
            ranges.close()

    # ---- articles

    async def fetch(self, article: int | str, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...) -> Article:
        """Fetch an article.

        Args:
            article: its message id, or its number in the selected group.
            max_bytes: what it may have at most.
            timeout: seconds for all of it.

        Raises:
            ReplyError: there is no such article: ``code`` 430 for an id, 423 for a number, 412 without a group.
            LimitExceeded: it has more bytes; the client is closed then.
        """
        stat, content = await self._get("fetch", "ARTICLE", 220, article, max_bytes, timeout)
        return Article(stat.number, stat.message_id, content)

    async def head(self, article: int | str, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...) -> EmailMessage:
        """Fetch the headers of an article; see `fetch`."""
        _, content = await self._get("head", "HEAD", 221, article, max_bytes, timeout)
        return parse_message(content + b"\r\n", EmailMessage)

    async def body(self, article: int | str, *, max_bytes: int = MAX_BYTES, timeout: Timeout = ...) -> bytes:
        """Fetch the body of an article as it came, with CRLF line ends; see `fetch`."""
        return (await self._get("body", "BODY", 222, article, max_bytes, timeout))[1]

    async def stat(self, article: int | str, *, timeout: Timeout = ...) -> Stat:
        """Ask whether an article is there; one of the selected group becomes the current one.

        Raises:
            ReplyError: there is no such article.
        """
        word = check_article(article)
        operation, session = self._start("stat", timeout)
        async with operation:
            reply = await session.ask(operation, "STAT", session.line("STAT", word), {223})
            return session.trust(lambda text: parse_stat(text, article), reply.text)

    async def next(self, *, timeout: Timeout = ...) -> Stat:
        """Make the next article of the selected group the current one.

        Raises:
            ReplyError: there is none (``code`` 421).
        """
        return await self._step("next", timeout)

    async def last(self, *, timeout: Timeout = ...) -> Stat:
        """Make the article before the current one the current one.

        Raises:
            ReplyError: there is none (``code`` 422).
        """
        return await self._step("last", timeout)

    async def _step(self, name: str, timeout: Timeout) -> Stat:
        operation, session = self._start(name, timeout)
        async with operation:
            reply = await session.ask(operation, name.upper(), session.line(name.upper()), {223})
            return session.trust(lambda text: parse_stat(text, None), reply.text)

    async def _get(
        self, name: str, verb: str, code: int, article: int | str, max_bytes: int, timeout: Timeout
    ) -> tuple[Stat, bytes]:
        word = check_article(article)
        check_limit(max_bytes)
        operation, session = self._start(name, timeout)
        async with operation:
            command = session.block({code}, verb, word, max_bytes=max_bytes)
            reply = await session.ask(operation, verb, command, {code})
            return session.trust(lambda text: parse_stat(text, article), reply.text), command.block or b""

    async def fetch_many(
        self,
        articles: Iterable[int | str] | AsyncIterable[int | str],
        *,
        max_bytes: int = MAX_BYTES,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Outcome[Article], None]:
        """Fetch many articles over this one connection; several are asked for ahead.

        Each item gets its `Outcome`, in the order given.  An article that is not there
        is an error of its own; a connection that is lost is one of all that follow.

        Args:
            articles: message ids, or numbers in the selected group; an endless or async iterable will do.
            max_bytes: what one of them may have at most; the client is closed by one with more.
            timeout: seconds for each of them.
        """
        if isinstance(articles, str | bytes):
            raise TypeError("articles must be an iterable of ids or numbers, not one of them")
        check_limit(max_bytes)
        _, session = self._start("fetch_many", timeout)
        wanted = Articles(session, articles, max_bytes)
        try:
            while await wanted.fill():
                yield await self._one(session, wanted, wanted.next(), timeout)
        finally:
            await wanted.close()

    async def _one(self, session: Session, articles: Articles, wanted: Wanted, timeout: Timeout) -> Outcome[Article]:
        item, command, size = wanted.item, wanted.command, 0
        value: Article | None = None
        failure: Exception | None = None
        try:
            if isinstance(command, Exception):
                raise command
            if command.done and not articles.unsent:  # nothing to wait for
                reply = await session.wait("ARTICLE", command, _ARTICLE)
            else:
                operation, session = self._start("fetch_many", timeout)
                async with operation:
                    with operation.span("article"):
                        await session.send(articles.take_unsent())
                        reply = await session.wait("ARTICLE", command, _ARTICLE)
            content, command.block = command.block or b"", None
            size = len(content)
            stat = session.trust(lambda text: parse_stat(text, item), reply.text)
            value = Article(stat.number, stat.message_id, content)
        except Exception as error:
            failure = error
        articles.took(wanted, size)
        return Outcome(item, value, failure, asyncio.get_running_loop().time() - wanted.started)

    # ---- posting

    async def post(self, article: Message | bytes, *, timeout: Timeout = ...) -> str:
        """Post an article and return its message id, which is made if it has none.

        Args:
            article: an `EmailMessage`, or bytes; it needs Newsgroups, From and Subject.
            timeout: seconds for all of it.

        Raises:
            ReplyError: the server does not take it (``code`` 440 or 441).
            ConnectionLost, OperationTimeout: with ``maybe_done`` the server may have taken it; `stat` tells.
            ValueError, TypeError: no article; nothing was sent.
        """
        data, message_id = serialise(article)
        operation, session = self._start("post", timeout)
        async with operation:
            await session.post(operation, data)
        return message_id
