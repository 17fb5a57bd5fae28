"""The FTP client beside a scripted server: folders, files, resume, TLS, hostile servers."""

from __future__ import annotations

import asyncio
import pathlib
import random
import ssl

import pytest

import asyncnet
from asyncnet import testing

pytestmark = pytest.mark.asyncio

FILES = {"/pub/readme.txt": b"hello\r\n", "/pub/deep/er/file": b"x" * 10, "/pub/päth ünd space": b"name"}
BIG = random.Random(1).randbytes(3_000_000)


@pytest.fixture(scope="module")
def authority() -> testing.CertificateAuthority:
    return testing.CertificateAuthority()


def client(server: testing.FTPServer, **more: object) -> asyncnet.ftp.Client:
    return asyncnet.ftp.Client(server.host, server.port, **more)  # type: ignore[arg-type]  # keywords of the caller


# ---- folders


@pytest.mark.parametrize("features", [None, ("SIZE", "MDTM", "EPSV"), ("PASV",)])
async def test_list(features: tuple[str, ...] | None) -> None:
    chosen = {} if features is None else {"features": features}
    with testing.FTPServer(FILES, **chosen) as server:  # type: ignore[arg-type]  # keywords of the case
        async with client(server) as ftp:
            entries = {entry.name: entry for entry in await ftp.list("/pub")}
    assert set(entries) == {"readme.txt", "deep", "päth ünd space"}
    assert (entries["readme.txt"].kind, entries["readme.txt"].size) == ("file", 7)
    assert entries["deep"].kind == "directory"
    assert entries["readme.txt"].path == "/pub/readme.txt"
    assert entries["readme.txt"].modified is not None


async def test_walk_goes_into_folders() -> None:
    with testing.FTPServer(FILES) as server:
        async with client(server) as ftp:
            paths = [entry.path async for entry in ftp.walk("/")]
    assert sorted(paths) == sorted(
        ["/pub", "/pub/deep", "/pub/deep/er", "/pub/deep/er/file", "/pub/readme.txt", "/pub/päth ünd space"]
    )
    assert paths.index("/pub") < paths.index("/pub/deep") < paths.index("/pub/deep/er/file")


async def test_changes() -> None:
    with testing.FTPServer(FILES) as server:
        async with client(server) as ftp:
            await ftp.make_directory("/new")
            await ftp.store("/new/a", b"one")
            await ftp.rename("/new/a", "/new/b")
            assert await ftp.fetch("/new/b") == b"one"
            assert (await ftp.stat("/new/b")).size == 3
            await ftp.delete("/new/b")
            await ftp.remove_directory("/new")
            with pytest.raises(asyncnet.ReplyError) as caught:
                await ftp.fetch("/new/b")
            assert caught.value.code == 550
            assert await ftp.fetch("/pub/readme.txt") == b"hello\r\n"  # a no does not end the connection
        assert "/new/b" not in server.files


async def test_stat_without_mlst() -> None:
    with testing.FTPServer(FILES, features=("SIZE", "MDTM")) as server:
        async with client(server) as ftp:
            entry = await ftp.stat("/pub/readme.txt")
            assert (entry.name, entry.size, entry.kind) == ("readme.txt", 7, "file")


# ---- files


