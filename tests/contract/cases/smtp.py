"""smtp: the one-shot, one connection, the pool."""

from __future__ import annotations

from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

MESSAGE = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: contract\r\n\r\nhello\r\n"


def client(target: Target) -> asyncnet.smtp.Client:
    return asyncnet.smtp.Client(target.host, target.port, timeout=target.timeout, dialer=target.dialer)


def pool(target: Target) -> asyncnet.smtp.Pool:
    return asyncnet.smtp.Pool(target.host, target.port, size=2, timeout=target.timeout, dialer=target.dialer)


CASES = [
    Case("smtp.send", testing.SMTPServer, lambda t: ((MESSAGE, t.host, t.port), {})),
    Case("smtp.Client.send", testing.SMTPServer, lambda _: ((MESSAGE,), {}), client),
    Case("smtp.Pool.send", testing.SMTPServer, lambda _: ((MESSAGE,), {}), pool),
    Case("smtp.Pool.send_many", testing.SMTPServer, lambda _: (([MESSAGE, MESSAGE, MESSAGE],), {}), pool),
]


def made_client(target: Target, **changes: Any) -> asyncnet.smtp.Client:
    keywords = {"host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer, **changes}
    return asyncnet.smtp.Client(**keywords)


def made_pool(target: Target, **changes: Any) -> asyncnet.smtp.Pool:
    keywords = {"host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer, **changes}
    return asyncnet.smtp.Pool(**keywords)


LIVES = [
    Life("smtp.Client", made_client, testing.SMTPServer),
    Life("smtp.Pool", made_pool, testing.SMTPServer, opening_connects=False),
]
