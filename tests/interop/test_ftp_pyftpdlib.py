"""ftp beside pyftpdlib: MLSD and MLST, names of all kinds, resume both ways, hashes."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet

from .conftest import absent, free_port, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("pyftpdlib")]

BIG = random.Random(5).randbytes(4_000_000)
CHANGED = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)

# Hashes as mod_digest of ProFTPD, Serv-U and others give them: XSHA256, and HASH of draft-bryan-ftpext-hash.
SERVER = """
import hashlib, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

root, port, digests = sys.argv[1:]

class Handler(FTPHandler):
    def digest(self, path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest().upper()

    def ftp_XSHA256(self, path):
        self.respond("250 " + self.digest(path))

    def ftp_HASH(self, path):
        self.respond("213 SHA-256 0-1 " + self.digest(path) + " " + self.fs.fs2ftp(path))

if digests:
    Handler.proto_cmds = dict(FTPHandler.proto_cmds)
    Handler.proto_cmds[digests] = dict(perm="r", auth=True, arg=True, help="digest")
    features = "EPSV", "MLST type*;size*;modify*;", "REST STREAM", "SIZE", "MDTM", "UTF8", digests + " SHA-256*;SHA-512"
    Handler.ftp_FEAT = lambda self, line: self.push("211-\\r\\n " + "\\r\\n ".join(features) + "\\r\\n211 end\\r\\n")
Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_user("ann", "secret", root, perm="elradfmwMT")
Handler.authorizer.add_anonymous(root)
Handler.masquerade_address = "192.0.2.1"
FTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


def served(folder: Path, digests: str = "") -> Iterator[SimpleNamespace]:
    if importlib.util.find_spec("pyftpdlib") is None:
        absent("pyftpdlib is not installed")
    place = folder / (digests or "plain")
    root = place / "root"
    (root / "pub" / "deep" / "er").mkdir(parents=True)
    (root / "pub" / "readme.txt").write_bytes(b"hello\r\n")
    (root / "pub" / "päth ünd space").write_bytes(b"name")
    (root / "pub" / " leading").write_bytes(b"")
    (root / "pub" / "semi;colon=1; x").write_bytes(b"facts")
    (root / "pub" / "deep" / "er" / "file").write_bytes(b"x" * 10)
    (root / "pub" / "link").symlink_to("readme.txt")
    (root / "big").write_bytes(BIG)
    (root / "in").mkdir()
    os.utime(root / "pub" / "readme.txt", (CHANGED.timestamp(), CHANGED.timestamp()))
    port = free_port()
    with running([sys.executable, "-c", SERVER, str(root), str(port), digests], port, folder=place):
        yield SimpleNamespace(port=port, root=root)


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[SimpleNamespace]:
    yield from served(folder)


@pytest.fixture(scope="module", params=["HASH", "XSHA256"])
def digesting(folder: Path, request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    yield from served(folder, request.param)


def client(server: SimpleNamespace) -> asyncnet.ftp.Client:
    return asyncnet.ftp.Client("localhost", server.port, username="ann", password="secret", starttls=False)


async def test_mlsd_and_mlst(plain: SimpleNamespace) -> None:
    with asyncnet.trace() as trace:
        async with client(plain) as ftp:
            assert "MLST" in ftp.features
            entries = {entry.name: entry for entry in await ftp.list("/pub")}
            one = await ftp.stat("/pub/readme.txt")
            folder = await ftp.stat("/pub/deep")
            with pytest.raises(asyncnet.ReplyError) as caught:
                await ftp.stat("/pub/none")
    assert caught.value.code == 550
    assert any(span.attributes.get("command") == "MLSD" for span in trace.spans)
    assert set(entries) == {"readme.txt", "päth ünd space", " leading", "semi;colon=1; x", "deep", "link"}
    readme = entries["readme.txt"]
    assert (readme.kind, readme.size, readme.modified, readme.path) == ("file", 7, CHANGED, "/pub/readme.txt")
    assert one == readme
    assert (entries["deep"].kind, folder.kind) == ("directory", "directory")
    assert entries[" leading"].size == 0
    assert entries["semi;colon=1; x"].size == 5


async def test_walk_and_fetch_what_it_finds(plain: SimpleNamespace) -> None:
    found = {}
    async with client(plain) as ftp:
        async for entry in ftp.walk("/pub"):
            if entry.kind == "file":
                found[entry.path] = await ftp.fetch(entry.path)
    assert found["/pub/deep/er/file"] == b"x" * 10
    assert found["/pub/päth ünd space"] == b"name"
    assert found["/pub/ leading"] == b""
    assert found["/pub/semi;colon=1; x"] == b"facts"


async def test_anonymous(plain: SimpleNamespace, tmp_path: Path) -> None:
    got = await asyncnet.ftp.download(f"ftp://localhost:{plain.port}/pub/p%C3%A4th%20%C3%BCnd%20space", tmp_path)
    assert got.path == tmp_path / "päth ünd space"
    assert got.path.read_bytes() == b"name"


async def test_changes(plain: SimpleNamespace, tmp_path: Path) -> None:
    async with client(plain) as ftp:
        await ftp.make_directory(f"/in/{tmp_path.name}")
        await ftp.store(f"/in/{tmp_path.name}/ä b", b"one")
        await ftp.rename(f"/in/{tmp_path.name}/ä b", f"/in/{tmp_path.name}/c")
        assert [entry.name for entry in await ftp.list(f"/in/{tmp_path.name}")] == ["c"]
        await ftp.delete(f"/in/{tmp_path.name}/c")
        await ftp.remove_directory(f"/in/{tmp_path.name}")
        assert not (plain.root / "in" / tmp_path.name).exists()


async def test_resume_both_ways(plain: SimpleNamespace, tmp_path: Path) -> None:
    name = f"/in/{tmp_path.name}"
    source = tmp_path / "source"
    source.write_bytes(BIG)
    (plain.root / name.lstrip("/")).write_bytes(BIG[:1_234_567])
    async with client(plain) as ftp:
        sent = await ftp.upload(source, name, resume=True)
        assert (sent.resumed_from, sent.size, sent.checked) == (1_234_567, len(BIG), "size")
    assert (plain.root / name.lstrip("/")).read_bytes() == BIG
    async with client(plain) as ftp:
        began = asyncio.Event()
        task = asyncio.create_task(ftp.download(name, tmp_path / "back", progress=lambda done, total: began.set()))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])
    got = await asyncnet.ftp.download(
        f"ftp://ann:secret@localhost:{plain.port}{name}", tmp_path / "back", starttls=False
    )
    assert hashlib.sha256(got.path.read_bytes()).digest() == hashlib.sha256(BIG).digest()


async def test_hashes_are_compared(digesting: SimpleNamespace, tmp_path: Path) -> None:
    source, name = tmp_path / "source", f"/in/{tmp_path.name}"
    source.write_bytes(BIG)
    async with client(digesting) as ftp:
        assert (await ftp.upload(source, name)).checked == "hash"
        assert (await ftp.download(name, tmp_path / "back")).checked == "hash"
        assert (tmp_path / "back").read_bytes() == BIG
        # The beginning of another file of the same size: the sizes agree, the hashes do not.
        (digesting.root / name.lstrip("/")).write_bytes(bytes(1_000_000))
        with pytest.raises(asyncnet.ProtocolError, match="hash"):
            await ftp.upload(source, name, resume=True)
