"""The scripted FTP server, spoken to by the standard library."""

from __future__ import annotations

import contextlib
import ftplib
import io
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from asyncnet import testing

FILES = {"/pub/readme.txt": b"hello\r\n", "/pub/big.bin": bytes(range(256)) * 1000, "/top": b""}


@contextlib.contextmanager
def connect(server: testing.FTPServer, user: str = "", password: str = "") -> Iterator[ftplib.FTP]:
    client = ftplib.FTP(timeout=5.0)
    try:
        client.connect(server.host, server.port)
        client.login(user, password)
        yield client
    finally:
        client.close()


def fetch(client: ftplib.FTP, command: str, rest: int | None = None) -> bytes:
    received = io.BytesIO()
    client.retrbinary(command, received.write, rest=rest)
    return received.getvalue()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_files_are_fetched_and_stored(host: str) -> None:
    with testing.FTPServer(FILES, host=host) as server, connect(server) as client:
        assert client.getwelcome() == "220 test.invalid ready"
        client.cwd("pub")
        assert client.pwd() == "/pub"
        assert fetch(client, "RETR readme.txt") == b"hello\r\n"
        assert fetch(client, "RETR big.bin", rest=255_990) == FILES["/pub/big.bin"][255_990:]
        assert client.size("big.bin") == 256_000
        assert client.sendcmd("MDTM big.bin") == "213 20240229120000"
        client.storbinary("STOR new", io.BytesIO(b"one two"))
        client.storbinary("APPE new", io.BytesIO(b" three"))
        client.storbinary("STOR new", io.BytesIO(b"four"), rest=4)
        assert server.files["/pub/new"] == b"one four"
        client.cwd("..")
        assert client.pwd() == "/"
        assert client.quit() == "221 bye"
        assert server.logins[0].username == "anonymous"
        assert server.commands[-1] == "QUIT"


def test_lists() -> None:
    with testing.FTPServer(FILES) as server, connect(server) as client:
        assert client.nlst() == ["pub", "top"]
        assert client.nlst("-a") == ["pub", "top"]
        assert dict(client.mlsd("pub"))["readme.txt"]["size"] == "7"
        rows: list[str] = []
        client.retrlines("LIST /pub", rows.append)
        assert [row.split()[-1] for row in rows] == ["big.bin", "readme.txt"]
        client.retrlines("LIST /top", rows.append)
        assert rows[-1].endswith(" top")
        assert "type=file;size=7;" in client.sendcmd("MLST pub/readme.txt")
        for command in ("MLSD top", "LIST absent", "MLST absent", "SIZE pub", "CWD top", "RETR pub"):
            with pytest.raises(ftplib.error_perm, match="550"):
                client.retrlines(command) if command[0] in "ML" and command[1] != "L" else client.sendcmd(command)
                client.sendcmd(command)


def test_the_tree_is_changed() -> None:
    with testing.FTPServer(FILES) as server, connect(server) as client:
        assert client.mkd('new "one"') == '/new "one"'
        client.rename("top", 'new "one"/file')
        assert '/new "one"/file' in server.files
        client.delete('new "one"/file')
        client.rmd('new "one"')
        assert server.folders == {"/", "/pub"}
        for command, code in (
            ("DELE absent", "550"),
            ("RMD pub", "550"),
            ("MKD pub", "550"),
            ("RNFR absent", "550"),
            ("RNTO x", "553"),
            ("STOR absent/x", "553"),
            ("REST x", "501"),
            ("PORT x", "501"),
            ("PROT P", "503"),
            ("AUTH TLS", "504"),
            ("RETR absent", "550"),
            ("WHAT", "500"),
        ):
            with pytest.raises(ftplib.error_perm, match=code):
                client.sendcmd(command)
        assert client.sendcmd("NOOP").startswith("200")
        assert client.sendcmd("FEAT").startswith("211-features")


def test_the_client_can_be_the_one_that_listens() -> None:
    for host in ("127.0.0.1", "::1"):
        with testing.FTPServer(FILES, host=host) as server, connect(server) as client:
            client.set_pasv(False)
            assert fetch(client, "RETR pub/readme.txt") == b"hello\r\n"


def test_a_data_connection_that_was_not_arranged() -> None:
    with testing.FTPServer(FILES) as server, connect(server) as client:
        client.putcmd("RETR pub/readme.txt")
        assert client.getresp().startswith("150")
        with pytest.raises(ftplib.error_temp, match="425"):
            client.getresp()
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = closed.getsockname()
        client.sendport(*address)
        client.putcmd("RETR pub/readme.txt")
        client.getresp()
        with pytest.raises(ftplib.error_temp, match="425"):
            client.getresp()


def test_logins() -> None:
    with testing.FTPServer(FILES, users={"me": "secret"}) as server:
        with pytest.raises(ftplib.error_perm, match="530 wrong"):
            with connect(server, "me", "wrong"):
                pass
        with connect(server, "me", "secret") as client:
            assert client.nlst()
        assert [(login.ok, login.tls) for login in server.logins] == [(False, False), (True, False)]
        client = ftplib.FTP(timeout=5.0)
        client.connect(*server.address)
        with pytest.raises(ftplib.error_perm, match="530 log in"):
            client.sendcmd("LIST")
        client.close()


