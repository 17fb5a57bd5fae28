"""Many URLs: bounded, fair, an outcome for each."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import signal
import subprocess
import sys

import pytest

import asyncnet
from asyncnet import http, testing

pytestmark = pytest.mark.asyncio


async def test_every_url_has_its_outcome():
    routes = {"/ok": "x", "/no": testing.Response(404), "/cut": testing.Response(body=b"x" * 9, cut_at=1)}
    with testing.HTTPServer(routes) as server:
        urls = [server.url("/ok"), server.url("/no"), server.url("/cut"), "nonsense", 5, server.url("/ok")]
        outcomes = [outcome async for outcome in http.fetch_many(urls)]
        found = {str(outcome.item): type(outcome.error) for outcome in outcomes}
        assert len(outcomes) == 6
        assert found == {
            server.url("/ok"): type(None),
            server.url("/no"): asyncnet.ReplyError,
            server.url("/cut"): asyncnet.ConnectionLost,
            "nonsense": ValueError,
            "5": TypeError,
        }
        good = [outcome for outcome in outcomes if outcome.ok]
        assert [outcome.value.text for outcome in good] == ["x", "x"]
        assert all(outcome.elapsed >= 0 for outcome in good)
        assert next(o for o in outcomes if isinstance(o.error, asyncnet.ReplyError)).error.operation == "fetch_many"


async def test_bounded_memory_and_concurrency():
    taken = 0

    def endless():
        nonlocal taken
        for taken in itertools.count(1):
            yield server.url(f"/{taken}")

    open_now = most = 0

    async def count(request):
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0)
        open_now -= 1
        return b"x"

    with testing.HTTPServer({"*": count}) as server:
        seen = 0
        async for outcome in http.fetch_many(endless(), concurrency=10, per_host=5):
            assert outcome.ok
            seen += 1
            if seen == 50:
                break
        assert most <= 5
        await asyncnet.close()
        await server.wait_until(lambda: server.connections.open == 0)
    assert taken <= 10_100


async def test_a_slow_consumer_holds_everything_back():
    with testing.HTTPServer({"*": "x"}) as server:
        urls = (server.url(f"/{n}") for n in itertools.count())
        outcomes = http.fetch_many(urls, concurrency=4, per_host=4)
        await anext(outcomes)
        await server.wait_until(lambda: len(server.requests) >= 4)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(server.requests) <= 8
        await outcomes.aclose()


async def test_an_async_iterable():
    with testing.HTTPServer({"*": "x"}) as server:

        async def urls():
            for number in range(20):
                await asyncio.sleep(0)
                yield server.url(f"/{number}")

        outcomes = [outcome async for outcome in http.fetch_many(urls(), concurrency=3, per_host=3)]
        assert len({outcome.item for outcome in outcomes}) == 20


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_iterable_that_fails(kind):
    with testing.HTTPServer({"*": "x"}) as server:

        def plain():
            yield server.url("/1")
            raise KeyError("mine")

        async def asynchronous():
            yield server.url("/1")
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            async for _ in http.fetch_many(plain() if kind == "sync" else asynchronous()):
                pass


async def test_a_slow_host_does_not_stand_in_the_way():
    slow = testing.HTTPServer({"*": testing.Response(delay=3600)})
    with slow, testing.HTTPServer({"*": "x"}) as quick:
        urls = [slow.url(f"/{n}") for n in range(100)] + [quick.url(f"/{n}") for n in range(100)]
        done = []
        async for outcome in http.fetch_many(urls, concurrency=12, per_host=8, timeout=None):
            done.append(outcome)
            if len(done) == 100:
                break
        assert all(outcome.ok and outcome.item.startswith(quick.url("/")) for outcome in done)
        assert slow.connections.total <= 8


async def test_a_host_that_only_times_out_is_given_up():
    with testing.HTTPServer({"*": testing.Response(delay=3600)}) as dead, testing.HTTPServer({"*": "x"}) as alive:
        urls = [dead.url(f"/{n}") for n in range(500)] + [alive.url(f"/{n}") for n in range(20)]
        outcomes = [o async for o in http.fetch_many(urls, per_host=4, give_up_host_after=3, timeout=0.2, retries=0)]
        assert len(outcomes) == 520
        assert sum(outcome.ok for outcome in outcomes) == 20
        given_up = [o for o in outcomes if o.error is not None and o.error.phase == "given up"]
        assert len(given_up) >= 490
        error = given_up[0].error
        assert isinstance(error, asyncnet.OperationTimeout)
        assert "timeouts in a row" in str(error)
        assert (error.protocol, error.operation, error.peer) == ("http", "fetch_many", "127.0.0.1")
        assert len(dead.requests) <= 8


async def test_what_comes_later_of_a_host_that_was_given_up_ends_at_once():
    with testing.HTTPServer({"*": testing.Response(delay=3600)}) as dead:

        async def urls():
            for number in range(3):
                yield dead.url(f"/{number}")
            await three.wait()
            yield dead.url("/late")

        outcomes, three = [], asyncio.Event()
        async for outcome in http.fetch_many(urls(), give_up_host_after=3, timeout=0.1, retries=0):
            outcomes.append(outcome)
            if len(outcomes) == 3:
                three.set()
        assert outcomes[-1].item.endswith("/late")
        assert outcomes[-1].error.phase == "given up"
        assert len(dead.requests) == 3


async def test_never_given_up():
    with testing.HTTPServer({"*": testing.Response(delay=3600)}) as dead:
        urls = [dead.url(f"/{n}") for n in range(12)]
        outcomes = [o async for o in http.fetch_many(urls, give_up_host_after=None, timeout=0.1, retries=0)]
        assert len(dead.requests) == len(outcomes) == 12


async def test_progress():
    seen = []
    with testing.HTTPServer({"*": "x"}) as server:
        urls = [server.url(f"/{n}") for n in range(30)]
        async for _ in http.fetch_many(urls, progress=lambda done, total: seen.append((done, total))):
            pass
    assert seen[0] == (1, 30)
    assert seen[-1] == (30, 30)


async def test_nothing_to_do():
    assert [outcome async for outcome in http.fetch_many([])] == []


@pytest.mark.parametrize(
    "arguments", [{"concurrency": 0}, {"per_host": 0}, {"give_up_host_after": 0}, {"timeout": -1}, {"retries": -1}]
)
async def test_bad_values(arguments):
    for many in (http.fetch_many([], **arguments), http.download_many([], "x", **arguments)):
        with pytest.raises(ValueError):
            await anext(many)


@pytest.mark.parametrize(
    "arguments", [{"urls": "http://h/"}, {"urls": 5}, {"concurrency": None}, {"progress": "x"}, {"dialer": "x"}]
)
async def test_bad_types(arguments):
    with pytest.raises(TypeError):
        await anext(http.fetch_many(**{"urls": ["http://127.0.0.1:1/"], **arguments}))


async def test_a_client_fetches_many():
    with testing.HTTPServer({"*": "x"}) as server:
        client = http.Client(headers={"X-A": "1"})
        with pytest.raises(asyncnet.StateError):
            await anext(client.fetch_many([server.url()]))
        async with client:
            outcomes = [o async for o in client.fetch_many([server.url(f"/{n}") for n in range(10)], timeout=5)]
            assert all(outcome.ok for outcome in outcomes)
            assert all(request.header("X-A") == "1" for request in server.requests)


# ---- downloads


async def test_downloads(tmp_path):
    routes = {"/no": testing.Response(404), "*": lambda request: request.path.encode()}
    with testing.HTTPServer(routes) as server:
        urls = [server.url(f"/{n}.txt") for n in range(20)] + [server.url("/no"), server.url("/dir/1.txt")]
        outcomes = [o async for o in http.download_many(urls, tmp_path / "new", hash=True)]
        assert sum(o.ok for o in outcomes) == 21
        for outcome in outcomes:
            if outcome.ok:
                assert outcome.value.path.read_text() == outcome.item.removeprefix(server.url("/")[:-1])
                assert outcome.value.sha256
        assert sorted(os.listdir(tmp_path / "new")) == sorted([f"{n}.txt" for n in range(20)] + ["1 (1).txt"])


async def test_a_manifest_remembers(tmp_path):
    routes = {"/a": b"a", "/b": [testing.Response(404), b"b"]}
    with testing.HTTPServer(routes) as server:
        urls = [server.url("/a"), server.url("/b")]

        async def run() -> dict[str, bool]:
            many = http.download_many(urls, tmp_path / "files", manifest=tmp_path / "job.sqlite")
            return {outcome.item: outcome.ok async for outcome in many}

        assert await run() == {urls[0]: True, urls[1]: False}
        assert await run() == {urls[0]: True, urls[1]: True}
        assert await run() == {urls[0]: True, urls[1]: True}
        assert sorted(request.path for request in server.requests) == ["/a", "/b", "/b"]
        (tmp_path / "files" / "a").unlink()
        await run()
        assert server.requests[-1].path == "/a"


async def test_a_hash_that_is_asked_for_later(tmp_path):
    with testing.HTTPServer({"/a": b"content"}) as server:
        for hash, expected in ((False, None), (True, hashlib.sha256(b"content").hexdigest())):
            many = http.download_many([server.url("/a")], tmp_path / "to", manifest=tmp_path / "job", hash=hash)
            outcomes = [outcome async for outcome in many]
            assert [outcome.value.sha256 for outcome in outcomes] == [expected]
        assert len(server.requests) == 1  # of the file that is there already


async def test_a_manifest_that_is_none(tmp_path):
    (tmp_path / "text").write_text("no database" * 99)
    with pytest.raises(asyncnet.StateError):
        await anext(http.download_many([], tmp_path, manifest=tmp_path / "text"))
    with pytest.raises(ValueError):
        await anext(http.download_many([], "a\0b"))


KILLED = """
import asyncio, sys
from asyncnet import http

