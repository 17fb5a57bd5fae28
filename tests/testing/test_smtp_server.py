"""The scripted SMTP server, spoken to by the standard library and by hand."""

from __future__ import annotations

import base64
import smtplib
import socket
from collections.abc import Callable, Iterator

import pytest

from asyncnet import testing

BODY = b"Subject: x\r\n\r\n.dot\r\n..two\r\n"


class Client:
    """A client that sends what it is told."""

    def __init__(self, server: testing.SMTPServer) -> None:
        self.socket = socket.create_connection(server.address, timeout=5.0)
        self.file = self.socket.makefile("rb")

    def reply(self) -> str:
        lines = [self.file.readline().decode()]
        while lines[-1][3:4] == "-":
            lines.append(self.file.readline().decode())
        return "".join(lines).strip().replace("\r\n", "|")

    def say(self, text: str) -> str:
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def connect() -> Iterator[Callable[[testing.SMTPServer], Client]]:
    clients: list[Client] = []

    def make(server: testing.SMTPServer) -> Client:
        clients.append(Client(server))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


Connect = Callable[[testing.SMTPServer], Client]


def test_a_message_is_stored_as_received() -> None:
    with testing.SMTPServer(size=1000) as server:
        with smtplib.SMTP(*server.address, timeout=5.0) as client:
            client.sendmail("a@example", ["b@example", "c@example"], BODY, mail_options=["BODY=8BITMIME"])
            assert client.esmtp_features["size"] == "1000"
        (mail,) = server.messages
        assert (mail.sender, mail.recipients, mail.data) == ("a@example", ("b@example", "c@example"), BODY)
        assert "BODY=8BITMIME" in mail.parameters
        assert (mail.user, mail.tls, mail.connection) == (None, False, 1)
        assert mail.hello
        assert server.commands[-1].upper() == "QUIT"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_starttls_and_login(ca: testing.CertificateAuthority, mechanism: str) -> None:
    with testing.SMTPServer(starttls=ca.server_context(), users={"me": "secret"}, require_auth=True) as server:
        with smtplib.SMTP("localhost", server.port, timeout=5.0) as client:
            client.starttls(context=ca.client_context())
            client.ehlo()
            assert "starttls" not in client.esmtp_features
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("a@example", "b@example", BODY)
            client.user, client.password = "me", "secret"
            ways = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login, "CRAM-MD5": client.auth_cram_md5}
            client.auth(mechanism, ways[mechanism])
            client.sendmail("a@example", "b@example", BODY)
        assert server.messages[0].user == "me"
        assert server.messages[0].tls
        (login,) = server.logins
        assert (login.mechanism, login.username, login.tls, login.ok) == (mechanism, "me", True, True)


def test_tls_from_the_first_byte(ca: testing.CertificateAuthority) -> None:
    with testing.SMTPServer(ssl=ca.server_context()) as server:
        with smtplib.SMTP_SSL("localhost", server.port, timeout=5.0, context=ca.client_context()) as client:
            client.sendmail("a@example", "b@example", BODY)
        assert server.messages[0].tls


def test_wrong_credentials(connect: Connect) -> None:
    with testing.SMTPServer(users={"me": "secret"}) as server:
        client = connect(server)
        assert client.reply().startswith("220 ")
        assert "AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2" in client.say("EHLO x")
        assert client.say("AUTH PLAIN " + base64.b64encode(b"\0me\0wrong").decode()).startswith("535")
        assert client.say("AUTH LOGIN") == "334 VXNlcm5hbWU6"
        assert client.say(base64.b64encode(b"me").decode()).startswith("334 ")
        assert client.say("*").startswith("501")
        assert client.say("AUTH PLAIN !").startswith("501")
        assert client.say("AUTH PLAIN =").startswith("501")
        assert client.say("AUTH NTLM").startswith("504")
        token = base64.b64encode(b"user=me\x01auth=Bearer wrong\x01\x01").decode()
        assert client.say(f"AUTH XOAUTH2 {token}").startswith("334 ")
        assert client.say("").startswith("535")
        token = base64.b64encode(b"user=me\x01auth=Bearer secret\x01\x01").decode()
        assert client.say("AUTH XOAUTH2") == "334"
        assert client.say(token).startswith("235")
        assert [login.ok for login in server.logins] == [False, False, True]
        assert not any(login.tls for login in server.logins)


