"""The newest messages of a maildrop, over a connection of their own."""

from __future__ import annotations

import ssl as _ssl

from ..core.access import Token
from ..core.client import part
from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation
from ..core.target import LocalAddress
from ..errors import LimitExceeded
from .client import MAX_BYTES, check_count, check_limit
from .message import Message
from .retrieval import Retrieval
from .session import Options, Session

__all__ = ["fetch"]


async def fetch(
    host: str,
    port: int = 995,
    *,
    username: str,
    password: str | None = None,
    token: Token | None = None,
    limit: int | None = 10,
    apop: bool = False,
    max_bytes: int = MAX_BYTES,
    ssl: bool | _ssl.SSLContext | None = None,
    starttls: bool | None = None,
    server_hostname: str | None = None,
    local_address: LocalAddress | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    dialer: Dialer | None = None,
) -> list[Message]:
    """Fetch the newest messages, the newest last; nothing is deleted.

    Args:
        host: the server's name or address.
        port: 995, which is TLS from the first byte; 110 is for STLS.
        username: whom to log in.
        password: with ``username``.
        token: instead of a password: an OAuth token, or an async function that returns a fresh one.
        limit: how many at most; ``None`` for all.
        apop: log in by APOP; it needs a password and a server that greets with a timestamp.
        max_bytes: what all of them together may have at most.
        ssl: TLS from the first byte; ``None``: on port 995. A context together with ``starttls=True`` is used for that.
        starttls: ``True`` required, ``False`` never - the only way to let credentials travel in clear -, ``None``
            used when offered and required with credentials.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        timeout: seconds for all of it, ``None`` for no limit.
        dialer: opens the connection, ``None`` for the current one.

    Raises:
        ConnectError, TLSError, ResolveError, ForbiddenAddress: no connection, or none that is safe.
        AuthenticationError: the server refused the login, or offers none.
        ReplyError: the server refused something else, such as a second session (``code`` ``"IN-USE"``).
        ConnectionLost, OperationTimeout, ProtocolError, LimitExceeded: see there.
        ValueError, TypeError: an argument that cannot be right; nothing was sent.

    Source: RFC 1939, 2449, 2595, 5034

    Example:
        ```python
        for message in await asyncnet.pop3.fetch("pop.example.org", username="ann", password=secret, limit=3):
            print(message["From"], message["Subject"])
        ```
    """
    options = Options(
        host=host, port=port, username=username, password=password, token=token, ssl=ssl, starttls=starttls,
        server_hostname=server_hostname, local_address=local_address, dialer=dialer, apop=apop,
    )  # fmt: skip
    check_limit(max_bytes)
    if limit is not None and check_count(limit, "limit") < 0:
        raise ValueError(f"limit must not be negative, not {limit}")
    session = Session(options, lambda: None)
    messages: list[Message] = []
    async with Operation("pop3", "fetch", peer=options.peer, timeout=timeout) as operation:
        try:
            await session.open(operation)
            items = await session.items(operation)
            if limit is not None:
                items = items[max(0, len(items) - limit) :]
            retrieval = Retrieval(session, items, max_bytes)
            held = 0
            with operation.span("retr", count=len(items)):
                while (found := await retrieval.next()) is not None:
                    item, data = found
                    held += len(data)
                    if held > max_bytes:
                        raise LimitExceeded(f"the messages have more than max_bytes={max_bytes:,} bytes")
                    messages.append(Message._parse(data, item))
            await part(operation, session.part)
        finally:
            session.abort()
    return messages