async def main():
    urls = [f"{sys.argv[1]}/{number}" for number in range(200)]
    async for outcome in http.download_many(urls, sys.argv[2], manifest=sys.argv[2] + ".sqlite", concurrency=4):
        print(outcome.ok, flush=True)

asyncio.run(main())
"""


def kill_in_the_middle(command: list[str]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)


async def test_a_job_that_was_killed_goes_on(tmp_path):
    with testing.HTTPServer({"*": lambda request: request.path.encode()}) as server:
        base, folder = server.url("/")[:-1], tmp_path / "files"
        kill_in_the_middle([sys.executable, "-c", KILLED, base, str(folder)])
        before = len(server.requests)
        urls = [f"{base}/{number}" for number in range(200)]
        outcomes = [o async for o in http.download_many(urls, folder, manifest=f"{folder}.sqlite")]
        assert all(outcome.ok for outcome in outcomes)
        assert len(server.requests) - before <= 190
        for outcome in outcomes:
            assert outcome.value.path.read_text() == outcome.item.removeprefix(base)


async def test_a_client_downloads_many(tmp_path):
    with testing.HTTPServer({"*": b"x"}) as server:
        async with http.Client() as client:
            many = client.download_many([server.url(f"/{n}") for n in range(5)], tmp_path)
            assert [outcome.value.size async for outcome in many] == [1] * 5
