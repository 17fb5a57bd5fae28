"""Pages and images: what becomes of a response once it is final."""

from __future__ import annotations

import dataclasses

from ..core.loop_scope import current_scope
from ..core.operation import Operation
from ..errors import AuthenticationError, ReplyError
from .headers import Headers
from .image import MAX_PIXELS, Image, check_image
from .journey import Engine, Journey
from .page import Page
from .pool import Pool
from .request import Request
from .response import Response
from .wire import Wire

__all__ = ["fetch_image", "fetch_page", "load_wire", "read_page", "reply_error", "shared_engine"]


def load_wire() -> Wire:
    """The wire that is used unless another one is given; loads aiohttp."""
    try:
        from .aiohttp_wire import AiohttpWire

        return AiohttpWire()
    except (ImportError, AttributeError):
        # A release of aiohttp without what that stands on: slower, by its public interface.
        from .aiohttp_session import SessionWire

        return SessionWire()


class _Shared:
    """The engine of the one-shots of one loop, held by its scope."""

    def __init__(self) -> None:
        self.engine = Engine(Pool(load_wire))

    async def close(self) -> None:
        await self.engine.pool.close()

    def abort(self) -> None:
        self.engine.pool.abort()


def shared_engine() -> Engine:
    """The engine that the one-shots of the running loop share: a pool, and no cookies."""
    return current_scope().get("http", _Shared).engine


async def fetch_page(engine: Engine, operation: Operation, request: Request, *, raise_for_status: bool) -> Page:
    """Carry a request out and return its response whole."""
    page = await Journey(engine, operation, request).run(lambda response: read_page(response, operation))
    if page.status == 304 and request.since is not None:
        return _still_valid(request.since, page)
    if raise_for_status and page.status >= 400:
        raise reply_error(page)
    return page


async def read_page(response: Response, operation: Operation) -> Page:
    """Read the rest of a response and make a page of it."""
    content = response._take()
    if content is None:
        with operation.span("transfer") as span:
            content = await response.read()
            span.attributes["bytes"] = len(content)
    elif operation.trace is not None:  # it came with its head
        with operation.part("transfer", bytes=len(content)):
            pass
    return Page(
        url=response.url,
        status=response.status,
        reason=response.reason,
        headers=response.headers,
        content=content,
        history=response.history,
        attempts=response.attempts,
        elapsed=operation.elapsed,
        timings=operation.timings.copy(),
    )


def _still_valid(old: Page, answer: Page) -> Page:
    """The page that was given, with the newer header fields (RFC 9111 section 4.3.4)."""
    newer = {name.lower() for name, _ in answer.headers.pairs()}
    kept = [pair for pair in old.headers.pairs() if pair[0].lower() not in newer]
    return dataclasses.replace(
        answer, content=old.content, headers=Headers([*kept, *answer.headers.pairs()]), _derived={}
    )


def reply_error(page: Page) -> ReplyError:
    """The error for a status of 400 or more."""
    kind = AuthenticationError if page.status in (401, 407) else ReplyError
    return kind(
        f"{page.status} {page.reason}".strip(),
        code=page.status,
        text=page.reason,
        response=page,
        attempts=page.attempts,
    )


async def fetch_image(
    engine: Engine, operation: Operation, request: Request, *, max_pixels: int | None = MAX_PIXELS
) -> Image:
    """Carry a request out and return the image that it must give."""
    page = await fetch_page(engine, operation, request, raise_for_status=True)
    info = check_image(page.content, page.headers.get("Content-Type", ""), max_pixels=max_pixels)
    return Image(page.url, page.content, info.format, info.width, info.height, operation.elapsed)
