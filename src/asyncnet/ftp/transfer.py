"""The bytes of files: into memory, to and from the disk, with resume."""

from __future__ import annotations

import hashlib
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core.checksum import Hasher
from ..core.files import finish_in_file_thread, open_for_reading, run_in_file_thread
from ..core.long_send import moving, send_piece
from ..core.operation import Operation
from ..core.pace import Pace
from ..core.partial import PartFile, Progressed
from ..core.pour import pour, pour_direct
from ..core.progress import Progress, Reporter
from ..core.stream import Stream
from ..errors import ConnectionLost, LimitExceeded, ProtocolError, StateError
from .session import Session

__all__ = ["Transfer", "receive_all", "receive_file", "send_all", "send_file"]

_BLOCK = 1_048_576  # bytes read from the disk and sent at once


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that was moved.

    Attributes:
        path: the local file.
        remote: the file on the server.
        size: of the whole, in bytes.
        resumed_from: how much of it was there before, in bytes.
        checked: how the result was verified: by ``"hash"`` or ``"size"``; ``None`` where the server offers neither.
        elapsed: seconds.
    """

    path: Path
    remote: str
    size: int
    resumed_from: int
    checked: Literal["hash", "size"] | None
    elapsed: float


async def receive_all(stream: Stream, pace: Pace, max_bytes: int) -> bytes:
    """Receive to the end, into memory, and close."""
    data = bytearray()
    try:
        while chunk := await _next(stream, pace):
            data += chunk
            if len(data) > max_bytes:
                raise LimitExceeded(f"the file is larger than max_bytes={max_bytes}")
        await stream.close()
    finally:
        stream.abort()
    return bytes(data)


async def send_all(session: Session, operation: Operation, stream: Stream, pace: Pace, data: bytes) -> None:
    """Send to the end of the file, and wait for the server's word that it has it."""
    try:
        for start in range(0, len(data), _BLOCK):
            await _send(stream, pace, data[start : start + _BLOCK])
        # Half of it is closed: a slow server takes what is on its way in its own time, and then says so.
        await stream.send_eof()
        operation.maybe_done = True
        await session.complete(operation, moving(stream, pace))
        await stream.close()
    finally:
        stream.abort()


async def receive_file(
    session: Session,
    operation: Operation,
    remote: str,
    local: str,
    *,
    resume: bool,
    progress: Progress,
    max_bytes: int | None,
    pace: Pace,
) -> Transfer:
    """Save a file of the server; see `Client.download`."""
    path = await run_in_file_thread(_target, local, remote)
    await session.binary()
    total = await _size(session, remote)
    if max_bytes is not None and total is not None and total > max_bytes:
        raise LimitExceeded(f"the file has {total} bytes, max_bytes is {max_bytes}")
    modified = await session.ask("MDTM", remote)
    validator = modified.text if modified.code == 213 else None
    part = PartFile(path.with_name(path.name + ".part"))
    url = session.origin + remote
    reporter = Reporter(progress, path.name, "B")
    try:
        await run_in_file_thread(part.open, url, resume=resume)
        start = await run_in_file_thread(_begin, part, Progressed(url, validator, total))
        if total is not None:
            await run_in_file_thread(part.check_space, total - start)
        if start == 0 or start != total:
            await _receive_rest(session, operation, remote, part, reporter, start, total, max_bytes, pace)
        if total is not None and part.size != total:
            raise ConnectionLost(f"{part.size} of {total} bytes came")
        checked = await _compare_hash(session, remote, part) or ("size" if total is not None else None)
        await run_in_file_thread(part.sync)
        size = part.size
        await run_in_file_thread(part.finish, path)
        reporter.report(size, size, final=True)
    except ProtocolError:
        await run_in_file_thread(part.discard)
        raise
    finally:
        reporter.close()
        await finish_in_file_thread(part.close)
    return Transfer(path, remote, size, start, checked, operation.elapsed)


async def _receive_rest(
    session: Session,
    operation: Operation,
    remote: str,
    part: PartFile,
    reporter: Reporter,
    start: int,
    total: int | None,
    max_bytes: int | None,
    pace: Pace,
) -> None:
    received = start

    def moved(count: int) -> None:
        nonlocal received
        received += count
        if max_bytes is not None and received > max_bytes:
            raise LimitExceeded(f"the file is larger than max_bytes={max_bytes}")
        reporter.report(received, total)

    stream = await session.data(operation, "RETR", remote, restart=start)
    try:
        with operation.span("transfer") as span:
            direct = stream._go_direct()
            if direct is not None:
                await pour_direct(
                    direct, pace, part.append, moved, most=None if max_bytes is None else max_bytes - start
                )
            await pour(lambda: _next(stream, pace), part.append, moved)  # the end, where all came directly
            span.attributes["received"] = received - start
        await stream.close()
    finally:
        stream.abort()
    await session.complete(operation)


