"""A disk that hangs, such as one behind a dead network: who gives up goes, and the file thread cleans up later."""

from __future__ import annotations

import array
import asyncio
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import termios
from collections.abc import AsyncIterator

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.files import run_in_file_thread
from asyncnet.core.pour import pour

pytestmark = pytest.mark.asyncio

BODY = bytes(range(256)) * 20_000  # 5 MB
ENOUGH = 20.0  # seconds: much more than the patience with a disk, much less than for ever


@contextlib.asynccontextmanager
async def hanging(path: pathlib.Path, mode: int) -> AsyncIterator[None]:
    """A pipe in the place of a file: the file thread hangs in opening it, until the block has ended."""
    os.mkfifo(path)
    try:
        yield
    finally:
        our_end = os.open(path, (os.O_WRONLY if mode == os.O_RDONLY else os.O_RDONLY) | os.O_NONBLOCK)
        if mode == os.O_RDONLY:
            os.close(our_end)  # the end of the file
        await run_in_file_thread(lambda: None)  # behind what hung
        if mode == os.O_WRONLY:
            os.close(our_end)
        path.unlink(missing_ok=True)


async def give_up(task: asyncio.Task[object]) -> None:
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=ENOUGH)
    assert done, "it waits for the disk"
    assert task.cancelled()


def leads_to(path: pathlib.Path) -> list[str]:
    """Our descriptors of that file."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}").startswith(str(path)):
                found.append(name)
    return found


async def test_a_download_that_is_cancelled_while_its_file_is_opened(tmp_path: pathlib.Path) -> None:
    with testing.HTTPServer({"/f": testing.Resource(BODY)}) as server:
        url, path = server.url("/f"), tmp_path / "f"
        async with hanging(tmp_path / "f.part.json", os.O_RDONLY):
            task = asyncio.create_task(asyncnet.http.download(url, path))
            while not leads_to(tmp_path / "f.part"):
                await asyncio.sleep(0)
            await give_up(task)
            assert leads_to(tmp_path / "f.part")  # nobody takes it away from the thread that hangs
        assert not leads_to(tmp_path / "f.part")
        assert (await asyncnet.http.download(url, path)).path.read_bytes() == BODY


async def test_segments_that_are_cancelled_while_the_disk_hangs(tmp_path: pathlib.Path) -> None:
    whole = testing.Resource(BODY)
    with testing.HTTPServer(
        {"/f": lambda request: dataclasses.replace(whole.respond(request), stall_at=900_000)}
    ) as server:
        url, path = server.url("/f"), tmp_path / "f"
        task = asyncio.create_task(asyncnet.http.download(url, path, segments=4))
        await server.wait_until(lambda: len(server.requests) == 4)
        async with hanging(tmp_path / "f.part.json~", os.O_WRONLY):
            await give_up(task)
            assert leads_to(tmp_path / "f.part")
        assert not leads_to(tmp_path / "f.part")
        (tmp_path / "f.part.json").unlink()  # the pipe: what was written to it took its place
        server.routes["/f"] = whole
        assert (await asyncnet.http.download(url, path)).path.read_bytes() == BODY


@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_a_transfer_that_is_cancelled_while_the_disk_hangs(tmp_path: pathlib.Path, protocol: str) -> None:
    disk, hangs = testing.Gate(), testing.Gate()
    jobs: list[asyncio.Task[None]] = []

    def hang() -> None:
        hangs.set()
        disk.block(60)

    def progress(done: int, total: int | None) -> None:
        if not jobs:
            jobs.append(asyncio.get_running_loop().create_task(run_in_file_thread(hang)))

    with (
        testing.HTTPServer({"/f": testing.Response(body=BODY, stall_at=3_000_000)}) as web,
        testing.FTPServer({"/f": BODY}, stall_data_at=3_000_000) as ftp,
    ):
        if protocol == "http":
            download = asyncnet.http.download(web.url("/f"), tmp_path / "f", progress=progress)
        else:
            download = asyncnet.ftp.download(f"ftp://{ftp.host}:{ftp.port}/f", tmp_path / "f", progress=progress)
        task = asyncio.create_task(download)
        await hangs.wait()
        await give_up(task)
        assert leads_to(tmp_path / "f.part")
        closing = asyncio.create_task(asyncnet.close())
        for _ in range(3):
            await asyncio.sleep(0)
        disk.set()
        await closing
        assert not leads_to(tmp_path / "f.part")  # done, although the file thread was told to end meanwhile
        assert (tmp_path / "f.part").stat().st_size


async def test_pieces_that_are_given_up_while_the_disk_hangs() -> None:
    disk, hangs = testing.Gate(), testing.Gate()
    written: list[int] = []

    def write(pieces: object) -> None:
        hangs.set()
        disk.block(60)
        written.append(1)

    async def receive() -> bytes:
        if hangs.is_set():
            await asyncio.Event().wait()
        return bytes(100_000)

    task: asyncio.Task[object] = asyncio.create_task(pour(receive, write, lambda count: None))
    await hangs.wait()
    await give_up(task)
    assert not written
    disk.set()
    await run_in_file_thread(lambda: None)
    assert written  # what the thread had begun it has ended


async def test_a_file_that_hangs_while_it_is_read_does_not_stop_the_loop(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "f")
    writer = os.open(tmp_path / "f", os.O_RDWR)
    try:
        with testing.TCPServer([testing.Stall()]) as server:
            async with asyncnet.tcp.Client(server.host, server.port) as stream:
                os.write(writer, b"the first bytes")
                task: asyncio.Task[object] = asyncio.create_task(stream.send_file(str(tmp_path / "f")))
                while unread(writer):  # once they are read, the file thread waits for more
                    await asyncio.sleep(0)
                await give_up(task)
                assert len(leads_to(tmp_path / "f")) == 2
                os.write(writer, bytes(262_144))
                await run_in_file_thread(lambda: None)
                assert len(leads_to(tmp_path / "f")) == 1
    finally:
        os.close(writer)


def unread(descriptor: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
