"""pop3: the one-shot and a session, over a maildrop of four messages."""

from __future__ import annotations

from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

MESSAGES = [b"Subject: %d\r\n\r\nmessage %d\r\n.\r\n" % (number, number) for number in range(4)]
LOGIN = {"username": "ann", "password": "secret", "starttls": False}


def server() -> testing.POP3Server:
    return testing.POP3Server(MESSAGES, users={"ann": "secret"})


def made_client(target: Target, **changes: Any) -> asyncnet.pop3.Client:
    keywords = {
        "host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer, **LOGIN, **changes
    }  # fmt: skip
    return asyncnet.pop3.Client(**keywords)


def method(name: str, *arguments: Any) -> Case:
    return Case(f"pop3.Client.{name}", server, lambda _: (arguments, {}), made_client)


CASES = [
    Case("pop3.fetch", server, lambda t: ((t.host, t.port), LOGIN)),
    method("stat"),
    method("list"),
    method("fetch", 1),
    method("fetch_bytes", 1),
    method("headers", 1),
    method("messages"),
    method("delete", 1),
    method("reset"),
]

LIVES = [Life("pop3.Client", made_client, server)]