class Reusing(ftplib.FTP_TLS):
    """Takes the control connection's TLS session up on data connections."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        return self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session), size


@pytest.mark.parametrize("reuse", [True, False])
def test_tls_on_both_connections(ca: testing.CertificateAuthority, reuse: bool) -> None:
    with testing.FTPServer(FILES, starttls=ca.server_context(), require_session_reuse=reuse) as server:
        client = (Reusing if reuse else ftplib.FTP_TLS)(context=ca.client_context(), timeout=5.0)
        with contextlib.closing(client):
            client.connect("localhost", server.port)
            client.login()
            assert "AUTH TLS" in client.sendcmd("FEAT")
            with pytest.raises(ftplib.error_perm, match="504"):
                client.sendcmd("PROT X")
            client.prot_p()
            assert fetch(client, "RETR pub/readme.txt") == b"hello\r\n"
            assert server.logins[0].tls
            if not reuse:
                server.faults.require_session_reuse = True
                client.voidcmd("TYPE I")
                with contextlib.suppress(OSError), client.transfercmd("RETR pub/readme.txt") as data:
                    assert data.recv(100) == b""
                with pytest.raises(ftplib.error_temp, match="426"):
                    client.getresp()
            client.prot_c()


def test_tls_from_the_first_byte_and_a_refused_upgrade(ca: testing.CertificateAuthority) -> None:
    with testing.FTPServer(FILES, ssl=ca.server_context()) as server:
        with socket.create_connection(server.address, timeout=5.0) as plain:
            with ca.client_context().wrap_socket(plain, server_hostname="localhost") as client:
                assert client.recv(100).startswith(b"220 ")
                client.sendall(b"PBSZ 0\r\n")
                assert client.recv(100).startswith(b"200 ")
    with testing.FTPServer(FILES, starttls=ca.server_context(), replies={"AUTH": "534 not now"}) as server:
        with connect(server) as other, pytest.raises(ftplib.error_perm, match="534"):
            other.sendcmd("AUTH TLS")


def test_data_can_be_cut_and_stall() -> None:
    with testing.FTPServer(FILES, cut_data_at=1000) as server, connect(server) as client:
        received = io.BytesIO()
        with pytest.raises(ftplib.error_temp, match="426"):
            client.retrbinary("RETR pub/big.bin", received.write)
        assert received.getvalue() == FILES["/pub/big.bin"][:1000]
        assert fetch(client, "RETR pub/readme.txt") == b"hello\r\n"  # shorter than that
        server.faults.cut_at, server.faults.stall_at = None, 10
        received = io.BytesIO()
        with client.transfercmd("RETR pub/big.bin") as data:
            data.settimeout(0.05)
            with pytest.raises(TimeoutError):
                while chunk := data.recv(100):
                    received.write(chunk)
        assert received.getvalue() == FILES["/pub/big.bin"][:10]


def test_features_that_are_absent_are_not_known() -> None:
    with testing.FTPServer(FILES, features=()) as server, connect(server) as client:
        with pytest.raises(ftplib.error_perm, match="502"):
            client.sendcmd("FEAT")
        for command in ("EPSV", "MLSD", "SIZE top", "MDTM top"):
            with pytest.raises(ftplib.error_perm, match="500"):
                client.sendcmd(command)
    with testing.FTPServer(FILES, features=("PASV",)) as server, connect(server) as client:
        assert client.sendcmd("FEAT") == "211-features\n PASV\n211 end"
        assert fetch(client, "RETR pub/readme.txt") == b"hello\r\n"


def test_pasv_can_lie() -> None:
    with testing.FTPServer(FILES, pasv_address="192.0.2.1") as server, connect(server) as client:
        assert client.sendcmd("PASV").startswith("227 entering passive mode (192,0,2,1,")
    with testing.FTPServer(FILES, host="::1") as server, connect(server) as client:
        with pytest.raises(ftplib.error_temp, match="425"):
            client.sendcmd("PASV")


def test_replies_are_replaced() -> None:
    replies = {
        "RETR": ["450 later", None],
        "DELE": "550 never",
        ".": ["451 the disk", None],
        "SYST": b"215 raw\r\n",
    }
    with testing.FTPServer(FILES, replies=replies) as server, connect(server) as client:
        with pytest.raises(ftplib.error_temp, match="450"):
            fetch(client, "RETR top")
        with pytest.raises(ftplib.error_perm, match="550 never"):
            client.delete("top")
        assert "/top" in server.files
        with pytest.raises(ftplib.error_temp, match="451"):
            fetch(client, "RETR top")
        assert fetch(client, "RETR pub/readme.txt") == b"hello\r\n"
        assert client.sendcmd("SYST") == "215 raw"
    with testing.FTPServer(replies={"CONNECT": "421 too many"}) as server:
        with pytest.raises(ftplib.error_temp, match="421"):
            with connect(server):
                pass


def test_a_client_that_goes_during_a_transfer_leaves_nothing() -> None:
    with testing.FTPServer({"/big": bytes(1 << 24)}) as server:
        with connect(server) as client:
            data = client.transfercmd("RETR big")
            assert data.recv(10)
            data.close()
            with pytest.raises(ftplib.error_temp, match="426"):
                client.getresp()
        server.block_until(lambda: server.connections.open == 0)
