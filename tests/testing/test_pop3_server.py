"""The scripted POP3 server, spoken to by the standard library and by hand."""

from __future__ import annotations

import base64
import poplib
import socket
from collections.abc import Callable, Iterator

import pytest

from asyncnet import testing

ONE = b"Subject: one\r\n\r\n.dot\r\nsecond\r\nthird\r\n"
TWO = b"Subject: two\r\n\r\ntext\r\n"


Connect = Callable[[testing.POP3Server], poplib.POP3]


@pytest.fixture
def connect() -> Iterator[Connect]:
    clients: list[poplib.POP3] = []

    def make(server: testing.POP3Server) -> poplib.POP3:
        clients.append(poplib.POP3(server.host, server.port, timeout=5.0))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def login(client: poplib.POP3, password: str = "secret") -> None:
    client.user("me")
    client.pass_(password)


def test_the_maildrop_is_read(connect: Connect) -> None:
    with testing.POP3Server([ONE, TWO], users={"me": "secret"}) as server:
        client = connect(server)
        assert client.getwelcome() == b"+OK ready"
        login(client)
        assert client.stat() == (2, len(ONE) + len(TWO))
        assert client.list()[1] == [f"1 {len(ONE)}".encode(), f"2 {len(TWO)}".encode()]
        assert client.list(2) == f"+OK 2 {len(TWO)}".encode()
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == ONE
        assert client.top(1, 1)[1] == [b"Subject: one", b"", b".dot"]
        uids = [line.split()[1] for line in client.uidl()[1]]
        assert len(set(uids)) == 2
        assert client.uidl(1) == b"+OK 1 " + uids[0]
        client.noop()
        assert client.quit() == b"+OK bye"
        assert server.commands[-1] == "QUIT"


def test_deletions_count_at_quit_only(connect: Connect) -> None:
    with testing.POP3Server([ONE, TWO]) as server:
        client = connect(server)
        login(client)
        client.dele(1)
        assert client.stat()[0] == 1
        with pytest.raises(poplib.error_proto, match="no such message"):
            client.retr(1)
        client.rset()
        assert client.stat()[0] == 2
        client.dele(2)
        client.close()
        server.block_until(lambda: server.connections.open == 0)
        assert server.messages == [ONE, TWO]
        client = connect(server)
        login(client)
        client.dele(2)
        client.quit()
        assert server.messages == [ONE]


def test_logins(connect: Connect) -> None:
    with testing.POP3Server(users={"me": "sec ret"}, apop=True) as server:
        client = connect(server)
        with pytest.raises(poplib.error_proto, match="wrong credentials"):
            login(client, "wrong")
        login(client, "sec ret")
        client = connect(server)
        assert client.apop("me", "sec ret") == b"+OK welcome"
        client = connect(server)
        for command in ("AUTH", "AUTH NTLM", "AUTH PLAIN !", "STAT", "STLS", "", "APOP"):
            with pytest.raises(poplib.error_proto):
                client._shortcmd(command)  # type: ignore[attr-defined]  # the library has no public way to say it
        credentials = base64.b64encode(b"\0me\0sec ret").decode()
        client._putcmd("AUTH PLAIN")  # type: ignore[attr-defined]  # as above
        assert client._getline()[0] == b"+ "  # type: ignore[attr-defined]  # as above
        assert client._shortcmd(credentials) == b"+OK welcome"  # type: ignore[attr-defined]  # as above
        client = connect(server)
        assert client._shortcmd(f"AUTH PLAIN {credentials}") == b"+OK welcome"  # type: ignore[attr-defined]  # as above
        kinds = [(login.mechanism, login.ok) for login in server.logins]
        assert kinds == [
            ("USER", False),
            ("USER", True),
            ("APOP", True),
            ("APOP", False),
            ("PLAIN", True),
            ("PLAIN", True),
        ]


def test_stls(ca: testing.CertificateAuthority) -> None:
    with testing.POP3Server([ONE], starttls=ca.server_context()) as server:
        client = poplib.POP3("localhost", server.port, timeout=5.0)
        assert "STLS" in client.capa()
        client.stls(ca.client_context())
        assert "STLS" not in client.capa()
        login(client)
        assert client.stat()[0] == 1
        client.quit()
        assert server.logins[0].tls


def test_tls_from_the_first_byte(ca: testing.CertificateAuthority) -> None:
    with testing.POP3Server([ONE], ssl=ca.server_context()) as server:
        client = poplib.POP3_SSL("localhost", server.port, timeout=5.0, context=ca.client_context())
        login(client)
        client.quit()
        assert server.logins[0].tls


def test_a_refused_upgrade_goes_on_in_clear(ca: testing.CertificateAuthority, connect: Connect) -> None:
    with testing.POP3Server([ONE], starttls=ca.server_context(), replies={"STLS": "-ERR not now"}) as server:
        client = connect(server)
        with pytest.raises(poplib.error_proto, match="not now"):
            client.stls(ca.client_context())
        login(client)
        assert not server.logins[0].tls


def test_replies_are_replaced(connect: Connect) -> None:
    replies = {"RETR 1": "-ERR locked", "DELE": "-ERR no", "TOP": b"+OK\r\nraw\r\n.\r\n", "CAPA": None}
    with testing.POP3Server([ONE, TWO], replies=replies, capabilities=()) as server:
        client = connect(server)
        with pytest.raises(poplib.error_proto):
            client.capa()
        login(client)
        with pytest.raises(poplib.error_proto, match="locked"):
            client.retr(1)
        assert client.top(1, 0)[1] == [b"raw"]
        with pytest.raises(poplib.error_proto):
            client.dele(1)
        with pytest.raises(poplib.error_proto):
            client.dele(9)
        with pytest.raises(poplib.error_proto):
            client.list(9)
        assert client.stat()[0] == 2


def test_pipelining_and_drops() -> None:
    with testing.POP3Server([ONE], drop_at="RETR") as server:
        with socket.create_connection(server.address, timeout=5.0) as client:
            client.sendall(b"USER me\r\nPASS x\r\nNOOP\r\nRETR 1\r\nNOOP\r\n")
            received = b"".join(iter(lambda: client.recv(4096), b""))
        assert received == b"+OK ready\r\n+OK\r\n+OK welcome\r\n+OK\r\n"
