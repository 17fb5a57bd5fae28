"""The FTP client."""

from __future__ import annotations

import asyncio
import os
import posixpath
import ssl as _ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from ..core.address import check_text
from ..core.client import BaseClient
from ..core.dialer import Dialer
from ..core.operation import DEFAULT_TIMEOUT, Operation, Timeout, check_timeout
from ..core.pace import IDLE_TIMEOUT, MIN_RATE, Pace, check_rate
from ..core.payload import as_bytes
from ..core.progress import Progress, check_progress
from ..core.stream import Buffer
from ..errors import AsyncNetError, LimitExceeded, ProtocolError, ReplyError, StateError
from .listing import Entry, parse_facts, parse_list, parse_mlsd, parse_time
from .session import ANONYMOUS, Options, Session
from .transfer import Transfer, receive_all, receive_file, send_all, send_file

__all__ = ["Client"]

T = TypeVar("T")

_MAX_BYTES = 67_108_864  # of a file that is fetched into memory, and of a listing
_DEPTH = 100  # folders within folders that walk goes into: a server can make them up without end


class Client(BaseClient):
    """One FTP connection (RFC 959), passive mode; operations of several tasks take turns.

    A command that is cancelled, times out or gets no sensible answer drops the
    connection, which is closed then: the answer to it would be taken for the
    next one's.

    Args:
        host: a name or an address.
        port: 21; TLS begins with the first byte on 990.
        username: ``"anonymous"`` needs no password.
        password: never shown; travels in TLS only, unless ``starttls=False``.
        ssl: TLS from the first byte; a context is for AUTH TLS, too.
        starttls: AUTH TLS: ``True`` required, ``False`` never, ``None`` used
            when offered and required as soon as there is a password.
        server_hostname: the name to verify when it differs from ``host``.
        local_address: ``(host, port)`` to bind before connecting.
        timeout: seconds for opening and for each operation but transfers to and from files.
        dialer: who opens the connections, those for data included; ``None`` for the current one.

    Raises on opening:
        ResolveError, ConnectError, TLSError, AuthenticationError, OperationTimeout.

    Example:
        ```python
        async with asyncnet.ftp.Client("127.0.0.1", server.port) as ftp:
            for entry in await ftp.list("/pub"):
                print(entry.name, entry.size)
        ```
    """

    _protocol = "ftp"

    def __init__(
        self,
        host: str,
        port: int = 21,
        *,
        username: str = ANONYMOUS,
        password: str | None = None,
        account: str | None = None,
        ssl: bool | _ssl.SSLContext | None = None,
        starttls: bool | None = None,
        server_hostname: str | None = None,
        local_address: tuple[str, int] | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        dialer: Dialer | None = None,
    ) -> None:
        nobody = username == ANONYMOUS and password is None
        if account is not None:
            check_text(account, "account")
        self._options = Options(
            host=host, port=port, username=None if nobody else username, password=password, account=account, ssl=ssl,
            starttls=starttls, server_hostname=server_hostname, local_address=local_address, dialer=dialer,
        )  # fmt: skip
        super().__init__(peer=self._options.peer, timeout=timeout)
        self._session = Session(self._options)
        self._turn = asyncio.Lock()

    # ---- life

    async def _open(self, operation: Operation) -> None:
        await self._session.open(operation)

    async def _goodbye(self) -> None:
        async with self._turn:
            await self._session.quit()

    def _drop(self) -> None:
        self._session.abort()

    @property
    def features(self) -> frozenset[str]:
        """What the server said it can do beyond RFC 959 (FEAT, RFC 2389), such as ``"MLST"``."""
        return frozenset(self._session.features)

    # ---- folders

    async def list(self, path: str = "", *, timeout: Timeout = ...) -> tuple[Entry, ...]:
        """The entries of a folder (MLSD, else LIST).

        Args:
            path: the folder, ``""`` for the current one.
            timeout: seconds; by default the client's own.

        Raises:
            ReplyError: there is no such folder, or it may not be read.
        """
        path = check_text(path, "path")
        return await self._do("list", lambda operation: self._list(operation, path), timeout)

    async def _list(self, operation: Operation, path: str) -> tuple[Entry, ...]:
        if "MLST" in self._session.features or "MLSD" in self._session.features:
            return parse_mlsd(await self._listing(operation, "MLSD", path), path)
        return parse_list(await self._listing(operation, "LIST", path), path, datetime.now(UTC))

    async def _listing(self, operation: Operation, command: str, path: str) -> str:
        stream = await self._session.data(operation, command, path or None)
        data = await receive_all(stream, self._pace(operation), _MAX_BYTES)
        await self._session.complete(operation)
        return data.decode("utf-8", "surrogateescape")

    async def walk(self, path: str = "", *, timeout: Timeout = ...) -> AsyncIterator[Entry]:
        """Iterate over everything below a folder, each folder before what is in it.

        Links are given, not followed.

        Args:
            path: where to begin.
            timeout: seconds for each folder.
        """
        folders = [(check_text(path, "path"), 0)]
        while folders:
            folder, depth = folders.pop()
            if depth > _DEPTH:
                raise LimitExceeded(f"more than {_DEPTH} folders within folders", protocol="ftp", peer=self._peer)
            below = []
            for entry in await self.list(folder, timeout=timeout):
                yield entry
                if entry.kind == "directory":
                    below.append((entry.path, depth + 1))
            folders += reversed(below)

    async def stat(self, path: str, *, timeout: Timeout = ...) -> Entry:
        """One file or folder (MLST, else SIZE and MDTM).

        Raises:
            ReplyError: there is none.
        """
        path = check_text(path, "path")
        return await self._do("stat", lambda operation: self._stat(path), timeout)

    async def _stat(self, path: str) -> Entry:
        folder, name = posixpath.split(path.rstrip("/") or "/")
        if "MLST" in self._session.features:
            reply = await self._session.expect("MLST", 250, argument=path)
            facts = reply.lines[1].strip().partition(" ")[0] if len(reply.lines) > 1 else ""
            if not facts:
                raise ProtocolError(f"no facts in {str(reply)[:60]!r}")
            return parse_facts(facts, name or "/", folder)
        await self._session.binary()
        reply = await self._session.expect("SIZE", 213, argument=path)
        size = _number(reply.text)
        reply = await self._session.ask("MDTM", path)
        return Entry(name, path, "file", size, parse_time(reply.text) if reply.code == 213 else None)

    async def make_directory(self, path: str, *, timeout: Timeout = ...) -> None:
        """Make a folder."""
        await self._change("make_directory", timeout, ("MKD", path, 257))

    async def remove_directory(self, path: str, *, timeout: Timeout = ...) -> None:
        """Remove an empty folder."""
        await self._change("remove_directory", timeout, ("RMD", path, 250))

    async def delete(self, path: str, *, timeout: Timeout = ...) -> None:
        """Delete a file."""
        await self._change("delete", timeout, ("DELE", path, 250))

    async def rename(self, path: str, new_path: str, *, timeout: Timeout = ...) -> None:
        """Rename or move a file or folder."""
        await self._change("rename", timeout, ("RNFR", path, 350), ("RNTO", new_path, 250))

    async def _change(self, name: str, timeout: Timeout, *commands: tuple[str, str, int]) -> None:
        for _, path, _ in commands:
            _check_path(path)

        async def change(operation: Operation) -> None:
            for command, path, code in commands:
                await self._session.expect(command, code, argument=path)

        await self._do(name, change, timeout)

    # ---- files

    async def fetch(self, path: str, *, max_bytes: int = _MAX_BYTES, timeout: Timeout = ...) -> bytes:
        """A file's content, in memory.

        Args:
            path: the file.
            max_bytes: the most to take (64 MiB).
            timeout: seconds; by default the client's own.

        Raises:
            LimitExceeded: it is larger. ConnectionLost: it was cut short.
        """
        _check_path(path)
        _check_most(max_bytes)

        async def fetch(operation: Operation) -> bytes:
            await self._session.binary()
            stream = await self._session.data(operation, "RETR", path)
            data = await receive_all(stream, self._pace(operation), max_bytes)
            await self._session.complete(operation)
            return data

        return await self._do("fetch", fetch, timeout)

    async def store(self, path: str, data: Buffer, *, timeout: Timeout = ...) -> None:
        """Write a file on the server, replacing what was there.

        Raises:
            ConnectionLost, OperationTimeout: with ``maybe_done`` once all was sent.
        """
        _check_path(path)
        data = as_bytes(data)

        async def store(operation: Operation) -> None:
            await self._session.binary()
            stream = await self._session.data(operation, "STOR", path)
            await send_all(self._session, operation, stream, self._pace(operation), data)

        await self._do("store", store, timeout)

    async def download(
        self,
        remote: str,
        local: str | os.PathLike[str],
        *,
        resume: bool = True,
        progress: Progress = None,
        max_bytes: int | None = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
        timeout: float | None = None,
    ) -> Transfer:
        """Save a file: whole under its name, or not at all.

        What has come stands in ``<local>.part`` until it is complete; when the
        size on the server is known and differs in the end, that is an error.

        Args:
            remote: the file on the server.
            local: where to save it; a folder gets it under its own name.
            resume: go on with what an earlier try has left.
            progress: called with bytes so far and in all; ``True`` draws a bar (extra ``progress``).
            max_bytes: the most to write; ``None`` for no limit.
            idle_timeout: seconds in which no byte moved, and none of a reply came.
            min_rate: bytes per second, averaged over ``idle_timeout``.
            timeout: seconds for all of it.
        """
        _check_path(remote, "remote")
        local = os.fspath(local)
        _check_most(max_bytes)
        check_progress(progress)
        check_timeout(idle_timeout, "idle_timeout")
        check_rate(min_rate)

        async def download(operation: Operation) -> Transfer:
            pace = Pace(operation.loop, idle_timeout=idle_timeout, min_rate=min_rate)
            return await receive_file(
                self._session, operation, remote, local,
                resume=resume, progress=progress, max_bytes=max_bytes, pace=pace,
            )  # fmt: skip

        return await self._do("download", download, timeout, idle_timeout)

    async def upload(
        self,
        local: str | os.PathLike[str],
        remote: str,
        *,
        resume: bool = False,
        progress: Progress = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
        timeout: float | None = None,
    ) -> Transfer:
        """Send a file, and compare its size on the server in the end.

        Args:
            local: the file to send.
            remote: its path on the server; what is there is replaced.
            resume: what is there is the beginning of the same file: send the rest.
            progress: as for `download`.
            idle_timeout: seconds in which no byte moved, and none of a reply came.
            min_rate: bytes per second, averaged over ``idle_timeout``.
            timeout: seconds for all of it.
        """
        _check_path(remote, "remote")
        local = os.fspath(local)
        check_progress(progress)
        check_timeout(idle_timeout, "idle_timeout")
        check_rate(min_rate)

        async def upload(operation: Operation) -> Transfer:
            pace = Pace(operation.loop, idle_timeout=idle_timeout, min_rate=min_rate)
            return await send_file(self._session, operation, local, remote, resume=resume, progress=progress, pace=pace)

        return await self._do("upload", upload, timeout, idle_timeout)

    # ---- inside

    async def _do(
        self,
        name: str,
        work: Callable[[Operation], Awaitable[T]],
        timeout: Timeout,
        idle_timeout: float | None = None,
    ) -> T:
        async with self._begin(name, timeout) as operation:
            async with self._turn:
                if self._state != "open":
                    raise self._misused("the client is closed", name)
                self._session.patience = idle_timeout
                try:
                    return await work(operation)
                except BaseException as error:
                    if not self._goes_on_after(error):
                        self.abort()
                    raise

    def _goes_on_after(self, error: BaseException) -> bool:
        """Whether the connection is as good as before."""
        if isinstance(error, ReplyError):
            return error.code != 421  # it is closing the connection
        # A file of ours that is not there, or theirs that is too large, before anything was asked of the server.
        ours = not isinstance(error, AsyncNetError) or isinstance(error, LimitExceeded | StateError)
        return isinstance(error, Exception) and ours and self._session.between_commands

    def _pace(self, operation: Operation) -> Pace:
        return Pace(operation.loop)


def _check_path(path: object, name: str = "path") -> str:
    text = check_text(path, name)
    if not text:
        raise ValueError(f"{name} must not be empty")
    return text


def _check_most(max_bytes: int | None) -> None:
    if max_bytes is not None and max_bytes < 1:
        raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")


def _number(text: str) -> int:
    words = text.strip()
    if not (words.isascii() and words.isdigit()) or len(words) > 19:
        raise ProtocolError(f"the server gave the number {text[:30]!r}")
    return int(words)
