"""One article, over a connection of its own."""

from __future__ import annotations

import ssl as _ssl

from ..core.access import Token
from ..core.client import part
from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation
from ..core.target import LocalAddress
from .arguments import check_article, check_limit
from .article import Article
from .client import MAX_BYTES
from .listing import parse_stat
from .session import Options, Session

__all__ = ["fetch"]


async def fetch(
    host: str,
    port: int = 563,
    *,
    message_id: str,
    username: str | None = None,
    password: str | None = None,
    token: Token | None = None,
    max_bytes: int = MAX_BYTES,
    ssl: bool | _ssl.SSLContext | None = None,
    starttls: bool | None = None,
    server_hostname: str | None = None,
    local_address: LocalAddress | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    dialer: Dialer | None = None,
) -> Article:
    """Fetch one article by its message id.

    Args:
        host: the server's name or address.
        port: 563, which is TLS from the first byte; 119 is for STARTTLS.
        message_id: with its angle brackets, such as ``"<id@example.org>"``.
        username: whom to log in, ``None`` for nobody.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        max_bytes: what the article may have at most.
        ssl: TLS from the first byte; ``None``: on port 563. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        timeout: seconds for all of it, ``None`` for no limit.
        dialer: opens the connection, ``None`` for the current one.

    Raises:
        ConnectError, TLSError, ResolveError, ForbiddenAddress: no connection, or none that is safe.
        AuthenticationError: the server refused the login, or wants one.
        ReplyError: there is no such article (``code`` 430), or the server refused something else.
        ConnectionLost, OperationTimeout, ProtocolError, LimitExceeded: see there.
        ValueError, TypeError: an argument that cannot be right; nothing was sent.

    Source: RFC 3977, 4642, 4643

    Example:
        ```python
        article = await asyncnet.nntp.fetch("news.example.org", message_id="<one@example.org>")
        print(article.headers["Subject"], article.body)
        ```
    """
    options = Options(
        host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
        server_hostname=server_hostname, local_address=local_address, dialer=dialer,
    )  # fmt: skip
    if not isinstance(message_id, str):
        raise TypeError(f"message_id must be a str, not {type(message_id).__name__}")
    word = check_article(message_id, "message_id")
    check_limit(max_bytes)
    session = Session(options, lambda: None)
    async with Operation("nntp", "fetch", peer=options.peer, timeout=timeout) as operation:
        try:
            await session.open(operation)
            command = session.block({220}, "ARTICLE", word, max_bytes=max_bytes)
            reply = await session.ask(operation, "ARTICLE", command, {220})
            stat = session.trust(lambda text: parse_stat(text, message_id), reply.text)
            await part(operation, session.part)
        finally:
            session.abort()
    return Article(None, stat.message_id, command.block or b"")
