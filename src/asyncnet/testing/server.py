"""What every server of the test kit shares: life cycle, records, waiting for what was seen."""

from __future__ import annotations

import abc
import asyncio
import contextlib
import socket
import ssl as _ssl
import weakref
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, TypeVar

from .gate import Signal
from .sockets import CLOSE_GRACE, drop, listen
from .thread import LoopThread

__all__ = ["Connections", "Server", "StreamServer", "owned_descriptors"]

Self = TypeVar("Self", bound="Server")

_servers: weakref.WeakSet[Server] = weakref.WeakSet()


class Connections(NamedTuple):
    """How many connections are open now, and how many were accepted so far."""

    open: int
    total: int


def owned_descriptors() -> set[int]:
    """Descriptors that belong to running test servers, which a leak check must not blame on the tested code."""
    return {number for server in list(_servers) for sock in list(server._sockets) if (number := sock.fileno()) >= 0}


class Server(abc.ABC):
    """A scripted server on loopback, as a context manager.

    ``with`` runs it in a thread with its own event loop, ``async with`` on the
    running loop.  It is closed in bounded time, whatever its clients do.  What
    a script raised (a failed ``assert``, say) is raised again when the block
    ends, as an ``AssertionError``; a vanished client is no error.

    Attributes:
        host: the address it is bound to.
        port: the port it is bound to, known inside the block.
        errors: what scripts raised so far.
    """

    _name: ClassVar[str] = "server"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.errors: list[BaseException] = []
        self._signal = Signal()
        self._thread: LoopThread | None = None
        self._sockets: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = self._total = 0

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def connections(self) -> Connections:
        """Connections open now and accepted so far."""
        with self._signal.lock:
            return Connections(self._open, self._total)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}:{self.port}>"

    # -- life cycle ---------------------------------------------------------

    def start(self: Self) -> Self:
        """Start it in a thread of its own; what ``with`` does."""
        assert self._thread is None, "already started"
        thread = self._thread = LoopThread(f"asyncnet-testing-{self._name}", self._record_error)
        thread.start()
        _servers.add(self)
        try:
            thread.run(self._start())
        except BaseException:
            self._thread = None
            thread.stop()
            raise
        return self

    def stop(self) -> None:
        """Close every connection and end the thread; idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            thread.run(self._shut())
        finally:
            thread.stop()
            _servers.discard(self)

    def __enter__(self: Self) -> Self:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()
        self._raise_errors(exc)

    async def __aenter__(self: Self) -> Self:
        _servers.add(self)
        await self._start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            await self._shut()
        finally:
            _servers.discard(self)
        self._raise_errors(exc)

    @abc.abstractmethod
    async def _start(self) -> None:
        """Bind and serve, on the running loop; sets ``port``."""

    async def _shut(self) -> None:
        """Cancel what runs and close all sockets."""
        for _ in range(10):  # a script may start another while it is being cancelled
            tasks = {task for task in self._tasks if task is not asyncio.current_task()}
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLOSE_GRACE)
        for sock in list(self._sockets):
            sock.close()
        self._sockets.clear()

    # -- for subclasses -----------------------------------------------------

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._record_error(error)

    def _record_error(self, error: BaseException) -> None:
        if isinstance(error, OSError | EOFError | asyncio.LimitOverrunError):
            return  # a vanished client, or one that talks garbage
        with self._signal.lock:
            self.errors.append(error)
        self._signal.notify()

    def _raise_errors(self, other: BaseException | None) -> None:
        if self.errors and other is None:
            error = self.errors[0]
            raise AssertionError(f"the script of {self!r} failed: {type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def _counted(self, sock: socket.socket) -> Iterator[int]:
        with self._signal.lock:
            self._open += 1
            self._total += 1
            self._sockets.add(sock)
            number = self._total
        self._signal.notify()
        try:
            yield number
        finally:
            with self._signal.lock:
                self._open -= 1
                self._sockets.discard(sock)
            self._signal.notify()

    # -- waiting ------------------------------------------------------------

    async def wait_until(self, predicate: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until something is true of what this server saw.

        Args:
            predicate: called again whenever the server saw something.
            timeout: seconds.

        Raises:
            AssertionError: it did not become true in that time.
        """
        await self._signal.wait(predicate, timeout, f"{self!r} did not see it")

    def block_until(self, predicate: Callable[[], bool], timeout: float = 5.0) -> None:
        """`wait_until` for synchronous tests: blocks the calling thread.

        Args:
            predicate: called again whenever the server saw something.
            timeout: seconds.

        Raises:
            AssertionError: it did not become true in that time.
        """
        self._signal.block(predicate, timeout, f"{self!r} did not see it")


class StreamServer(Server):
    """A server of connections; a subclass says what happens on one in ``_serve``."""

    _limit: ClassVar[int] = 1 << 20  # the longest line that a script can read

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, ssl: _ssl.SSLContext | None = None, path: str | None = None
    ) -> None:
        super().__init__(host=host, port=port)
        self.ssl = ssl
        self.path = path
        self._listener: socket.socket | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>" if self.path else super().__repr__()

    async def _start(self) -> None:
        if self.path is None:
            listener = listen(self.host, self.port)
            self.port = listener.getsockname()[1]
        else:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.setblocking(False)
            listener.bind(self.path)
            listener.listen(100)
        self._serve_on(listener)

    def _serve_on(self, listener: socket.socket) -> None:
        self._sockets.add(listener)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._acceptable, listener)

    def _acceptable(self, listener: socket.socket) -> None:
        # Not loop.sock_accept(): cancelled in the turn in which somebody connects, it drops that socket unclosed.
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                sock, _ = listener.accept()
                self._sockets.add(sock)  # already here: a task that is cancelled before its first step closes nothing
                self._spawn(self._serve_socket(sock))

    async def _shut(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener = None
        await super()._shut()

    async def _serve_socket(self, sock: socket.socket) -> None:
        # Counted from the accept on, so that a connection whose TLS handshake fails is seen too.
        with self._counted(sock) as number:
            sock.setblocking(False)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                reader, writer = await self._streams(sock, self.ssl)
            except BaseException:
                sock.close()
                raise
            try:
                await self._serve(reader, writer, number)
                await self._finish(writer)
            finally:
                drop(writer)
                # Its socket is closed in the next turn of the loop; count it as open until then.
                await asyncio.sleep(0)

    async def _streams(
        self, sock: socket.socket, ssl: _ssl.SSLContext | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = self._reader(loop)
        # The writer has to be the protocol's own: start_tls() lets go of that one, and 3.11 closes it then.
        made: list[asyncio.StreamWriter] = []
        protocol = asyncio.StreamReaderProtocol(reader, lambda reader, writer: made.append(writer), loop=loop)
        await loop.connect_accepted_socket(lambda: protocol, sock, ssl=ssl)
        return reader, made[0]

    def _reader(self, loop: asyncio.AbstractEventLoop) -> asyncio.StreamReader:
        return asyncio.StreamReader(limit=self._limit, loop=loop)

    async def _finish(self, writer: asyncio.StreamWriter) -> None:
        """Close and let what was written go out, for a bounded time."""
        # Take what has arrived already: the kernel answers unread bytes with a reset.
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_GRACE):
                writer.close()
                await writer.wait_closed()

    @abc.abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        """Talk to one client, the connection with that number; it is closed when this returns."""
