"""Downloads: whole, checked, in their place, or not at all."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys

import pytest

import asyncnet
from asyncnet import http, testing

pytestmark = pytest.mark.asyncio

BODY = bytes(range(256)) * 20_000  # 5 MB
SHA256 = hashlib.sha256(BODY).hexdigest()
KNOWN = f"sha256:{SHA256}"


def names(folder) -> list[str]:
    return sorted(os.listdir(folder))


async def cancelled(task: asyncio.Task[object], reached: asyncio.Event) -> None:
    """Cancel it when it has come so far."""
    async with asyncio.timeout(20):
        await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def ranges(server: testing.HTTPServer) -> list[str | None]:
    return [request.header("Range") for request in server.requests]


async def test_a_download(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY)}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f.bin")
        assert (got.path, got.size, got.sha256, got.resumed_from) == (tmp_path / "f.bin", len(BODY), None, 0)
        assert got.url == server.url("/f")
        assert got.elapsed >= 0
        assert [attempt.error for attempt in got.attempts] == [""]
        assert (tmp_path / "f.bin").read_bytes() == BODY
        assert names(tmp_path) == ["f.bin"]
        assert server.requests[0].header("Accept-Encoding") == "identity"


async def test_an_existing_file_is_replaced_in_the_end(tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    with testing.HTTPServer({"/f": [testing.Response(404), testing.Resource(b"new")]}) as server:
        with pytest.raises(asyncnet.ReplyError):
            await http.download(server.url("/f"), str(tmp_path / "f"))
        assert (tmp_path / "f").read_bytes() == b"old"
        assert names(tmp_path) == ["f"]
        await http.download(server.url("/f"), str(tmp_path / "f"))
        assert (tmp_path / "f").read_bytes() == b"new"


async def test_nothing_and_no_length(tmp_path):
    routes = {"/empty": b"", "/none": testing.Response(204), "/chunked": testing.Response(body=[b"a", b"b"])}
    with testing.HTTPServer(routes) as server:
        for path, content in (("/empty", b""), ("/none", b""), ("/chunked", b"ab")):
            got = await http.download(server.url(path), tmp_path / "x", hash=True)
            assert (got.path.read_bytes(), got.sha256) == (content, hashlib.sha256(content).hexdigest())


# ---- hashes


@pytest.mark.parametrize(
    "known", [KNOWN, SHA256, f"MD5:{hashlib.md5(BODY).hexdigest()}", f"sha512:{hashlib.sha512(BODY).hexdigest()}"]
)
async def test_a_known_hash(tmp_path, known):
    with testing.HTTPServer({"/f": BODY}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=known)
        assert got.sha256 == (SHA256 if "sha256" in known or known == SHA256 else None)
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=known, hash=True)
        assert got.sha256 == SHA256


async def test_another_hash(tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    with testing.HTTPServer({"/f": testing.Resource(b"something else")}) as server:
        with pytest.raises(asyncnet.ProtocolError, match=r"sha256:.* not sha256:") as caught:
            await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert caught.value.phase == "hash"
        assert (tmp_path / "f").read_bytes() == b"old"
        assert names(tmp_path) == ["f"]


# ---- resume


async def test_a_cut_is_gone_on_from(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY, cuts=[1_000_000, 2_000_000, None])}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.resumed_from == 0
        assert ["cut" in attempt.error for attempt in got.attempts] == [True, True, False]
        tag = f'"{SHA256[:16]}"'
        assert [request.header("If-Range") for request in server.requests] == [None, tag, tag]
        starts = [int(value[6:-1]) for value in ranges(server)[1:]]
        assert starts[0] == 1_000_000
        assert starts[1] == 3_000_000


async def test_a_later_call_goes_on(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY, cuts=[1_000_000, None])}) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url("/f"), tmp_path / "f", retries=0)
        assert names(tmp_path) == ["f.part", "f.part.json"]
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN, retries=0)
        assert got.resumed_from == 1_000_000
        assert names(tmp_path) == ["f"]


async def test_resume_false_begins_again(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY, cuts=[1_000_000, None])}) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url("/f"), tmp_path / "f", retries=0)
        got = await http.download(server.url("/f"), tmp_path / "f", hash=True, resume=False)
        assert (got.resumed_from, got.sha256) == (0, SHA256)
        assert ranges(server) == [None, None]


@pytest.mark.parametrize("tag", ['W/"weak"', None])
async def test_without_a_strong_validator_it_begins_again(tmp_path, tag):
    with testing.HTTPServer({"/f": testing.Resource(BODY, etag=tag, cuts=[1_000_000, None])}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", hash=True)
        assert got.sha256 == SHA256
        assert ranges(server) == [None, None]


async def test_with_a_known_hash_no_validator_is_needed(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY, etag=None, cuts=[1_000_000, None])}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.sha256 == SHA256
        assert ranges(server)[1] == "bytes=1000000-"
        assert server.requests[1].header("If-Range") is None


async def test_a_changed_resource_begins_again(tmp_path):
    changed = BODY[::-1]
    routes = {"/f": [testing.Resource(BODY, cuts=[1_000_000]), testing.Resource(changed)]}
    with testing.HTTPServer(routes) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", hash=True)
        assert got.path.read_bytes() == changed
        assert got.sha256 == hashlib.sha256(changed).hexdigest()


async def test_a_wrong_junction_is_noticed_by_the_hash_and_mended(tmp_path):
    (tmp_path / "f.part").write_bytes(b"wrong" * 1000)
    with testing.HTTPServer({"/f": testing.Resource(BODY, etag='"same"')}) as server:
        notes = {"url": server.url("/f"), "validator": '"same"', "total": len(BODY), "segments": []}
        (tmp_path / "f.part.json").write_text(json.dumps(notes))
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.resumed_from == 0
        assert ranges(server) == ["bytes=5000-", None]


def coded(body: bytes, cuts: list[int | None]) -> testing.Resource:
    """As servers give it that know no better: packed although nobody asked, ranges of the packed bytes."""
    return testing.Resource(body, cuts=cuts, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("segments", [1, 4])
async def test_a_packed_file_is_gone_on_with_as_it_is(tmp_path, segments):
    packed = gzip.compress(random.Random(1).randbytes(5_000_000), 1)
    with testing.HTTPServer({"/f.tar.gz": coded(packed, [2_000_000, None])}) as server:
        if segments == 1:
            with pytest.raises(asyncnet.ConnectionLost):
                await http.download(server.url("/f.tar.gz"), tmp_path / "f", retries=0)
        got = await http.download(server.url("/f.tar.gz"), tmp_path / "f", segments=segments)
        assert got.path.read_bytes() == packed
        assert got.resumed_from == (2_000_000 if segments == 1 else 0)
        assert len([value for value in ranges(server) if value]) >= (1 if segments == 1 else 3)


@pytest.mark.parametrize("known", [True, False])
async def test_a_range_of_packed_bytes_is_not_put_behind_unpacked_ones(tmp_path, known):
    plain = random.Random(1).randbytes(5_000_000)
    with testing.HTTPServer({"/f": coded(gzip.compress(plain, 1), [2_000_000, None])}) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url("/f"), tmp_path / "f", retries=0)
        known_hash = f"sha256:{hashlib.sha256(plain).hexdigest()}" if known else None
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=known_hash, retries=0)
        assert got.path.read_bytes() == plain
        assert got.resumed_from == 0


async def test_a_range_that_is_suddenly_packed_begins_again(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY, etag='"x"', cuts=[1_000_000])}) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url("/f"), tmp_path / "f", retries=0)
        server.routes["/f"] = testing.Resource(gzip.compress(BODY), etag='"x"', headers={"Content-Encoding": "gzip"})
        got = await http.download(server.url("/f"), tmp_path / "f", hash=True, retries=0)
        assert (got.sha256, got.resumed_from) == (SHA256, 0)


async def test_killed_after_the_last_byte(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY)}) as server:
        (tmp_path / "f.part").write_bytes(BODY)
        notes = {"url": server.url("/f"), "validator": f'"{SHA256[:16]}"', "total": len(BODY), "segments": []}
        (tmp_path / "f.part.json").write_text(json.dumps(notes))
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.resumed_from == len(BODY)
        (tmp_path / "f.part").write_bytes(BODY + b"too much")
        (tmp_path / "f.part.json").write_text(json.dumps(notes))
        got = await http.download(server.url("/f"), tmp_path / "f", hash=True)
        assert (got.resumed_from, got.sha256) == (0, SHA256)


def part_of(tmp_path, server: testing.HTTPServer, total: int | None = None) -> None:
    (tmp_path / "f.part").write_bytes(BODY[:1000])
    notes = {"url": server.url("/f"), "validator": '"v"', "total": total, "segments": []}
    (tmp_path / "f.part.json").write_text(json.dumps(notes))


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (206, {"Content-Range": "bytes 0-9/100"}, b"x" * 10),
        (206, {"Content-Range": "bytes 1000-1009/2000"}, b"x" * 10),
        (206, {"Content-Range": "bytes 1000-1019/*"}, b"x" * 10),
        (206, {"Content-Range": "nonsense"}, b"x" * 10),
        (206, {}, b"x" * 10),
        (206, {"Content-Range": "bytes 1000-1009/5000", "Content-Type": "multipart/byteranges"}, b"x" * 10),
        (416, {"Content-Range": "nonsense"}, b""),
        (304, {}, b""),
        (300, {}, b""),
    ],
)
async def test_wrong_answers_to_a_range(tmp_path, status, headers, body):
    with testing.HTTPServer({"/f": testing.Response(status, headers, body)}) as server:
        part_of(tmp_path, server, 5000)
        with pytest.raises(asyncnet.ProtocolError):
            await http.download(server.url("/f"), tmp_path / "f", retries=0)
        assert not (tmp_path / "f").exists()


async def test_a_partial_answer_to_no_range(tmp_path):
    routes = {"/f": testing.Response(206, {"Content-Range": "bytes 5-9/10"}, b"x" * 5), "/g": testing.Response(416)}
    with testing.HTTPServer(routes) as server:
        for path in ("/f", "/g"):
            with pytest.raises(asyncnet.ProtocolError):
                await http.download(server.url(path), tmp_path / "f", retries=0)


KILLED = """
import asyncio, sys
from asyncnet import http

