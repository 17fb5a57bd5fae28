"""What every test of the suite stands on: both loops, a time limit, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import pytest_asyncio

import asyncnet
from asyncnet import testing

TIME_LIMIT = 60.0  # seconds for one test; the marker time_limit changes it
GRACE = 2.0  # seconds in which threads and sockets that were told to end may still be ending

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def _factories() -> dict[str, LoopFactory]:
    factories: dict[str, LoopFactory] = {"asyncio": asyncio.SelectorEventLoop}
    with contextlib.suppress(ImportError):
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories


# ---- both loops


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--loop", choices=["asyncio", "uvloop"], help="run the async tests on this event loop only")


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--loop")
    if chosen is not None and chosen not in _factories():
        raise pytest.UsageError(f"--loop {chosen}: not installed")
    # A shell without job control starts what runs in its background with Ctrl-C ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header(config: pytest.Config) -> str:
    return f"event loops: {config.getoption('--loop') or ', '.join(_factories())}"


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    chosen = config.getoption("--loop")
    return {name: made for name, made in _factories().items() if chosen in (None, name)}


def pytest_collection_finish(session: pytest.Session) -> None:
    _collect()


def pytest_sessionfinish(session: pytest.Session) -> None:
    gc.unfreeze()  # pytest collects a last time, and then sees everything


def _collect() -> None:
    """Collect what the test has left.  What survives is frozen from time to time, or it would cost more and more."""
    began = time.perf_counter()
    gc.collect()
    if time.perf_counter() - began > 0.003:
        gc.freeze()


# ---- nothing left behind


def _sockets() -> set[tuple[int, str]]:
    """The process's open sockets, as descriptor and inode; empty where there is no /proc."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{name}")
                if target.startswith("socket:"):
                    found.add((int(name), target))
    return found


def _threads() -> set[threading.Thread]:
    # pycares keeps one daemon of its own for the whole process: it ends channels that were closed.
    return {thread for thread in threading.enumerate() if "_run_safe_shutdown_loop" not in thread.name}


def _left(before: set[tuple[int, str]], threads: set[threading.Thread]) -> str:
    """What there is now and was not before, in words; waits while something is on its way out."""
    until = time.monotonic() + GRACE
    while True:
        sockets, running = _sockets() - before, _threads() - threads
        if not sockets and not running:
            return ""
        if time.monotonic() > until:
            break
        time.sleep(0.005)
        gc.collect()
    parts = [f"thread {thread.name!r}" for thread in running]
    parts += [f"descriptor {number} ({target})" for number, target in sorted(sockets)]
    return ", ".join(parts)


def _is_async(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("asyncio") is not None


@pytest.fixture(autouse=True)
def _process_is_clean(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fails a test that leaves a socket or a thread; set up before the loop, so it looks after that has closed."""
    allowed = request.node.get_closest_marker("allow_leaks") is not None
    sockets, threads = _sockets(), _threads()
    complaints: list[str] = []
    yield complaints
    _collect()  # what was only forgotten warns now, in this test, and warnings are errors
    if not allowed and (left := _left(sockets, threads)):
        pytest.fail(f"left behind: {left}", pytrace=False)
    if not allowed and complaints:
        pytest.fail("the loop's exception handler was called:\n" + "\n".join(complaints), pytrace=False)


@pytest_asyncio.fixture
async def _loop_is_clean(request: pytest.FixtureRequest, _process_is_clean: list[str]) -> AsyncIterator[None]:
    """Fails a test that leaves a task after ``asyncnet.close()``, and ends one that takes too long."""
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 60.0  # what a slow machine does is no news
    loop.set_exception_handler(lambda loop, context: _process_is_clean.append(_complaint(context)))
    marker = request.node.get_closest_marker("time_limit")
    limit = marker.args[0] if marker else TIME_LIMIT
    before = asyncio.all_tasks()
    sockets, threads = _sockets(), _threads()
    stopped: list[str] = []
    guard = loop.call_later(limit, _stop, loop, before, stopped)
    yield
    guard.cancel()
    if "asyncnet.core.loop_scope" in sys.modules:
        await asyncnet.close()
    for _ in range(5):  # transports and cancelled tasks need a turn or two to end
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()} - before
    if _sockets() - sockets or _threads() - threads:
        _close_servers()
    allowed = request.node.get_closest_marker("allow_leaks") is not None
    if stopped:
        pytest.fail(f"took longer than {limit:g} s; it stood at\n" + "\n".join(stopped), pytrace=False)
    if left and not allowed:
        pytest.fail(f"left behind: {', '.join(map(repr, left))}", pytrace=False)


def _complaint(context: dict[str, object]) -> str:
    error = context.get("exception")
    details = "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
    return f"{context.get('message')}\n{details}".strip()


def _close_servers() -> None:
    """Close forgotten asyncio servers: uvloop would wait for them for ever when the loop closes.

    What else is left is found once the loop has closed, in this same test.
    """
    gc.collect()
    kinds = ("asyncio.base_events", "uvloop.loop")
    servers = [x for x in gc.get_objects() if type(x).__name__ == "Server" and type(x).__module__ in kinds]
    left = [server for server in servers if server.get_loop() is asyncio.get_running_loop() and server.is_serving()]
    for server in left:
        server.close()
    if left:
        pytest.fail(f"left behind: {left}", pytrace=False)


def _stop(loop: asyncio.AbstractEventLoop, before: set[asyncio.Task[object]], stopped: list[str]) -> None:
    for task in asyncio.all_tasks(loop) - before:
        frames = task.get_stack()
        place = f"{frames[-1].f_code.co_filename}:{frames[-1].f_lineno}" if frames else "no frame"
        stopped.append(f"{task!r} at {place}")
        task.cancel()


@pytest.fixture(autouse=True)
def _nothing_left(_process_is_clean: list[str], request: pytest.FixtureRequest) -> None:
    """Orders the two: the process around the loop, the loop around the test."""
    if _is_async(request):
        request.getfixturevalue("_loop_is_clean")


# ---- what the tests of several protocols share


@pytest.fixture(scope="session")
def ca() -> testing.CertificateAuthority:
    """One authority for the whole run."""
    return testing.CertificateAuthority()


@pytest.fixture
def dialer(ca: testing.CertificateAuthority) -> asyncnet.Dialer:
    """Trusts that authority."""
    return asyncnet.Dialer(ssl_context=ca.client_context())
