"""What ``fetch_many`` and ``download_many`` do, for the one-shots and for a client."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..core.files import finish_in_file_thread, run_in_file_thread
from ..core.outcome import Outcome
from ..core.progress import Progress, check_progress
from .download import Download
from .manifest import Manifest, Record
from .many import CONCURRENCY, GIVE_UP_AFTER, PER_HOST, Spread, URLs
from .request import check_count

__all__ = ["Spreading", "check_folder", "download_all", "spread"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Spreading:
    """How many at once, and when to give a host up."""

    concurrency: int = CONCURRENCY
    per_host: int = PER_HOST
    give_up_host_after: int | None = GIVE_UP_AFTER
    progress: Progress = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "per_host"):
            if check_count(getattr(self, name), name, 1) is None:
                raise TypeError(f"{name} must be an int")
        check_count(self.give_up_host_after, "give_up_host_after", 1)
        check_progress(self.progress)


async def spread(
    name: str, urls: URLs, work: Callable[[str], Awaitable[V]], how: Spreading
) -> AsyncGenerator[Outcome[V], None]:
    """Do ``work`` for each URL; a single ``str`` is refused, it would be taken for its letters."""
    if isinstance(urls, str | bytes):
        raise TypeError("urls must be an iterable of URLs, not one URL")
    spreading = Spread(
        name,
        urls,
        work,
        concurrency=how.concurrency,
        per_host=how.per_host,
        give_up_after=how.give_up_host_after,
        progress=how.progress,
    )
    async with contextlib.aclosing(spreading.run()) as outcomes:
        async for outcome in outcomes:
            yield outcome


def check_folder(folder: str | os.PathLike[str]) -> Path:
    """Return the folder as a path; it may be made later."""
    path = Path(os.fspath(folder))
    if "\0" in str(path):
        raise ValueError("folder must not contain NUL")
    return path


async def download_all(
    urls: URLs,
    folder: Path,
    work: Callable[[str], Awaitable[Download]],
    how: Spreading,
    manifest_path: str | os.PathLike[str] | None,
    *,
    hash: bool,
) -> AsyncGenerator[Outcome[Download], None]:
    """Download each URL into the folder, skipping what the manifest says is done."""
    await run_in_file_thread(_make_folder, folder)
    if manifest_path is None:
        async with contextlib.aclosing(spread("download_many", urls, work, how)) as outcomes:
            async for outcome in outcomes:
                yield outcome
        return
    manifest = Manifest(Path(os.fspath(manifest_path)))
    await run_in_file_thread(manifest.open)
    try:

        async def noted(url: str) -> Download:
            known = await run_in_file_thread(manifest.find, url, folder)
            if known is not None:
                if hash and known.sha256 is None:  # nobody wanted it when it was downloaded
                    known = await run_in_file_thread(_hashed, known)
                    await run_in_file_thread(manifest.done, known, folder)
                return Download(known.path, known.size, known.sha256, 0, known.final_url, 0.0)
            try:
                got = await work(url)
            except Exception as error:
                await run_in_file_thread(manifest.failed, url, str(error))
                raise
            record = Record(url, got.path, got.size, got.sha256, got.url)
            await run_in_file_thread(manifest.done, record, folder)
            return got

        async with contextlib.aclosing(spread("download_many", urls, noted, how)) as outcomes:
            async for outcome in outcomes:
                yield outcome
    finally:
        await finish_in_file_thread(manifest.close)


def _hashed(record: Record) -> Record:
    with record.path.open("rb") as file:
        return dataclasses.replace(record, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
