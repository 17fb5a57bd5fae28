"""Run a coroutine from ordinary code, also where a loop is running already."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

__all__ = ["run"]

T = TypeVar("T")


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result.

    Where no event loop runs, this is ``asyncio.run``.  Inside a running one -
    a notebook, a debugger, a callback - the coroutine gets a fresh loop in a
    thread of its own, and the caller is blocked until it ends: everything in
    the running loop waits meanwhile, so use ``await`` wherever you can.

    The coroutine sees the caller's context variables (``asyncnet.use``,
    ``asyncnet.trace``).  Ctrl-C cancels it, waits for it to clean up, and is
    raised again.  Objects opened inside belong to that loop and end with it.

    Args:
        coro: what to run; used up even when this raises.

    Returns:
        What the coroutine returned.

    Raises:
        TypeError: it is no coroutine.
        BaseException: whatever the coroutine raised.

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> run(answer())
        42
    """
    if not asyncio.iscoroutine(coro):
        raise TypeError(f"a coroutine is needed, not {type(coro).__name__}")
    if asyncio._get_running_loop() is None:
        return asyncio.run(coro)
    return _Errand(coro).run()


class _Errand(Generic[T]):
    """One coroutine in a thread and loop of its own."""

    def __init__(self, coro: Coroutine[Any, Any, T]) -> None:
        self._coro = coro
        self._context = contextvars.copy_context()
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._abandoned = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> T:
        # A daemon: a second Ctrl-C leaves at once, and must not hang the interpreter's exit.
        thread = threading.Thread(target=self._work, name="asyncnet-run", daemon=True)
        try:
            thread.start()
            self._ended.wait()  # an interrupted Thread.join() would take the thread for ended
        except BaseException:  # KeyboardInterrupt, an exception from a signal handler, no thread to be had
            self._cancel()
            raise
        finally:
            if self._ended.is_set():
                thread.join()
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # it holds this frame
        return self._value.pop()

    def _cancel(self) -> None:
        """Cancel the coroutine and wait until it has ended, unless its thread never started."""
        self._abandoned = True
        if not self._begun.wait(1.0):
            self._coro.close()
            return
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed by itself
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._ended.wait()

    def _work(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._value.append(runner.run(self._main(), context=self._context))
        except BaseException as error:
            self._error = error
        finally:
            self._coro.close()
            self._begun.set()
            self._ended.set()

    async def _main(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._begun.set()
        if self._abandoned:
            raise asyncio.CancelledError
        return await self._coro
