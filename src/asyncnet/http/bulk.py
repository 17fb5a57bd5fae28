"""A client's transfers to files and its many-at-once calls, beside the single requests of `client`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator
from types import EllipsisType
from typing import TYPE_CHECKING, TypeAlias

from ..core.client import BaseClient
from ..core.operation import Operation, Timeout, check_timeout
from ..core.outcome import Outcome
from ..core.pace import IDLE_TIMEOUT, MIN_RATE
from ..core.progress import Progress
from . import fetching
from .auth import Auth
from .crawling import Spreading, check_folder, download_all, spread
from .download import Download, Transfer, check_options, check_target
from .headers import HeaderInput
from .journey import Engine
from .many import CONCURRENCY, GIVE_UP_AFTER, PER_HOST, URLs
from .page import Page
from .request import Request
from .urls import Params

__all__ = ["Bulk", "Limit"]

# A count; None for no limit; ... for the client's own.
Limit: TypeAlias = "int | EllipsisType | None"


class Bulk(BaseClient):
    """The part of `Client` that moves much."""

    if TYPE_CHECKING:  # what `Client` adds

        def _make(
            self,
            url: str,
            method: str = "GET",
            params: Params | None = None,
            headers: HeaderInput | None = None,
            auth: Auth | tuple[str, str] | None = None,
            since: Page | None = None,
            max_bytes: Limit = ...,
            retries: Limit = ...,
        ) -> Request: ...

        def _start(self, name: str, request: Request, timeout: Timeout) -> tuple[Engine, Operation]: ...

    async def download(
        self,
        url: str,
        path: str | os.PathLike[str],
        *,
        params: Params | None = None,
        headers: HeaderInput | None = None,
        auth: Auth | tuple[str, str] | None = None,
        resume: bool = True,
        known_hash: str | None = None,
        hash: bool = False,
        segments: int = 1,
        progress: Progress = None,
        max_bytes: int | None = None,
        retries: Limit = ...,
        timeout: float | None = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
    ) -> Download:
        """Download a file: whole, checked and in its place, or not at all.

        Args:
            url: absolute, or below ``base_url``.
            path: the file, or a folder, where it gets a safe name.
            params: appended to the query.
            headers: besides the client's own.
            auth: in place of the client's.
            resume: go on with what an earlier try has left.
            known_hash: such as ``"sha256:..."``; a file with another one is not put in place.
            hash: compute the SHA-256.
            segments: how many ranges to get at once, where the server allows it.
            progress: ``True`` for a bar, or a function of the bytes so far and the total or ``None``.
            max_bytes: the largest file; ``None`` for no limit.
            retries: how often to go on after a failure without progress.
            timeout: seconds for all of it; ``None`` for no limit.
            idle_timeout: seconds in which no byte moved.
            min_rate: bytes per second, averaged over ``idle_timeout``; ``None`` for no limit.

        Raises:
            what `asyncnet.http.download` raises, and StateError: the client is not open.
        """
        target = check_target(path)
        options = check_options(
            resume=resume,
            known_hash=known_hash,
            hash=hash,
            segments=segments,
            progress=progress,
            max_bytes=max_bytes,
            idle_timeout=idle_timeout,
            min_rate=min_rate,
        )
        request = self._make(url, params=params, headers=headers, auth=auth, retries=retries)
        engine, operation = self._start("download", request, timeout)
        async with operation:
            return await Transfer(engine, operation, request, target, options).run()

    async def fetch_many(
        self,
        urls: URLs,
        *,
        concurrency: int = CONCURRENCY,
        per_host: int = PER_HOST,
        give_up_host_after: int | None = GIVE_UP_AFTER,
        progress: Progress = None,
        headers: HeaderInput | None = None,
        raise_for_status: bool = True,
        max_bytes: Limit = ...,
        retries: Limit = ...,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Outcome[Page], None]:
        """Fetch many pages; yields an `Outcome` for each, in the order of completion.

        Args:
            urls: absolute ones; an iterable or async iterable, which may be endless.
            concurrency: how many at once.
            per_host: how many at once with one host.
            give_up_host_after: so many timeouts in a row end the rest of a host's URLs; ``None``: never.
            progress: ``True`` for a bar, or a function of the count so far and the total or ``None``.
            headers: besides the client's own.
            raise_for_status: whether a status of 400 or more is an error of its outcome.
            max_bytes: the largest content of each.
            retries: how often each is repeated.
            timeout: seconds for each; by default the client's.
        """
        how = Spreading(concurrency, per_host, give_up_host_after, progress)
        checked = timeout if isinstance(timeout, EllipsisType) else check_timeout(timeout)
        probe = self._make(_ANY, headers=headers, max_bytes=max_bytes, retries=retries)
        self._start("fetch_many", probe, checked)

        async def one(url: str) -> Page:
            request = self._make(url, headers=headers, max_bytes=max_bytes, retries=retries)
            engine, operation = self._start("fetch_many", request, checked)
            async with operation:
                return await fetching.fetch_page(engine, operation, request, raise_for_status=raise_for_status)

        async with contextlib.aclosing(spread("fetch_many", urls, one, how)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def download_many(
        self,
        urls: URLs,
        folder: str | os.PathLike[str],
        *,
        concurrency: int = CONCURRENCY,
        per_host: int = PER_HOST,
        give_up_host_after: int | None = GIVE_UP_AFTER,
        manifest: str | os.PathLike[str] | None = None,
        progress: Progress = None,
        headers: HeaderInput | None = None,
        resume: bool = True,
        hash: bool = False,
        max_bytes: int | None = None,
        retries: Limit = ...,
        timeout: float | None = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        min_rate: float | None = MIN_RATE,
    ) -> AsyncGenerator[Outcome[Download], None]:
        """Download many files into a folder; yields an `Outcome` for each, in the order of completion.

        Args:
            urls: absolute ones; an iterable or async iterable, which may be endless.
            folder: made if it does not exist.
            concurrency: how many at once.
            per_host: how many at once with one host.
            give_up_host_after: see `fetch_many`.
            manifest: an SQLite file that records what is done; a later run skips that.
            progress: ``True`` for a bar, or a function of the count so far and the total or ``None``.
            headers: besides the client's own.
            resume: see `download`.
            hash: see `download`.
            max_bytes: the largest file.
            retries: see `download`.
            timeout: seconds for each; ``None`` for no limit.
            idle_timeout: see `download`.
            min_rate: see `download`.
        """
        how = Spreading(concurrency, per_host, give_up_host_after, progress)
        target = check_folder(folder)
        timeout = check_timeout(timeout)
        options = check_options(
            resume=resume, hash=hash, max_bytes=max_bytes, idle_timeout=idle_timeout, min_rate=min_rate
        )
        self._start("download_many", self._make(_ANY, headers=headers, retries=retries), timeout)

        async def one(url: str) -> Download:
            request = self._make(url, headers=headers, retries=retries)
            engine, operation = self._start("download_many", request, timeout)
            async with operation:
                return await Transfer(engine, operation, request, target, options).run()

        async with contextlib.aclosing(download_all(urls, target, one, how, manifest, hash=hash)) as outcomes:
            async for outcome in outcomes:
                yield outcome


_ANY = "http://localhost/"  # for checks before the first URL is known
