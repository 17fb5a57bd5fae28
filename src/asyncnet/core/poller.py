"""Which sockets are ready: one epoll object a loop for all streams.

The loop watches one descriptor, that of the epoll object, and each time it is
ready all sockets that have something to say are served in one go.  So an event
costs a system call's share and a dictionary look-up, where a loop's own
``add_reader`` costs a handle, a context and its bookkeeping; and errors are
seen as the kernel reports them, where libuv stops polling a socket that has
one, and with it the reset that stands behind the last bytes (uvloop).

Where there is no epoll, the loop's own ``add_reader`` and ``add_writer`` serve.
"""

from __future__ import annotations

import asyncio
import contextvars
import select
from collections.abc import Callable
from typing import TypeAlias

from .loop_scope import current_scope

__all__ = ["READ", "WRITE", "LoopPoller", "Poller", "current_poller"]

READ, WRITE = 1, 4  # as POLLIN and POLLOUT; what else an event may hold are errors and hang-ups

OnEvent: TypeAlias = Callable[[int], None]


class Poller:
    """Tells sockets' owners what happened to them.

    It lives until its loop's scope is closed and everybody who has joined has left.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._owners: dict[int, OnEvent] = {}
        self._users = 0
        self._closing = False
        # Callbacks of streams belong to nobody's context.
        contextvars.Context().run(self._loop.add_reader, self._epoll.fileno(), self._on_ready)

    def join(self) -> None:
        """Count one more who may want to watch; it may want to hear nothing for a while, and then something again."""
        self._users += 1

    def leave(self) -> None:
        """Count one less."""
        self._users -= 1
        if self._closing and not self._users:
            self._end()

    def watch(self, descriptor: int, before: int, wanted: int, owner: OnEvent) -> None:
        """Have ``owner(events)`` called when what is ``wanted`` is possible, or an error has come.

        Args:
            descriptor: the socket's.
            before: what was wanted until now; 0 for nothing.
            wanted: `READ`, `WRITE`, both, or 0 to hear nothing more.
            owner: what to call from now on.
        """
        if not wanted:
            del self._owners[descriptor]
            if not self._epoll.closed:  # else the loop has ended, and someone who waited is being thrown away
                self._epoll.unregister(descriptor)
        elif before:
            self._epoll.modify(descriptor, wanted)
            self._owners[descriptor] = owner
        else:
            self._epoll.register(descriptor, wanted)
            self._owners[descriptor] = owner

    def _on_ready(self) -> None:
        owners = self._owners
        for descriptor, events in self._epoll.poll(0):
            # One served before may have closed it.
            owner = owners.get(descriptor)
            if owner is not None:
                owner(events)

    async def close(self) -> None:
        """End now, or with the last one that leaves."""
        self._closing = True
        if not self._users:
            self._end()

    def _end(self) -> None:
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def abort(self) -> None:
        """Close the epoll object without touching the loop."""
        self._epoll.close()


class LoopPoller:
    """The same on the loop's own ``add_reader`` and ``add_writer``."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def join(self) -> None:
        """Nothing ends here."""

    def leave(self) -> None:
        """Nothing ends here."""

    def watch(self, descriptor: int, before: int, wanted: int, owner: OnEvent) -> None:
        """As `Poller.watch`."""
        if wanted & READ and not before & READ:
            self._loop.add_reader(descriptor, owner, READ)
        elif before & READ and not wanted & READ:
            self._loop.remove_reader(descriptor)
        if wanted & WRITE and not before & WRITE:
            self._loop.add_writer(descriptor, owner, WRITE)
        elif before & WRITE and not wanted & WRITE:
            self._loop.remove_writer(descriptor)

    async def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""


def current_poller() -> Poller | LoopPoller:
    """The running loop's poller, made at first use."""
    if hasattr(select, "epoll"):
        return current_scope().get("poller", Poller)
    return current_scope().get("poller", LoopPoller)