def test_sequence_and_syntax(connect: Connect) -> None:
    with testing.SMTPServer(size=10) as server:
        client = connect(server)
        client.reply()
        assert client.say("HELO x") == "250 test.invalid"
        assert client.say("STARTTLS").startswith("502")
        assert client.say("AUTH PLAIN").startswith("504")
        assert client.say("MAIL a").startswith("501")
        assert client.say("RCPT b").startswith("501")
        assert client.say("RCPT TO:<b@example>").startswith("503")
        assert client.say("DATA").startswith("503")
        assert client.say("MAIL FROM:<> SIZE=11").startswith("552")
        assert client.say("MAIL FROM:<> SIZE=x").startswith("250")
        assert client.say("RCPT TO:<b@example>").startswith("250")
        assert client.say("RSET").startswith("250")
        assert client.say("NOOP").startswith("250")
        assert client.say("VRFY b").startswith("252")
        assert client.say("WHAT").startswith("502")
        client.say("MAIL FROM:<>")
        client.say("RCPT TO:<b@example>")
        assert client.say("DATA").startswith("354")
        assert client.say("more than ten\r\n.").startswith("552")
        assert client.say("QUIT").startswith("221")
        assert server.messages == []


def test_only_crlf_dot_crlf_ends_a_message(connect: Connect) -> None:
    with testing.SMTPServer() as server:
        client = connect(server)
        client.reply()
        for command in ("EHLO x", "MAIL FROM:<a@example>", "RCPT TO:<b@example>", "DATA"):
            client.say(command)
        assert client.say("a\n.\nb\n.\r\nc\r\n.").startswith("250")
        assert server.messages[0].data == b"a\n\nb\n\r\nc\r\n"


def test_replies_are_replaced(connect: Connect) -> None:
    replies = {
        "CONNECT": "220-one\n220 two",
        "RCPT TO:<bad@": "550 no such user",
        "RCPT": ["450 later", None],
        "NOOP": b"250-raw\r\n250 raw\r\n",
        "AUTH": "535 never",
        "STARTTLS": "454 not now",
        ".": "451 not now",
    }
    with testing.SMTPServer(replies=replies) as server:
        client = connect(server)
        assert client.reply() == "220-one|220 two"
        client.say("EHLO x")
        assert client.say("AUTH PLAIN x") == "535 never"
        assert client.say("NOOP") == "250-raw|250 raw"
        client.say("MAIL FROM:<a@example>")
        assert client.say("RCPT TO:<b@example>") == "450 later"
        assert client.say("RCPT TO:<bad@example>") == "550 no such user"
        assert client.say("rcpt to:<b@example>").startswith("250")
        assert client.say("DATA").startswith("354")
        assert client.say("x\r\n.") == "451 not now"
        assert server.messages == []


def test_starttls_refused_and_injected(ca: testing.CertificateAuthority, connect: Connect) -> None:
    with testing.SMTPServer(starttls=ca.server_context(), replies={"STARTTLS": "454 not now"}) as server:
        client = connect(server)
        client.reply()
        client.say("EHLO x")
        assert client.say("STARTTLS") == "454 not now"
        assert client.say("NOOP").startswith("250")
    with testing.SMTPServer(starttls=ca.server_context(), inject=b"250 injected\r\n") as server:
        client = connect(server)
        client.reply()
        client.say("EHLO x")
        assert client.say("STARTTLS").startswith("220")
        assert client.reply() == "250 injected"
        client.socket.sendall(b"no handshake")
    with testing.SMTPServer(starttls=ca.server_context(), replies={"STARTTLS": b"220 raw\r\n"}) as server:
        client = connect(server)
        client.reply()
        assert client.say("STARTTLS") == "220 raw"


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"])
def test_drops(command: str) -> None:
    with testing.SMTPServer(drop_at=command) as server:
        with pytest.raises((smtplib.SMTPException, ConnectionError)):
            with smtplib.SMTP(*server.address, timeout=5.0) as client:
                client.sendmail("a@example", "b@example", BODY)
                assert client.quit()
        assert len(server.messages) == (1 if command in (".", "QUIT") else 0)


def test_stalls_and_delays(connect: Connect) -> None:
    with testing.SMTPServer(stall_at=["NOOP"], delay=0.001) as server:
        client = connect(server)
        client.reply()
        client.socket.settimeout(0.02)
        with pytest.raises(TimeoutError):
            client.say("NOOP")
        client.close()
        server.block_until(lambda: server.connections == (0, 1))


def test_a_refusing_greeting_ends_the_session(connect: Connect) -> None:
    with testing.SMTPServer(replies={"CONNECT": "554 go away"}) as server:
        client = connect(server)
        assert client.reply() == "554 go away"
        assert client.file.read() == b""


@pytest.mark.parametrize("last", ["DATA\r\nhalf a messa", "AUTH LOGIN\r\n"])
def test_a_client_that_goes_in_the_middle_is_no_error(connect: Connect, last: str) -> None:
    with testing.SMTPServer(users={}) as server:
        client = connect(server)
        client.reply()
        client.socket.sendall(f"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n{last}".encode())
        server.block_until(lambda: len(server.commands) == 4)
        client.close()
        server.block_until(lambda: server.connections.open == 0)
        assert server.messages == []
