"""One download: into a ``.part`` file, resumed where that is safe, checked, and put in its place."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.checksum import Hasher, KnownHash, parse_hash
from ..core.files import finish_in_file_thread, run_in_file_thread
from ..core.operation import Operation, check_timeout
from ..core.pace import IDLE_TIMEOUT, MIN_RATE, Pace, check_rate
from ..core.partial import PartFile, Progressed, part_name
from ..core.progress import Progress, Reporter, check_progress
from ..core.redact import hide_secrets
from ..errors import Attempt, ConnectionLost, LimitExceeded, OperationTimeout, ProtocolError
from . import fetching
from .disposition import choose_name, safe_name
from .journey import Engine, Journey
from .ranges import check_range, parse_content_range, strong_validator
from .request import Request, check_count
from .response import Response
from .retries import delay_before
from .segments import Segments
from .urls import parse_http_url

__all__ = ["Download", "Options", "Transfer", "check_options", "check_target"]

_ADVANCE = 256 * 1024  # bytes: a try that got so far does not count as failed

# Codings that name a kind of file too: such a file is stored as it comes.
_STORED_AS_IS = {"gzip": (".gz", ".tgz"), "x-gzip": (".gz", ".tgz"), "br": (".br",), "zstd": (".zst", ".tzst")}


@dataclass(frozen=True, slots=True)
class Download:
    """What became of a download.

    Attributes:
        path: the file.
        size: its bytes.
        sha256: its hash, ``None`` unless ``hash=True`` or a ``sha256:`` was known.
        resumed_from: how many bytes an earlier try had left, 0 for none.
        url: where it came from, after redirects.
        elapsed: seconds.
        attempts: each request that was sent.
        timings: how many of the seconds each phase took, such as ``connect``, ``request`` and ``transfer``.
    """

    path: Path
    size: int
    sha256: str | None
    resumed_from: int
    url: str
    elapsed: float
    attempts: tuple[Attempt, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<Download {self.path}, {self.size:,} bytes, from {hide_secrets(self.url)}>"


@dataclass(frozen=True, slots=True)
class Options:
    """How to download; see `download` for what each means."""

    resume: bool = True
    known_hash: KnownHash | None = None
    hash: bool = False
    segments: int = 1
    progress: Progress = None
    max_bytes: int | None = None
    idle_timeout: float | None = IDLE_TIMEOUT
    min_rate: float | None = MIN_RATE


def check_options(
    *,
    resume: bool = True,
    known_hash: str | None = None,
    hash: bool = False,
    segments: int = 1,
    progress: Progress = None,
    max_bytes: int | None = None,
    idle_timeout: float | None = IDLE_TIMEOUT,
    min_rate: float | None = MIN_RATE,
) -> Options:
    """Check what a call gave; nothing is sent."""
    check_progress(progress)
    return Options(
        resume=resume,
        known_hash=parse_hash(known_hash),
        hash=hash,
        segments=check_count(segments, "segments", 1) or 1,
        progress=progress,
        max_bytes=check_count(max_bytes, "max_bytes"),
        idle_timeout=check_timeout(idle_timeout, "idle_timeout"),
        min_rate=check_rate(min_rate),
    )


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return where to download to, or raise before any I/O."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"path must be a str or a path, not {type(path).__name__}")
    if not text or "\0" in text:
        raise ValueError("path must be text, not empty, without NUL")
    return Path(text)


class Transfer:
    """One download under way."""

    def __init__(self, engine: Engine, operation: Operation, request: Request, path: Path, options: Options) -> None:
        self.engine = engine
        self.operation = operation
        self.request = dataclasses.replace(request, max_bytes=None, idle_timeout=options.idle_timeout, bulk=True)
        self.options = options
        self.attempts: list[Attempt] = []
        self._path = path
        self._url = request.text
        self._name = ""
        self._part = PartFile(path)
        self._hashers: dict[str, Hasher] = {}
        self._reporter = Reporter(options.progress, path.name or request.url.host, "B")
        self._resumed_from = 0

    async def run(self) -> Download:
        """Do all of it."""
        folder = await run_in_file_thread(_folder_of, self._path)
        if folder is None:
            part = self._path.with_name(self._path.name + ".part")
        else:
            name = choose_name(None, self.request.url.path)
            part = folder / part_name(self.request.text, safe_name(name[:100]) or "download")
        self._part = PartFile(part)
        try:
            with self.operation.span("file", path=str(part)):
                await run_in_file_thread(self._part.open, self.request.text, resume=self.options.resume)
            await self._fill_and_check()
            with self.operation.span("fsync"):
                await run_in_file_thread(self._part.sync)
                if folder is None:
                    path = await run_in_file_thread(self._part.finish, self._path)
                else:
                    path = await run_in_file_thread(self._part.finish_in, folder, self._name or "download")
        finally:
            self._reporter.close()
            await finish_in_file_thread(self._part.close)
        sha256 = self._hashers.get("sha256")
        return Download(
            path=path,
            size=self._part.size,
            sha256=None if sha256 is None else sha256.hexdigest(),
            resumed_from=self._resumed_from,
            url=self._url,
            elapsed=self.operation.elapsed,
            attempts=tuple(self.attempts),
            timings=self.operation.timings.copy(),
        )

    async def _fill_and_check(self) -> None:
        known = self.options.known_hash
        while True:
            await self._fill()
            self._reporter.report(self._part.size, self._part.size, final=True)
            if known is None:
                return
            found = self._hashers[known.algorithm].hexdigest()
            if found == known.digest:
                return
            if self._resumed_from:
                # What an earlier try had left may be the reason: once more, and all of it.
                self._resumed_from = 0
                await run_in_file_thread(self._part.restart, Progressed(self.request.text))
                continue
            await run_in_file_thread(self._part.discard)
            raise ProtocolError(f"the content has {known.algorithm}:{found}, not {known}", phase="hash")

    # ---- one stream

    async def _fill(self) -> None:
        """Get all bytes into the part, going on after a cut where the server allows it."""
        part, failures = self._part, 0
        self._new_hashers()
        if part.state is not None and part.state.segments:
            segments = Segments(self, part, retries=self.request.retries)
            self._resumed_from = segments.done
            await segments.go_on()
            await self._hash_present()
            return
        await self._hash_present()
        self._resumed_from = part.size
        while True:
            before = part.size
            response = await self._ask()
            if response is None:
                return
            try:
                if not await self._split(response):
                    await self._pour(response)
                return
            except (ConnectionLost, OperationTimeout) as error:
                failures = 1 if part.size - before >= _ADVANCE else failures + 1
                if failures > self.request.retries:
                    raise
                self._note_attempt(error)
                with self.operation.span("backoff", retry=failures):
                    await asyncio.sleep(delay_before(failures))

    async def _split(self, response: Response) -> bool:
        """Get the rest in segments, if that was asked for and the server can."""
        parts = self.options.segments
        if parts == 1 or self._part.size:
            return False
        segments = Segments(self, self._part, retries=self.request.retries)
        if not await segments.take_over(response, parts):
            return False
        await self._hash_present()
        return True

    async def _ask(self) -> Response | None:
        """Ask for what is missing; ``None`` if nothing is."""
        part, state = self._part, self._part.state
        if part.size and not self._may_resume(state):
            await self._restart(Progressed(self.request.text))
        response = await self.get(part.size, None, state.validator if state else None)
        if part.size and response.status == 416:
            total = parse_content_range(response.headers.get("Content-Range", "bytes */*")).total
            await response._drain()
            if total == part.size:
                return None  # an earlier try had all of it, and ended before it could say so
            await self._restart(Progressed(self.request.text))
            response = await self.get(0, None, None)
        elif response.status == 206 and response._is_coded:
            # A range of what the coding made of it does not continue what was undone.
            response._drop()
            await self._restart(Progressed(self.request.text))
            response = await self.get(0, None, None)
        await self._accept(response)
        return response

    def _may_resume(self, state: Progressed | None) -> bool:
        # With a known hash, a wrong junction would be noticed.
        return state is not None and (state.validator is not None or self.options.known_hash is not None)

    async def get(self, start: int, end: int | None, validator: str | None) -> Response:
        """Ask for the content from ``start``, up to ``end`` if there is one."""
        headers = [*self.request.headers, ("Accept-Encoding", "identity")]
        if start or end is not None:
            headers.append(("Range", f"bytes={start}-{'' if end is None else end - 1}"))
            if validator is not None:
                headers.append(("If-Range", validator))
        request = dataclasses.replace(self.request, headers=tuple(headers))
        response = await Journey(self.engine, self.operation, request).run(_unread)
        self.attempts += response.attempts
        response._use_pace(self.pace())
        if response.status >= 400 and response.status != 416:
            raise fetching.reply_error(await fetching.read_page(response, self.operation))
        if response.status not in (200, 203, 204, 206, 416):
            response._drop()
            raise ProtocolError(f"status {response.status} carries no file", phase="request")
        if _is_stored_as_is(response):
            response._keep_coded()
        return response

    def pace(self) -> Pace:
        """The bounds of one stream of the transfer."""
        return Pace(self.operation.loop, idle_timeout=self.options.idle_timeout, min_rate=self.options.min_rate)

    async def _accept(self, response: Response) -> None:
        """Check the head of the response and begin again if it has the whole."""
        part = self._part
        try:
            if response.status == 416:
                raise ProtocolError("the server refuses the range", phase="request")
            self._url = response.url
            self._name = choose_name(response.headers.get("Content-Disposition"), parse_http_url(response.url).path)
            if response.status == 206:
                given = check_range(response.headers, response.length, part.size)
                total = given if given is not None else part.state.total if part.state else None
                if part.state is not None and part.state.total not in (None, total):
                    raise ProtocolError(f"the size changed from {part.state.total} to {total} bytes", phase="request")
            else:
                plain = not response._is_coded
                total = response.length if plain else None
                validator = strong_validator(response.headers) if plain else None
                await self._restart(Progressed(self.request.text, validator, total))
            self._check_size(total)
            if total is not None:
                await run_in_file_thread(part.check_space, total - part.size)
        except BaseException:
            response._drop()
            raise

    def _check_size(self, size: int | None) -> None:
        limit = self.options.max_bytes
        if limit is not None and size is not None and size > limit:
            raise LimitExceeded(f"the content has {size} bytes or more, over max_bytes={limit}", phase="transfer")

    async def _restart(self, state: Progressed) -> None:
        self._resumed_from = 0
        self._new_hashers()
        await run_in_file_thread(self._part.restart, state)

    async def _pour(self, response: Response) -> None:
        """Write the content as it comes."""
        part, hashers = self._part, list(self._hashers.values())
        total = part.state.total if part.state is not None else None
        received = part.size

        def moved(count: int) -> None:
            nonlocal received
            received += count
            self._check_size(received)
            self._reporter.report(received, total)

        try:
            with self.operation.span("transfer", start=received) as span:
                await response._pour(lambda pieces: part.append(pieces, hashers), moved)
                span.attributes["bytes"] = received - span.attributes["start"]
        finally:
            response._drop()

    # ---- hashes

    def _new_hashers(self) -> None:
        self._hashers = {}
        if self.options.hash:
            self._hashers["sha256"] = hashlib.sha256()
        if self.options.known_hash is not None:
            self._hashers[self.options.known_hash.algorithm] = self.options.known_hash.new()

    async def _hash_present(self) -> None:
        """Hash what an earlier try left."""
        if self._part.size and self._hashers:
            with self.operation.span("hash", size=self._part.size):
                await run_in_file_thread(self._part.feed, list(self._hashers.values()), self._part.size)

    def report(self, done: int, total: int | None) -> None:
        """Report progress."""
        self._reporter.report(done, total)

    def _note_attempt(self, error: ConnectionLost | OperationTimeout) -> None:
        last = self.attempts[-1]
        self.attempts[-1] = dataclasses.replace(last, error=str(error.args[0]) if error.args else type(error).__name__)


def _is_stored_as_is(response: Response) -> bool:
    """Whether the coding is what the name of the file says: ``x.tar.gz`` stays packed."""
    endings = _STORED_AS_IS.get(response.headers.get("Content-Encoding", "").lower(), ())
    return bool(endings) and parse_http_url(response.url).path.lower().endswith(endings)


def _folder_of(path: Path) -> Path | None:
    """The folder if the target is one; a target in no folder is an error before anything is sent."""
    if path.is_dir():
        return path
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no such folder: {path.parent}")
    return None


async def _unread(response: Response) -> Response:
    return response
