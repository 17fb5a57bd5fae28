"""What one-shots share - default dialer, resolver cache, HTTP pool, file thread - one set per event loop.

A scope closes itself with its loop.  An async generator that is started and
kept does it: ``loop.shutdown_asyncgens()`` runs its ``finally`` under
`asyncio.run`, uvloop, anyio and pytest-asyncio.  Jupyter never calls it: there
the scope is swept at interpreter exit.  A bare ``loop.close()`` runs nothing:
such a scope is dropped (sockets only, no loop touched) at the next use or at exit.

The registry is keyed by ``id(loop)`` and checks identity: a WeakKeyDictionary
would keep the loop alive through the scope's own values.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Hashable
from typing import Protocol, TypeVar

from ..errors import StateError

__all__ = ["LoopScope", "Shared", "close", "current_scope"]


class Shared(Protocol):
    """What a scope can hold."""

    async def close(self) -> None:
        """Close it on its running loop; bounded in time."""

    def abort(self) -> None:
        """Drop sockets and threads without touching the loop; never raise."""


S = TypeVar("S", bound=Shared)


class LoopScope:
    """The shared objects of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._shared: dict[Hashable, Shared] = {}
        self._keeper: AsyncGenerator[None, None] = self._keep()
        self.ended = False
        # Its first step awaits nothing, so it can be made without a coroutine;
        # starting it is what registers it with the loop.
        with contextlib.suppress(StopIteration):
            self._keeper.asend(None).send(None)

    async def _keep(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.ended = True
            await self._close_shared()

    async def _close_shared(self) -> None:
        failures: list[Exception] = []
        while self._shared:
            _, shared = self._shared.popitem()  # last made, first closed
            try:
                await shared.close()
            except Exception as error:  # a defect of one is no reason to leave the others open
                shared.abort()
                failures.append(error)
            except BaseException:
                shared.abort()
                self.abort()
                raise
        if failures:
            raise failures[0]

    def get(self, key: Hashable, factory: Callable[[], S]) -> S:
        """The shared object of that key, made by ``factory`` at first use."""
        if self.ended:
            raise StateError("the event loop is shutting down")
        try:
            return self._shared[key]  # type: ignore[return-value]  # a key always has the type of its factory
        except KeyError:
            made = self._shared[key] = factory()
            return made

    def discard(self, key: Hashable) -> None:
        """Forget a shared object that has closed by itself."""
        self._shared.pop(key, None)

    async def close(self) -> None:
        """Close everything now; the next use of the loop makes a new scope."""
        await self._close_shared()
        await self._keeper.aclose()

    def abort(self) -> None:
        """Drop everything without touching the loop."""
        self.ended = True
        while self._shared:
            self._shared.popitem()[1].abort()


_scopes: dict[int, tuple[weakref.ref[asyncio.AbstractEventLoop], LoopScope]] = {}
_registry = threading.Lock()  # each thread may run a loop of its own


def current_scope() -> LoopScope:
    """The scope of the running loop, made at first use."""
    loop = asyncio.get_running_loop()
    entry = _scopes.get(id(loop))
    if entry is not None and entry[0]() is loop:
        return entry[1]
    _sweep()
    scope = LoopScope(loop)
    with _registry:
        if not _scopes:
            atexit.unregister(_at_exit)
            atexit.register(_at_exit)
        _scopes[id(loop)] = (weakref.ref(loop), scope)
    return scope


async def close() -> None:
    """Close what asyncnet shares on the running loop: pools, caches, threads.

    It happens by itself when the loop shuts down; call it to have it at once.
    Bounded in time; calling it again, or with nothing open, does nothing.
    """
    loop = asyncio.get_running_loop()
    entry = _scopes.get(id(loop))
    if entry is None or entry[0]() is not loop or entry[1].ended:
        return
    with _registry:
        del _scopes[id(loop)]
    try:
        await entry[1].close()
    except BaseException:
        entry[1].abort()
        raise


def _sweep() -> None:
    """Drop the scopes whose loop was closed or is gone."""
    with _registry:
        ended = [key for key, (reference, _) in _scopes.items() if (loop := reference()) is None or loop.is_closed()]
        dropped = [_scopes.pop(key)[1] for key in ended]
    for scope in dropped:
        scope.abort()


def _at_exit() -> None:
    _sweep()
    for reference, scope in list(_scopes.values()):
        loop = reference()
        if loop is not None and not loop.is_running():
            # Jupyter leaves its loop open and stopped at exit; this is no time to raise.
            with contextlib.suppress(Exception):
                loop.run_until_complete(scope.close())
        scope.abort()
    _scopes.clear()
