"""The FTP client beside servers that stall, lie, flood and cut: typed errors, in time, nothing left."""

from __future__ import annotations

import asyncio
import os
import pathlib
import random
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

import asyncnet
from asyncnet import testing

pytestmark = pytest.mark.asyncio

DATA = random.Random(2).randbytes(100_000)


@pytest.fixture(scope="module")
def authority() -> testing.CertificateAuthority:
    return testing.CertificateAuthority()


def client(server: testing.FTPServer | testing.TCPServer, **more: object) -> asyncnet.ftp.Client:
    return asyncnet.ftp.Client(server.host, server.port, **more)  # type: ignore[arg-type]  # keywords of the caller


# ---- silence: transfers have no time of their own, and end all the same


@pytest.mark.parametrize("at", ["TYPE", "SIZE", "MDTM", "EPSV", "RETR", "."])
async def test_a_download_ends_when_a_reply_does_not_come(at: str, tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/a": DATA}, stall_at=at) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.OperationTimeout, match="no reply for"):
                await ftp.download("/a", tmp_path / "a", idle_timeout=0.2)
            assert ftp.closed
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("at", ["TYPE", "EPSV", "STOR", ".", "SIZE"])
async def test_an_upload_ends_when_a_reply_does_not_come(at: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    with testing.FTPServer(stall_at=at) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.OperationTimeout, match="no reply for") as caught:
                await ftp.upload(tmp_path / "a", "/a", idle_timeout=0.2)
            assert ftp.closed
        assert caught.value.maybe_done == (at in (".", "SIZE")), "after all was sent it may be there"


async def test_a_hash_may_take_the_server_as_long_as_the_file_is_large(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/a": DATA * 20}, features=("SIZE", "EPSV", "XSHA256"), stall_at="XSHA256") as server:
        async with client(server) as ftp:
            # 0.1 s, and as much again for each megabyte.
            with pytest.raises(asyncnet.OperationTimeout, match=r"no reply for 0\.3 s"):
                await ftp.download("/a", tmp_path / "a", idle_timeout=0.1)


async def test_a_handshake_on_the_data_connection_that_never_comes(
    authority: testing.CertificateAuthority, tmp_path: pathlib.Path
) -> None:
    # The reply comes, and the listener that it names never says a word of TLS.
    with testing.TCPServer([testing.Stall()]) as silent:
        replies = {"EPSV": f"229 (|||{silent.port}|)", "RETR": "150 here it comes"}
        with testing.FTPServer({"/a": DATA}, starttls=authority.server_context(), replies=replies) as server:
            async with client(server, starttls=True, ssl=authority.client_context()) as ftp:
                with pytest.raises(asyncnet.OperationTimeout) as caught:
                    await ftp.download("/a", tmp_path / "a", idle_timeout=0.3)
                assert ftp.closed
                assert caught.value.phase in ("tls", "data")


async def test_a_data_channel_that_never_opens(tmp_path: pathlib.Path) -> None:
    with testing.TCPServer([testing.Stall()]) as gone:
        port = gone.port
    with testing.FTPServer({"/a": DATA}, replies={"EPSV": f"229 (|||{port}|)"}) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.ConnectError) as caught:
                await ftp.download("/a", tmp_path / "a")
            assert caught.value.attempts
            assert ftp.closed


async def test_a_data_channel_that_stalls_with_the_file_in_its_hands(tmp_path: pathlib.Path) -> None:
    """The server takes a part of an upload and then no more: neither the bytes nor a reply come to an end."""
    (tmp_path / "a").write_bytes(bytes(30_000_000))
    with testing.TCPServer(lambda reader, writer: asyncio.get_running_loop().create_future()) as deaf:
        replies = {"EPSV": f"229 (|||{deaf.port}|)", "STOR": "150 go on"}
        with testing.FTPServer(replies=replies) as server:
            async with client(server) as ftp:
                with pytest.raises(asyncnet.OperationTimeout):
                    await ftp.upload(tmp_path / "a", "/a", idle_timeout=0.3)


async def test_a_data_channel_that_is_slow_and_does_not_stall(tmp_path: pathlib.Path) -> None:
    """Each block of an upload takes longer than a byte may, and so does what the kernel keeps in the end."""
    size = 7_000_000
    (tmp_path / "a").write_bytes(bytes(size))
    whole = testing.Gate()
    loop = asyncio.get_running_loop()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        answers = {
            "USER": "230 welcome", "TYPE": "200 fine", "EPSV": f"229 (|||{listener.getsockname()[1]}|)",
            "STOR": "150 go on", "SIZE": f"213 {size}", "QUIT": "221 bye",
        }  # fmt: skip

        async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hello\r\n")
            while line := (await reader.readline()).decode():
                writer.write(f"{answers.get(line[:4].strip(), '502 no')}\r\n".encode())
                if line.startswith("STOR"):
                    await whole.wait(30)
                    writer.write(b"226 all\r\n")

        with testing.TCPServer(control) as server:
            async with asyncnet.ftp.Client(*server.address) as ftp:
                uploading = asyncio.create_task(ftp.upload(tmp_path / "a", "/a", idle_timeout=0.2))
                peer, _ = await loop.sock_accept(listener)
                with peer:
                    received = 0
                    while chunk := await loop.sock_recv(peer, 32_768):
                        received += len(chunk)
                        await asyncio.wait([uploading], timeout=0.01)
                whole.set()
                await uploading
    assert received == size


# ---- cut


@pytest.mark.parametrize("way", ["fetch", "download", "list"])
async def test_data_that_is_cut_without_tls_closure(
    way: str, authority: testing.CertificateAuthority, tmp_path: pathlib.Path
) -> None:
    """Anybody on the way can end a TCP connection; only the server can say that this was all."""
    features = ("EPSV", "MLST type*;size*;modify*;")  # no SIZE: nothing else would tell
    starttls = authority.server_context()
    files = {"/a": DATA, **{f"/file{number}": b"" for number in range(50)}}
    with testing.FTPServer(
        files, starttls=starttls, features=features, cut_data_at=1000, replies={".": "226 all"}
    ) as server:
        async with client(server, starttls=True, ssl=authority.client_context()) as ftp:
            works: dict[str, Callable[[], Awaitable[object]]] = {
                "fetch": lambda: ftp.fetch("/a"),
                "download": lambda: ftp.download("/a", tmp_path / "a"),
                "list": lambda: ftp.list("/"),
            }
            with pytest.raises(asyncnet.ConnectionLost):
                await works[way]()
    assert not (tmp_path / "a").exists()


async def test_a_file_that_is_shorter_than_its_size(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/a": DATA}, replies={"SIZE": f"213 {len(DATA) + 1}"}) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.ConnectionLost, match="of 100001 bytes"):
                await ftp.download("/a", tmp_path / "a")
    assert not (tmp_path / "a").exists()


async def test_a_file_that_never_ends(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/a": bytes(3_000_000)}, replies={"SIZE": "550 no"}) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.LimitExceeded):
                await ftp.download("/a", tmp_path / "a", max_bytes=1_000_000)
        async with client(server) as ftp:
            with pytest.raises(asyncnet.LimitExceeded):
                await ftp.fetch("/a", max_bytes=1_000_000)
    assert not (tmp_path / "a").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir() if path.suffix == ".part") <= 1_000_000


# ---- lies


@pytest.mark.parametrize("size", ["-1", "", "x", "1e9", "9" * 30, "0x10", "１２", "1 2"])
@pytest.mark.parametrize("way", ["stat", "download", "upload"])
async def test_sizes_that_are_none(size: str, way: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "b").write_bytes(DATA)
    with testing.FTPServer({"/a": DATA}, features=("SIZE", "EPSV"), replies={"SIZE": f"213 {size}"}) as server:
        async with client(server) as ftp:
            works: dict[str, Callable[[], Awaitable[object]]] = {
                "stat": lambda: ftp.stat("/a"),
                "download": lambda: ftp.download("/a", tmp_path / "a"),
                "upload": lambda: ftp.upload(tmp_path / "b", "/a", resume=True),
            }
            with pytest.raises(asyncnet.ProtocolError, match="gave the"):
                await works[way]()


@pytest.mark.parametrize("digest", ["0" * 64, "../../x", ""])
async def test_a_hash_that_does_not_agree(digest: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "b").write_bytes(DATA)
    features = ("SIZE", "EPSV", "HASH SHA-256*")
    reply = f"213 SHA-256 0-1 {digest} a" if digest else "213 SHA-256"
    with testing.FTPServer({"/a": DATA}, features=features, replies={"HASH": reply}) as server:
        async with client(server) as ftp:
            if not digest:  # it says nothing that could be compared: the size alone was
                assert (await ftp.download("/a", tmp_path / "a")).checked == "size"
                return
            with pytest.raises(asyncnet.ProtocolError, match="hash"):
                await ftp.download("/a", tmp_path / "a")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["b"], "what is wrong is not gone on with"
        async with client(server) as ftp:
            with pytest.raises(asyncnet.ProtocolError, match="hash"):
                await ftp.upload(tmp_path / "b", "/b")


NAMES = ["../../x", "/etc/passwd", "a/b", "..", ".", "", "nul\0l", "cr\rlf"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["MLSD", "LIST"])
async def test_names_that_lead_out_of_the_folder(form: str, name: str) -> None:
    row = f"type=file;size=1; {name}\r\n" if form == "MLSD" else f"-rw-r--r-- 1 a a 1 Jan 01 2026 {name}\r\n"
    with testing.TCPServer([testing.Send(row.encode()), testing.Close()]) as data:
        features = ("EPSV", "MLST") if form == "MLSD" else ("EPSV",)
        replies = {"EPSV": f"229 (|||{data.port}|)", form: "150 here\n226 it was"}
        with testing.FTPServer(features=features, replies=replies) as server:
            async with client(server) as ftp:
                if form == "LIST" and name in (".", ".."):  # what ls -a shows
                    assert await ftp.list("/pub") == ()
                    return
                with pytest.raises(asyncnet.ProtocolError, match=r"leads out|cannot read|asked|replies"):
                    await ftp.list("/pub")


# ---- words


@pytest.mark.parametrize(
    "reply",
    [
        b"22 short", b"2200 long", b"abc", b"2x0 letters", b" 220 blank", b"220 nul\0",
        b"", b"\xff\xfe", b"920 out of range", b"220\tx",
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", ["greeting", "USER"])
async def test_replies_that_are_none(reply: bytes, at: str) -> None:
    steps = [testing.Send(reply + b"\r\n"), testing.Stall()]
    if at == "USER":
        steps = [testing.Send(b"220 hello\r\n"), testing.Expect(b"FEAT\r\n"), testing.Send(b"500 no\r\n"), *steps]
    with testing.TCPServer(steps) as server:
        with pytest.raises(asyncnet.ProtocolError):
            await client(server, timeout=5).open()


@pytest.mark.parametrize("flood", [b"220-" + b"x" * 100_000, b"220-x\r\n" * 20_000, b"220-" + b"y" * 900 + b"\r\n"])
async def test_replies_without_end(flood: bytes) -> None:
    with testing.TCPServer([testing.Send(flood * 100), testing.Stall()]) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            await client(server, timeout=10).open()


async def test_words_that_nobody_asked_for() -> None:
    with testing.FTPServer({"/a": DATA}, replies={"TYPE": "200 so be it\n226 and more"}) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.ProtocolError, match="without being asked"):
                await ftp.fetch("/a")
                await ftp.fetch("/a")
            assert ftp.closed


async def test_it_has_enough_of_us() -> None:
    with testing.FTPServer({"/a": DATA}, replies={"MLST": "421 closing"}) as server:
        async with client(server) as ftp:
            with pytest.raises(asyncnet.ReplyError) as caught:
                await ftp.stat("/a")
            assert caught.value.code == 421
            assert ftp.closed


@pytest.mark.parametrize("changes", [{}, {"username": "me", "password": "hush hush"}, {"starttls": True}])
async def test_auth_tls_that_is_offered_and_refused(
    changes: dict[str, object], authority: testing.CertificateAuthority
) -> None:
    context: ssl.SSLContext = authority.server_context()
    with testing.FTPServer(starttls=context, replies={"AUTH": "431 not now"}) as server:
        with pytest.raises(asyncnet.TLSError) as caught:
            await client(server, dialer=asyncnet.Dialer(ssl_context=authority.client_context()), **changes).open()
        assert caught.value.phase == "starttls"
        assert not [command for command in server.commands if command.startswith(("USER", "PASS"))]


# ---- ours


@pytest.mark.parametrize("bad", ["a\r\nDELE b", "a\nb", "a\0b", 7, b"a"])
async def test_what_cannot_be_a_path_is_refused_before_any_io(bad: object, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with testing.FTPServer({"/a": DATA}) as server:
        async with client(server) as ftp:
            before = len(server.commands)
            works: list[Callable[[], Awaitable[object]]] = [
                lambda: ftp.list(bad), lambda: ftp.stat(bad), lambda: ftp.fetch(bad), lambda: ftp.store(bad, b""),
                lambda: ftp.delete(bad), lambda: ftp.rename(bad, "b"), lambda: ftp.rename("a", bad),
                lambda: ftp.make_directory(bad), lambda: ftp.remove_directory(bad),
                lambda: ftp.download(bad, tmp_path), lambda: ftp.upload(tmp_path / "a", bad),
            ]  # type: ignore[arg-type]  # what is refused  # fmt: skip
            for work in works:
                with pytest.raises((ValueError, TypeError)):
                    await work()
            assert len(server.commands) == before
            assert not ftp.closed
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("bad", [{"idle_timeout": -1}, {"idle_timeout": "x"}, {"min_rate": -1}, {"progress": 7}])
async def test_limits_that_are_none_leave_the_client_open(bad: dict[str, object], tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/a": DATA}) as server:
        async with client(server) as ftp:
            with pytest.raises((ValueError, TypeError)):
                await ftp.download("/a", tmp_path / "a", **bad)  # type: ignore[arg-type]  # what is refused
            assert (await ftp.download("/a", tmp_path / "a")).size == len(DATA)