async def send_file(
    session: Session,
    operation: Operation,
    local: str,
    remote: str,
    *,
    resume: bool,
    progress: Progress,
    pace: Pace,
) -> Transfer:
    """Send a file to the server; see `Client.upload`."""
    path = Path(local)
    total = (await run_in_file_thread(os.stat, path)).st_size
    await session.binary()
    start = (await _size(session, remote) or 0) if resume else 0
    if start > total:
        raise StateError(f"the file on the server has {start} bytes, more than the {total} of {path.name}")
    reporter = Reporter(progress, path.name, "B")
    try:
        if start < total or not resume or not total:
            await _send_rest(session, operation, path, remote, reporter, start, total, pace)
        size = await _size(session, remote)
        if size is not None and size != total:
            raise ConnectionLost(f"{size} of {total} bytes stand on the server", maybe_done=True)
        checked = await _compare_hash_of(session, remote, path, total) or ("size" if size is not None else None)
        reporter.report(total, total, final=True)
    finally:
        reporter.close()
    return Transfer(path, remote, total, start, checked, operation.elapsed)


async def _send_rest(
    session: Session,
    operation: Operation,
    path: Path,
    remote: str,
    reporter: Reporter,
    start: int,
    total: int,
    pace: Pace,
) -> None:
    async with AsyncExitStack() as stack:
        read = await stack.enter_async_context(open_for_reading(path, start))
        if start and "REST" not in session.features:
            stream = await session.data(operation, "APPE", remote)
        else:
            stream = await session.data(operation, "STOR", remote, restart=start)
        stack.callback(stream.abort)
        with operation.span("transfer") as span:
            sent = start
            while sent < total and (chunk := await read(min(_BLOCK, total - sent))):
                await _send(stream, pace, chunk)
                sent += len(chunk)
                reporter.report(sent, total)
            span.attributes["sent"] = sent - start
        await stream.send_eof()
        operation.maybe_done = True
        await session.complete(operation, moving(stream, pace))
        await stream.close()


# ---- pieces


async def _next(stream: Stream, pace: Pace) -> bytes:
    try:
        async with pace.limit() as scope:
            chunk = await stream.receive()
    except TimeoutError:
        if scope.expired():
            raise pace.expired() from None
        raise
    pace.moved(len(chunk))
    return chunk


async def _send(stream: Stream, pace: Pace, data: bytes) -> None:
    try:
        async with pace.rest() as scope:
            await send_piece(stream, data, pace)
    except TimeoutError:
        if scope.expired():
            raise pace.expired() from None
        raise


def _target(local: str, remote: str) -> Path:
    """Where to save: a folder gets the file under its own name."""
    path = Path(local)
    if not path.is_dir():
        return path
    name = remote.rstrip("/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise ValueError(f"{remote!r} names no file: give the local name, too")
    return path / name


def _begin(part: PartFile, wanted: Progressed) -> int:
    """Go on only with what is a beginning of the same file: same time of change, same size."""
    known = part.state
    same = known is not None and (known.validator, known.total) == (wanted.validator, wanted.total)
    if not same or (wanted.total is not None and part.size > wanted.total):
        part.restart(wanted)
    return part.size


async def _size(session: Session, remote: str) -> int | None:
    reply = await session.ask("SIZE", remote)
    if reply.code != 213:
        return None
    words = reply.text.strip()
    if not (words.isascii() and words.isdigit()) or len(words) > 19:
        raise ProtocolError(f"the server gave the size {reply.text[:30]!r}")
    return int(words)


_HASH_RATE = 10_000_000  # bytes per second that a server may be expected to hash
_HASHES = {"SHA-256": "sha256", "SHA-512": "sha512", "SHA-1": "sha1", "MD5": "md5"}


async def _remote_hash(session: Session, remote: str, size: int) -> tuple[Hasher, str] | None:
    """The server's hash of a file (HASH of the FTP drafts, or XSHA256); ``None`` where it gives none."""
    patience = session.patience
    if patience is not None:
        session.patience = patience + size / _HASH_RATE
    try:
        return await _ask_hash(session, remote)
    finally:
        session.patience = patience


async def _ask_hash(session: Session, remote: str) -> tuple[Hasher, str] | None:
    if "HASH" in session.features:
        reply = await session.ask("HASH", remote)
        words = reply.text.split()
        if reply.code == 213 and len(words) >= 3 and words[0] in _HASHES:
            return hashlib.new(_HASHES[words[0]], usedforsecurity=False), words[2].lower()
    if "XSHA256" in session.features:
        reply = await session.ask("XSHA256", remote)
        words = reply.text.split()
        if reply.code in (213, 250) and words:
            return hashlib.sha256(), words[-1].lower()
    return None


async def _compare_hash(session: Session, remote: str, part: PartFile) -> Literal["hash"] | None:
    given = await _remote_hash(session, remote, part.size)
    if given is None:
        return None
    hasher, digest = given
    await run_in_file_thread(part.feed, [hasher], part.size)
    return _same(hasher, digest)


async def _compare_hash_of(session: Session, remote: str, path: Path, size: int) -> Literal["hash"] | None:
    given = await _remote_hash(session, remote, size)
    if given is None:
        return None
    hasher, digest = given
    async with open_for_reading(path) as read:
        while chunk := await read(_BLOCK):
            hasher.update(chunk)
    return _same(hasher, digest)


def _same(hasher: Hasher, digest: str) -> Literal["hash"]:
    if hasher.hexdigest() != digest:
        raise ProtocolError(f"the hash of the server is {digest}, ours is {hasher.hexdigest()}")
    return "hash"