async def main():
    def progress(done, total):
        print(done, flush=True)
    await http.download(sys.argv[1], sys.argv[2], segments=int(sys.argv[3]), progress=progress)

asyncio.run(main())
"""


def kill_in_the_middle(command: list[str]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("segments", [1, 3])
async def test_killed_in_the_middle_and_run_again(tmp_path, segments):
    body = os.urandom(1 << 20) * 48
    known = f"sha256:{hashlib.sha256(body).hexdigest()}"
    with testing.HTTPServer({"/f": testing.Resource(body)}) as server:
        command = [sys.executable, "-c", KILLED, server.url("/f"), str(tmp_path / "f"), str(segments)]
        kill_in_the_middle(command)
        assert not (tmp_path / "f").exists()
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=known)
        assert got.size == len(body)
        assert names(tmp_path) == ["f"]


# ---- segments


async def test_segments(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY)}) as server:
        seen = []
        progress = lambda done, total: seen.append((done, total))  # noqa: E731 - named for the call
        got = await http.download(server.url("/f"), tmp_path / "f", segments=4, known_hash=KNOWN, progress=progress)
        assert got.path.read_bytes() == BODY
        assert seen[-1] == (len(BODY), len(BODY))
        quarter = len(BODY) // 4
        wanted = [None] + [f"bytes={quarter * n}-{quarter * (n + 1) - 1}" for n in (1, 2, 3)]
        assert sorted(ranges(server), key=str) == sorted(wanted, key=str)
        assert names(tmp_path) == ["f"]


@pytest.mark.parametrize(
    "resource",
    [testing.Resource(BODY, ranges=False), testing.Resource(BODY, etag='W/"x"'), testing.Resource(b"small"),
     testing.Response(body=[BODY])],
)  # fmt: skip
async def test_segments_where_they_cannot_or_need_not_be(tmp_path, resource):
    with testing.HTTPServer({"/f": resource}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", segments=4)
        assert got.path.read_bytes() in (BODY, b"small")
        assert ranges(server) == [None]


async def test_segments_that_are_cut_go_on(tmp_path):
    cuts = [100_000, 700_000, None, 50_000, None]
    with testing.HTTPServer({"/f": testing.Resource(BODY, cuts=cuts)}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", segments=3, known_hash=KNOWN)
        assert got.size == len(BODY)
        assert len(server.requests) == 6


async def test_segments_that_stay_cut_leave_what_they_have(tmp_path):
    with testing.HTTPServer(
        {"/f": testing.Resource(BODY, cuts=[1_100_000, 1_100_000, 1_100_000, 1_100_000])}
    ) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url("/f"), tmp_path / "f", segments=4, retries=0)
        assert names(tmp_path) == ["f.part", "f.part.json"]
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.path.read_bytes() == BODY
        assert got.resumed_from >= 1_100_000


async def test_segments_that_are_cancelled_leave_what_they_have(tmp_path):
    whole = testing.Resource(BODY)

    def stalling(request):
        response = whole.respond(request)
        return dataclasses.replace(response, stall_at=200_000)

    with testing.HTTPServer({"/f": stalling}) as server:
        reached = asyncio.Event()
        task = asyncio.create_task(
            http.download(server.url("/f"), tmp_path / "f", segments=4, idle_timeout=0.5, min_rate=None, retries=5,
                          progress=lambda done, total: done > 800_000 and reached.set())
        )  # fmt: skip
        await cancelled(task, reached)
        server.routes["/f"] = whole
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.path.read_bytes() == BODY
        assert got.resumed_from > 800_000


async def test_a_resource_that_changes_between_segments(tmp_path):
    first, later = testing.Resource(BODY), testing.Resource(BODY[::-1])
    with testing.HTTPServer({"/f": [first, later]}) as server:
        with pytest.raises(asyncnet.ProtocolError, match="changed"):
            await http.download(server.url("/f"), tmp_path / "f", segments=4, retries=0)
        got = await http.download(server.url("/f"), tmp_path / "f", segments=4)
        assert got.path.read_bytes() == BODY[::-1]


async def test_segments_that_disagree_about_the_size(tmp_path):
    def lying(request):
        if request.header("Range"):
            start, end = request.header("Range")[6:].split("-")
            size = int(end) - int(start) + 1
            return testing.Response(206, {"Content-Range": f"bytes {start}-{end}/{len(BODY) + 1}"}, b"x" * size)
        return testing.Resource(BODY).respond(request)

    with testing.HTTPServer({"/f": lying}) as server:
        with pytest.raises(asyncnet.ProtocolError, match="changed"):
            await http.download(server.url("/f"), tmp_path / "f", segments=4, retries=0)


# ---- folders and names


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/dir/report%20one.pdf?x=1", {}, "report one.pdf"),
        ("/", {}, "download"),
        ("/x", {"Content-Disposition": 'attachment; filename="../../../etc/passwd"'}, "passwd"),
        ("/x", {"Content-Disposition": 'attachment; filename=".ssh"'}, "ssh"),
        ("/x", {"Content-Disposition": 'attachment; filename="CON.txt"'}, "_CON.txt"),
        ("/%2e%2e%2fevil", {}, "evil"),
        ("/x", {"Content-Disposition": "attachment; filename*=UTF-8''na%C3%AFve.txt"}, "naïve.txt"),
    ],
)
async def test_a_folder_takes_a_safe_name(tmp_path, path, headers, name):
    folder = tmp_path / "in"
    folder.mkdir()
    with testing.HTTPServer({"*": testing.Response(200, headers, b"x")}) as server:
        got = await http.download(server.url(path), folder)
        assert got.path == folder / name
        assert names(tmp_path) == ["in"]
        assert names(folder) == [name]
        again = await http.download(server.url(path), folder)
        assert again.path != got.path
        assert len(names(folder)) == 2


async def test_a_folder_resumes_too(tmp_path):
    with testing.HTTPServer({"/f.bin": testing.Resource(BODY, cuts=[1_000_000, None])}) as server:
        with pytest.raises(asyncnet.ConnectionLost):
            await http.download(server.url("/f.bin"), tmp_path, retries=0)
        got = await http.download(server.url("/f.bin"), tmp_path)
        assert (got.resumed_from, got.path) == (1_000_000, tmp_path / "f.bin")
        assert names(tmp_path) == ["f.bin"]


async def test_no_such_folder(tmp_path):
    with testing.HTTPServer({"/f": b"x"}) as server:
        with pytest.raises(FileNotFoundError):
            await http.download(server.url("/f"), tmp_path / "missing" / "f")
        assert server.requests == []


async def test_two_downloads_of_one_file(tmp_path):
    with testing.HTTPServer({"/f": testing.Response(body=b"x" * 100, stall_at=10)}) as server:
        first = asyncio.create_task(http.download(server.url("/f"), tmp_path / "f"))
        await server.wait_until(lambda: len(server.requests) == 1)
        with pytest.raises(asyncnet.StateError, match="another download"):
            await http.download(server.url("/f"), tmp_path / "f")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


# ---- codings, limits, time


async def test_codings(tmp_path):
    packed = gzip.compress(BODY)
    response = testing.Response(200, {"Content-Encoding": "gzip"}, packed)
    with testing.HTTPServer({"/page": response, "/archive.tar.gz": response}) as server:
        assert (await http.download(server.url("/page"), tmp_path / "a", hash=True)).sha256 == SHA256
        got = await http.download(server.url("/archive.tar.gz"), tmp_path / "b")
        assert got.path.read_bytes() == packed


@pytest.mark.parametrize(
    "response", [testing.Response(body=b"x" * 1001), testing.Response(body=[b"x" * 600, b"y" * 600])]
)
async def test_max_bytes(tmp_path, response):
    with testing.HTTPServer({"/f": response}) as server:
        with pytest.raises(asyncnet.LimitExceeded, match="max_bytes=1000"):
            await http.download(server.url("/f"), tmp_path / "f", max_bytes=1000)
        assert not (tmp_path / "f").exists()


async def test_a_disk_that_is_too_small(tmp_path):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999\r\n\r\nx"
    with testing.HTTPServer({"/f": testing.Raw(head)}) as server:
        with pytest.raises(OSError, match="are to come"):
            await http.download(server.url("/f"), tmp_path / "f", retries=0)


async def test_a_stall_ends_by_the_idle_timeout(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY)}) as server:
        server.routes["/f"] = testing.Response(body=b"x" * 100, stall_at=10)
        with pytest.raises(asyncnet.OperationTimeout, match="no byte for 0\\.2 s"):
            await http.download(server.url("/f"), tmp_path / "f", idle_timeout=0.2, min_rate=None, retries=0)
        server.routes["/f"] = testing.Response(delay=3600)
        with pytest.raises(asyncnet.OperationTimeout, match="no answer for 0\\.2 s"):
            await http.download(server.url("/f"), tmp_path / "f", idle_timeout=0.2, retries=0)
        with pytest.raises(asyncnet.OperationTimeout, match="no result within 0\\.2 s"):
            await http.download(server.url("/f"), tmp_path / "f", timeout=0.2)


@pytest.mark.parametrize("tls", [False, True])
async def test_what_came_before_a_cancellation_is_kept_however_little(tmp_path, tls):
    authority = testing.CertificateAuthority()
    dialer = asyncnet.Dialer(ssl_context=authority.client_context())
    context = authority.server_context() if tls else None
    with (
        testing.HTTPServer({"/f": testing.Resource(BODY)}, ssl=context) as server,
        testing.FaultyLink(*server.address, stall_at=200_000) as link,
    ):
        url = f"{'https' if tls else 'http'}://127.0.0.1:{link.port}/f"
        part = tmp_path / "f.part"
        turns = 100
        while not part.exists() or not part.stat().st_size:
            assert turns < 50_000, "nothing is kept"
            before = link.bytes_down
            task = asyncio.create_task(http.download(url, tmp_path / "f", dialer=dialer))
            await link.wait_until(lambda seen=before: link.bytes_down - seen == 200_000)
            for _ in range(turns):  # the file is opened, and what has come is taken
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            turns *= 4
        link.heal()
        got = await http.download(url, tmp_path / "f", hash=True, dialer=dialer)
        assert got.sha256 == SHA256
        assert 100_000 < got.resumed_from < 200_000


async def test_a_cancelled_download_can_be_gone_on_with(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(BODY)}) as server:
        reached = asyncio.Event()
        whole, server.routes["/f"] = (
            server.routes["/f"],
            testing.Response(200, {"ETag": f'"{SHA256[:16]}"', "Accept-Ranges": "bytes"}, BODY, stall_at=3_000_000),
        )
        task = asyncio.create_task(
            http.download(server.url("/f"), tmp_path / "f", progress=lambda done, total: reached.set())
        )
        await cancelled(task, reached)
        server.routes["/f"] = whole
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN)
        assert got.resumed_from > 0


@pytest.mark.parametrize("secure", [False, True])
async def test_what_came_over_a_slow_line_is_on_the_disk_soon(tmp_path, secure):
    authority = testing.CertificateAuthority()
    context = authority.client_context() if secure else None
    with (
        testing.HTTPServer(
            {"/f": testing.Resource(BODY)}, ssl=authority.server_context() if secure else None
        ) as server,
        testing.FaultyLink(server.host, server.port, bandwidth=200_000) as link,
    ):
        url = server.url("/f").replace(str(server.port), str(link.port))
        task = asyncio.create_task(http.download(url, tmp_path / "f", ssl=context))
        async with asyncio.timeout(4):  # without care it is 5 s until the first byte is written
            while not (tmp_path / "f.part").exists() or not (tmp_path / "f.part").stat().st_size:
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        link.bandwidth = None
        got = await http.download(url, tmp_path / "f", ssl=context, known_hash=KNOWN)
        assert 0 < got.resumed_from < 1_000_000


async def test_a_stall_loses_nothing(tmp_path):
    tag = {"ETag": f'"{SHA256[:16]}"', "Accept-Ranges": "bytes"}
    stalled = testing.Response(200, tag, BODY, stall_at=400_000)
    with testing.HTTPServer({"/f": [stalled, testing.Resource(BODY)]}) as server:
        got = await http.download(server.url("/f"), tmp_path / "f", known_hash=KNOWN, idle_timeout=0.3, min_rate=None)
        assert got.size == len(BODY)
        assert ranges(server) == [None, "bytes=400000-"]


async def test_a_client_downloads(tmp_path):
    with testing.HTTPServer({"/f": testing.Resource(b"content")}) as server:
        async with http.Client(base_url=server.url(), auth=("u", "p")) as client:
            got = await client.download("/f", tmp_path / "f", hash=True)
            assert got.size == 7
            assert server.requests[0].header("Authorization")


@pytest.mark.parametrize(
    "arguments",
    [{"segments": 0}, {"max_bytes": -1}, {"known_hash": "x"}, {"idle_timeout": -1}, {"min_rate": -1}, {"path": ""},
     {"path": "a\0b"}, {"retries": -1}, {"timeout": -1}],
)  # fmt: skip
async def test_bad_values(tmp_path, arguments):
    with pytest.raises(ValueError):
        await http.download(**{"url": "http://127.0.0.1:1/", "path": tmp_path / "f", **arguments})


@pytest.mark.parametrize(
    "arguments", [{"path": 5}, {"path": b"x"}, {"progress": "yes"}, {"known_hash": b"x"}, {"min_rate": "1"}]
)
async def test_bad_types(tmp_path, arguments):
    with pytest.raises(TypeError):
        await http.download(**{"url": "http://127.0.0.1:1/", "path": tmp_path / "f", **arguments})
