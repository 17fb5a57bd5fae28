"""The scripted NNTP server, spoken to by hand: the standard library has no client any more."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from asyncnet import testing


def article(number: int, text: str = "text") -> bytes:
    head = f"Message-ID: <{number}@test>\r\nSubject: number\r\n\t{number}\r\nFrom: me@test\r\n\r\n"
    return head.encode() + text.encode() + b"\r\n"


GROUPS = {"misc.test": [article(1, ".dot"), article(2)], "misc.empty": [], "alt.test": [article(3)]}


class Client:
    """A client that sends what it is told."""

    def __init__(self, server: testing.NNTPServer) -> None:
        self.socket: socket.socket = socket.create_connection(server.address, timeout=5.0)
        self.file = self.socket.makefile("rb")

    def line(self) -> str:
        return self.file.readline().decode().rstrip("\r\n")

    def say(self, text: str) -> str:
        self.socket.sendall(text.encode() + b"\r\n")
        return self.line()

    def block(self, text: str) -> tuple[str, list[str]]:
        status = self.say(text)
        return status, list(iter(self.line, "."))

    def start_tls(self, context: ssl.SSLContext) -> None:
        self.file.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()


Connect = Callable[[testing.NNTPServer], Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[Client] = []

    def make(server: testing.NNTPServer) -> Client:
        clients.append(Client(server))
        assert clients[-1].line().startswith("200 ")
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def test_groups_and_lists(connect: Connect) -> None:
    with testing.NNTPServer(GROUPS) as server:
        client = connect(server)
        assert "READER" in client.block("CAPABILITIES")[1]
        assert client.say("MODE READER").startswith("200")
        assert client.say("MODE STREAM").startswith("501")
        assert client.say("GROUP misc.test") == "211 2 1 2 misc.test"
        assert client.say("GROUP misc.empty") == "211 0 0 0 misc.empty"
        assert client.say("GROUP absent").startswith("411")
        assert client.block("LIST")[1] == ["misc.test 2 1 y", "misc.empty 0 0 y", "alt.test 1 1 y"]
        assert client.block("LIST ACTIVE misc.*,!misc.e*")[1] == ["misc.test 2 1 y"]
        assert client.block("LIST NEWSGROUPS alt.*")[1] == ["alt.test\tarticles of the test"]
        assert client.block("LIST OVERVIEW.FMT")[1][0] == "Subject:"
        assert client.say("LIST NOTHING").startswith("501")
        assert client.say("DATE").startswith("111 ")
        assert client.say("WHAT").startswith("500")
        assert client.say("QUIT").startswith("205")
        assert server.commands[-1] == "QUIT"


def test_articles(connect: Connect) -> None:
    with testing.NNTPServer(GROUPS) as server:
        client = connect(server)
        assert client.say("ARTICLE").startswith("412")
        assert client.say("ARTICLE 1").startswith("412")
        client.say("GROUP misc.test")
        status, lines = client.block("ARTICLE 1")
        assert status == "220 1 <1@test>"
        assert lines[-1] == "..dot"  # doubled on the wire
        assert client.block("HEAD")[1][0] == "Message-ID: <1@test>"
        assert client.block("BODY 2") == ("222 2 <2@test>", ["text"])
        assert client.say("STAT") == "223 2 <2@test>"
        assert client.say("STAT <3@test>") == "223 0 <3@test>"
        assert client.say("STAT <9@test>").startswith("430")
        assert client.say("STAT 9").startswith("423")
        assert client.say("STAT x").startswith("423")


def test_overviews(connect: Connect) -> None:
    with testing.NNTPServer(GROUPS) as server:
        client = connect(server)
        assert client.say("OVER 1-2").startswith("412")
        client.say("GROUP misc.test")
        rows = client.block("OVER 1-")[1]
        size = len(GROUPS["misc.test"][0])
        assert rows[0] == f"1\tnumber 1\tme@test\t\t<1@test>\t\t{size}\t1"
        assert len(rows) == 2
        assert len(client.block("XOVER 2")[1]) == 1
        assert len(client.block("OVER")[1]) == 1
        assert client.block("OVER <3@test>")[1][0].startswith("0\t")
        assert client.say("OVER <9@test>").startswith("430")
        assert client.say("OVER 7-9").startswith("423")
        assert client.say("OVER x").startswith("423")


def test_posting(connect: Connect) -> None:
    with testing.NNTPServer(GROUPS, replies={".": [None, "441 no"]}) as server:
        client = connect(server)
        for expected in ("240", "441"):
            assert client.say("POST").startswith("340")
            assert client.say("Subject: x\r\n\r\n..dot\r\n.").startswith(expected)
        assert server.posted == [b"Subject: x\r\n\r\n.dot\r\n"]
    with testing.NNTPServer(GROUPS, replies={"POST": "440 no posting"}) as server:
        assert connect(server).say("POST").startswith("440")
    with testing.NNTPServer(GROUPS, drop_at=".") as server:
        client = connect(server)
        client.say("POST")
        assert client.say("x\r\n.") == ""
        assert len(server.posted) == 1


def test_logins(connect: Connect) -> None:
    with testing.NNTPServer(GROUPS, users={"me": "sec ret"}) as server:
        client = connect(server)
        assert "AUTHINFO USER" in client.block("CAPABILITIES")[1]
        assert client.say("GROUP misc.test").startswith("480")
        assert client.say("AUTHINFO PASS x").startswith("482")
        assert client.say("AUTHINFO").startswith("482")
        assert client.say("AUTHINFO USER me").startswith("381")
        assert client.say("AUTHINFO PASS wrong").startswith("481")
        assert client.say("AUTHINFO PASS sec ret").startswith("281")
        assert client.say("GROUP misc.test").startswith("211")
        assert "AUTHINFO USER" not in client.block("CAPABILITIES")[1]
        assert [login.ok for login in server.logins] == [False, True]
    with testing.NNTPServer(GROUPS) as server:
        assert connect(server).say("AUTHINFO USER me").startswith("502")


def test_starttls(connect: Connect) -> None:
    ca = testing.CertificateAuthority()
    with testing.NNTPServer(GROUPS, starttls=ca.server_context()) as server:
        client = connect(server)
        assert "STARTTLS" in client.block("CAPABILITIES")[1]
        assert client.say("STARTTLS").startswith("382")
        client.start_tls(ca.client_context())
        assert "STARTTLS" not in client.block("CAPABILITIES")[1]
        assert client.say("STARTTLS").startswith("502")
        client.close()
        server.replies["STARTTLS"] = "580 not now"
        client = connect(server)
        assert client.say("STARTTLS") == "580 not now"
        assert client.say("DATE").startswith("111")


def test_replies_are_replaced(connect: Connect) -> None:
    replies = {"ARTICLE": b"220 0 <x>\r\nraw\r\n.\r\n", "GROUP": "411 gone"}
    with testing.NNTPServer(GROUPS, replies=replies, capabilities=()) as server:
        client = connect(server)
        assert client.say("CAPABILITIES").startswith("500")
        assert client.say("GROUP misc.test") == "411 gone"
        assert client.block("ARTICLE <1@test>")[1] == ["raw"]
    with testing.NNTPServer(replies={"CONNECT": "400 go away"}) as server:
        with socket.create_connection(server.address, timeout=5.0) as plain:
            assert b"".join(iter(lambda: plain.recv(100), b"")) == b"400 go away\r\n"
