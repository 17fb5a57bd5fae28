"""nntp: the one-shot and a session, over two groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

NEWS = [
    b"Message-ID: <%d@example.org>\r\nNewsgroups: misc.test\r\nFrom: ann@example.org\r\nSubject: %d\r\n\r\ntext\r\n"
    % (number, number)
    for number in range(1, 5)
]
IDS = [f"<{number}@example.org>" for number in range(1, 5)]
LOGIN = {"username": "ann", "password": "secret", "starttls": False}
SINCE = datetime(2024, 2, 29, tzinfo=UTC)

# What the test server does not do by itself.
REPLIES = {
    "LISTGROUP": "211 4 1 4 misc.test\n1\n2\n3\n4\n.",
    "HDR": "225 headers follow\n1 one\n2 two\n3 three\n4 four\n.",
    "NEWNEWS": "230 ids follow\n<1@example.org>\n.",
    "NEWGROUPS": "231 groups follow\nmisc.new 4 1 y\n.",
    "NEXT": "223 2 <2@example.org> retrieved",
    "LAST": "223 1 <1@example.org> retrieved",
}


def server() -> testing.NNTPServer:
    return testing.NNTPServer({"misc.test": NEWS, "misc.empty": []}, users={"ann": "secret"}, replies=REPLIES)


def made_client(target: Target, **changes: Any) -> asyncnet.nntp.Client:
    keywords = {
        "host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer, **LOGIN, **changes
    }  # fmt: skip
    return asyncnet.nntp.Client(**keywords)


async def in_group(client: asyncnet.nntp.Client) -> None:
    await client.group("misc.test")


def method(name: str, *arguments: Any, **more: Any) -> Case:
    return Case(f"nntp.Client.{name}", server, lambda _: (arguments, {}), made_client, **more)


CASES = [
    Case("nntp.fetch", server, lambda t: ((t.host, t.port), {"message_id": IDS[0], **LOGIN})),
    method("capabilities"),
    method("date"),
    method("listing", "NEWSGROUPS", "misc.*"),
    method("groups", "misc.*"),
    method("group", "misc.test"),
    method("numbers", "misc.test"),
    method("newnews", "misc.*", SINCE),
    method("newgroups", SINCE),
    method("overviews", 1, 4, prepare=in_group),
    method("header", "Subject", 1, 4, prepare=in_group),
    method("fetch", IDS[0]),
    method("head", IDS[0]),
    method("body", IDS[0]),
    method("stat", IDS[0]),
    method("next", prepare=in_group),
    method("last", prepare=in_group),
    method("fetch_many", IDS),
    method("post", NEWS[0], free_text=frozenset({"article"})),
]

LIVES = [Life("nntp.Client", made_client, server)]