async def test_download_and_upload(tmp_path: pathlib.Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with testing.FTPServer({"/big": BIG}) as server:
        async with client(server) as ftp:
            got = await ftp.download("/big", tmp_path, progress=lambda done, total: seen.append((done, total)))
            assert got.path == tmp_path / "big"
            assert (got.size, got.resumed_from, got.checked) == (len(BIG), 0, "size")
            assert got.path.read_bytes() == BIG
            assert seen[-1] == (len(BIG), len(BIG))
            sent = await ftp.upload(got.path, "/copy")
            assert (sent.size, sent.checked) == (len(BIG), "size")
        assert server.files["/copy"] == BIG
    assert [path.name for path in tmp_path.iterdir()] == ["big"]


async def test_download_goes_on_where_it_was_cut(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/big": BIG}, cut_data_at=1_500_000) as server:
        with pytest.raises((asyncnet.ConnectionLost, asyncnet.ReplyError)):
            async with client(server) as ftp:
                await ftp.download("/big", tmp_path / "big")
        assert not (tmp_path / "big").exists()
        server.faults.cut_at = None
        async with client(server) as ftp:
            got = await ftp.download("/big", tmp_path / "big")
    assert got.resumed_from > 0
    assert (tmp_path / "big").read_bytes() == BIG
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big"]


async def test_upload_goes_on_where_it_was_cut(tmp_path: pathlib.Path) -> None:
    (tmp_path / "big").write_bytes(BIG)
    with testing.FTPServer({"/big": BIG[:1_000_000]}) as server:
        async with client(server) as ftp:
            sent = await ftp.upload(tmp_path / "big", "/big", resume=True)
            assert sent.resumed_from == 1_000_000
            assert server.files["/big"] == BIG
            again = await ftp.upload(tmp_path / "big", "/big", resume=True)
            assert again.resumed_from == len(BIG)
            await ftp.store("/big", BIG + b"more")
            with pytest.raises(asyncnet.StateError, match="more than"):
                await ftp.upload(tmp_path / "big", "/big", resume=True)


async def test_limits(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/big": BIG}) as server:
        for work in (
            lambda ftp: ftp.fetch("/big", max_bytes=1000),
            lambda ftp: ftp.download("/big", tmp_path / "big", max_bytes=1000),
        ):
            with pytest.raises(asyncnet.LimitExceeded):
                async with client(server) as ftp:
                    await work(ftp)
    assert not (tmp_path / "big").exists()


async def test_one_shots_by_url(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer(FILES, users={"me": "secret"}) as server:
        base = f"ftp://me@{server.host}:{server.port}"
        got = await asyncnet.ftp.download(f"{base}/pub/readme.txt", tmp_path, password="secret", starttls=False)
        assert got.path.read_bytes() == b"hello\r\n"
        await asyncnet.ftp.upload(got.path, f"{base}/up%20load", password="secret", starttls=False)
        assert server.files["/up load"] == b"hello\r\n"
    for bad in ("http://x/y", "ftp://x/", "ftp://x/a%0d%0aDELE b"):
        with pytest.raises(ValueError, match=r"scheme|names no file"):
            await asyncnet.ftp.download(bad, tmp_path)


# ---- login and TLS


async def test_password_does_not_travel_in_clear() -> None:
    with testing.FTPServer(FILES, users={"me": "secret"}) as server:
        with pytest.raises(asyncnet.TLSError, match="AUTH TLS"):
            await client(server, username="me", password="secret").open()
        assert not server.logins
        with pytest.raises(asyncnet.AuthenticationError) as caught:
            await client(server, username="me", password="wrong-password", starttls=False).open()
        assert caught.value.code == 530
        assert "wrong-password" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("implicit", [False, True])
async def test_tls_on_both_connections(
    implicit: bool, reuse: bool, authority: testing.CertificateAuthority, tmp_path: pathlib.Path
) -> None:
    context = authority.server_context()
    where = {"ssl": context} if implicit else {"starttls": context}
    with testing.FTPServer({"/big": BIG}, users={"me": "secret"}, require_session_reuse=reuse, **where) as server:  # type: ignore[arg-type]  # keywords of the case
        dialer = asyncnet.Dialer(ssl_context=authority.client_context())
        ssl_option: bool | None = True if implicit else None
        async with client(server, username="me", password="secret", ssl=ssl_option, dialer=dialer) as ftp:
            assert await ftp.fetch("/big") == BIG
            await ftp.store("/copy", BIG)
            await ftp.download("/copy", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == BIG
        assert server.logins[-1].tls


async def test_anonymous_takes_tls_where_it_is_offered(authority: testing.CertificateAuthority) -> None:
    with testing.FTPServer(FILES, starttls=authority.server_context()) as server:
        async with client(server, dialer=asyncnet.Dialer(ssl_context=authority.client_context())) as ftp:
            assert await ftp.fetch("/pub/readme.txt") == b"hello\r\n"
        assert "AUTH TLS" in server.commands
        with pytest.raises(asyncnet.TLSError):  # never on in clear after a certificate that is not trusted
            await client(server).open()


async def test_bytes_before_the_handshake_are_refused(authority: testing.CertificateAuthority) -> None:
    with testing.FTPServer(FILES, starttls=authority.server_context(), inject=b"230 logged in\r\n") as server:
        with pytest.raises(asyncnet.ProtocolError, match="before the TLS handshake"):
            await client(server, starttls=True, ssl=authority.client_context()).open()


async def test_certificate_for_another_name(authority: testing.CertificateAuthority) -> None:
    with testing.FTPServer(FILES, starttls=authority.server_context("other.example")) as server:
        context: ssl.SSLContext = authority.client_context()
        with pytest.raises(asyncnet.TLSError, match=r"other\.example"):
            await client(server, starttls=True, ssl=context).open()


# ---- hostile servers


async def test_foreign_address_of_pasv_is_not_dialled() -> None:
    with testing.FTPServer(FILES, features=("PASV",), pasv_address="192.0.2.1") as server:
        async with client(server) as ftp:
            assert await ftp.fetch("/pub/readme.txt") == b"hello\r\n"


@pytest.mark.parametrize(
    "reply",
    ["227 Entering (127,0,0,1,0,0)", "227 nothing", "227 (1,2,3,4,999,999)", "229 Extended (|||0|)", "229 (|||x|)"],
)
async def test_data_ports_that_are_none(reply: str) -> None:
    command = "PASV" if reply.startswith("227") else "EPSV"
    features = ("PASV",) if command == "PASV" else ("EPSV",)
    with testing.FTPServer(FILES, features=features, replies={command: reply}) as server:
        with pytest.raises(asyncnet.ProtocolError, match="data connection"):
            async with client(server) as ftp:
                await ftp.fetch("/pub/readme.txt")


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b", "..", "nul\0l"])
async def test_names_that_lead_out_of_the_folder(name: str) -> None:
    from asyncnet.ftp.listing import parse_mlsd

    line = f"type=file;size=1; {name}\r\n"
    with pytest.raises(asyncnet.ProtocolError, match="leads out"):
        parse_mlsd(line, "/pub")


async def test_data_connection_that_stalls_is_a_timeout(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer({"/big": BIG}, stall_data_at=1000) as server:
        with pytest.raises(asyncnet.OperationTimeout, match="no byte"):
            async with client(server) as ftp:
                await ftp.download("/big", tmp_path / "big", idle_timeout=0.2)


@pytest.mark.parametrize("at", ["CONNECT", "USER", "FEAT", "EPSV", "RETR", "."])
async def test_silence_at_any_command_ends_in_time(at: str) -> None:
    with testing.FTPServer(FILES, stall_at=at) as server:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            async with client(server, timeout=0.3) as ftp:
                await ftp.fetch("/pub/readme.txt")
        assert caught.value.phase


@pytest.mark.parametrize("at", ["CONNECT", "USER", "FEAT", "EPSV", "RETR", "."])
async def test_hanging_up_at_any_command_is_a_typed_error(at: str) -> None:
    with testing.FTPServer(FILES, drop_at=at) as server:
        with pytest.raises((asyncnet.ConnectionLost, asyncnet.ConnectError)):
            async with client(server, timeout=5) as ftp:
                await ftp.fetch("/pub/readme.txt")


@pytest.mark.parametrize("reply", ["22 short", "2200 long", "abc", "220-a\r\n\0", "x" * 100_000])
async def test_malformed_replies(reply: str) -> None:
    with testing.TCPServer([testing.Send(reply.encode() + b"\r\n"), testing.Stall()]) as server:
        with pytest.raises((asyncnet.ProtocolError, asyncnet.LimitExceeded)):
            await asyncnet.ftp.Client(server.host, server.port, timeout=5).open()


async def test_answer_lost_after_all_was_sent_may_be_done() -> None:
    with testing.FTPServer(FILES, drop_at=".") as server:
        with pytest.raises(asyncnet.ConnectionLost) as caught:
            async with client(server) as ftp:
                await ftp.store("/new", b"data")
        assert caught.value.maybe_done


async def test_cancelled_command_closes_the_client() -> None:
    with testing.FTPServer(FILES, stall_at="RETR") as server:
        async with client(server) as ftp:
            task = asyncio.create_task(ftp.fetch("/pub/readme.txt"))
            await server.wait_until(lambda: any(command.startswith("RETR") for command in server.commands))
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            with pytest.raises(asyncnet.StateError, match="closed"):
                await ftp.fetch("/pub/readme.txt")


async def test_tasks_take_turns() -> None:
    with testing.FTPServer({f"/{number}": b"%d" % number for number in range(10)}) as server:
        async with client(server) as ftp:
            contents = await asyncio.gather(*(ftp.fetch(f"/{number}") for number in range(10)))
    assert contents == [b"%d" % number for number in range(10)]


async def test_forbidden_data_address() -> None:
    with testing.FTPServer(FILES) as server:
        dialer = asyncnet.Dialer(allow=lambda address, port: port == server.port)
        with pytest.raises(asyncnet.ForbiddenAddress):
            async with client(server, dialer=dialer) as ftp:
                await ftp.fetch("/pub/readme.txt")


async def test_line_breaks_are_refused_before_any_io() -> None:
    with testing.FTPServer(FILES) as server:
        async with client(server) as ftp:
            for bad in ("a\r\nDELE b", "a\nb", "a\0b"):
                with pytest.raises(ValueError, match="path"):
                    await ftp.delete(bad)
            with pytest.raises(ValueError, match="empty"):
                await ftp.delete("")
            assert not [command for command in server.commands if command.startswith("DELE")]


# ---- what is wrong on our side


async def test_a_local_file_that_cannot_be_does_not_cost_the_connection(tmp_path: pathlib.Path) -> None:
    with testing.FTPServer(FILES) as server:
        async with client(server) as ftp:
            with pytest.raises(FileNotFoundError):
                await ftp.upload(tmp_path / "none", "/pub/none")
            with pytest.raises(OSError):
                await ftp.download("/pub/readme.txt", tmp_path / "no" / "folder" / "file")
            with pytest.raises(asyncnet.LimitExceeded):
                await ftp.download("/pub/readme.txt", tmp_path / "x", max_bytes=3)
            for wrong in (5, None):
                with pytest.raises(TypeError):
                    await ftp.upload(wrong, "/pub/none")  # type: ignore[arg-type]  # the mistake that is tried
                with pytest.raises(TypeError):
                    await ftp.download("/pub/readme.txt", wrong)  # type: ignore[arg-type]  # as above
            assert await ftp.fetch("/pub/readme.txt") == b"hello\r\n"
        assert server.connections.total == 1  # for commands; those of data come and go


async def test_what_goes_wrong_in_the_middle_of_a_transfer_does(tmp_path: pathlib.Path) -> None:
    def broken(done: int, total: int | None) -> None:
        raise KeyError("mine")

    with testing.FTPServer({"/big": BIG}) as server:
        ftp = await client(server).open()
        with pytest.raises(KeyError):
            await ftp.download("/big", tmp_path / "big", progress=broken)
        assert ftp.closed


async def test_an_empty_path_names_no_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with testing.FTPServer(FILES) as server:
        async with client(server) as ftp:
            for call in (
                lambda: ftp.fetch(""),
                lambda: ftp.store("", b"x"),
                lambda: ftp.download("", tmp_path / "x"),
                lambda: ftp.upload(tmp_path / "file", ""),
                lambda: ftp.rename("/pub/readme.txt", ""),
            ):
                with pytest.raises(ValueError, match="must not be empty"):
                    await call()
            for limit in (0, -1):
                with pytest.raises(ValueError, match="max_bytes"):
                    await ftp.fetch("/pub/readme.txt", max_bytes=limit)
                with pytest.raises(ValueError, match="max_bytes"):
                    await ftp.download("/pub/readme.txt", tmp_path / "x", max_bytes=limit)
    assert not any(command.startswith(("RETR", "STOR", "RNFR")) for command in server.commands)
