"""aiodns and c-ares, and everything that must be known about them.

The one file that imports them; it is imported when the first query is sent.

* aiodns 4 runs c-ares in a thread of its own, whose end nobody can wait for.
  Here c-ares runs in the event loop, by the hook that aiodns itself falls back
  to where no such thread can be made: no thread, and no descriptor once a
  channel has been cancelled.
* A single query cannot be cancelled.  It ends by its own time limit, or with
  its channel.
* c-ares keeps answers too, and pycares has no switch for that.  A negative
  answer is kept for as long as its zone says, at most an hour, which is more
  than we allow ourselves; so is another whose time to live is longer than we
  keep it.  `Engine.forget` therefore puts a new channel in place; the old one
  goes when its last query has ended.
* Answers may carry records of another owner, type or class, and types that
  pycares cannot decode are left out of them silently.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import socket
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import aiodns
import pycares

from ..errors import AsyncNetError, NameNotFound, NoData, OperationTimeout, ResolveError
from .dns_records import AAAA, CAA, CNAME, HTTPS, MX, NAPTR, NS, PTR, RECORD_TYPES, SOA, SRV, TLSA, URI, A
from .dns_result import Failure, Row, tidy
from .nameserver import Nameserver

__all__ = ["Done", "Engine"]

# Told the rows of the answer section, or why there are none.
Done = Callable[[list[Row] | Failure], None]

_RECEIVE_BUFFER = 1 << 20  # bytes: a thousand answers at once must not be lost in a small buffer
_TIMER = 0.25  # seconds: the shortest time limit that c-ares gives a query by itself
_UNREAD = 32  # queries sent before a look for answers: a thousand in one turn of the loop would overflow the buffer
_MAX_HELD = 10_000
_LONGEST = 3_600.0  # seconds for which c-ares keeps an answer at most
_MAX_RETIRED = 16  # channels whose last queries are still under way


def _name(name: str | bytes) -> str:
    """A name in a record; c-ares has escaped all but spaces, and gives the root as nothing."""
    return _text(name).replace(" ", "\\032") or "."


def _text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "backslashreplace")


# What is missing is in `dns_wire`.
_DECODE: dict[int, Callable[[Any], Any]] = {
    # Parsing four bytes is several times faster than parsing the text.
    RECORD_TYPES["A"]: lambda data: A(IPv4Address(socket.inet_aton(data.addr))),
    RECORD_TYPES["AAAA"]: lambda data: AAAA(IPv6Address(socket.inet_pton(socket.AF_INET6, data.addr))),
    RECORD_TYPES["CNAME"]: lambda data: CNAME(_name(data.cname)),
    RECORD_TYPES["NS"]: lambda data: NS(_name(data.nsdname)),
    RECORD_TYPES["PTR"]: lambda data: PTR(_name(data.dname)),
    RECORD_TYPES["MX"]: lambda data: MX(data.priority, _name(data.exchange)),
    RECORD_TYPES["SOA"]: lambda data: SOA(
        _name(data.mname), _name(data.rname), data.serial, data.refresh, data.retry, data.expire, data.minimum
    ),
    RECORD_TYPES["SRV"]: lambda data: SRV(data.priority, data.weight, data.port, _name(data.target)),
    RECORD_TYPES["CAA"]: lambda data: CAA(data.critical, _text(data.tag), _text(data.value)),
    RECORD_TYPES["NAPTR"]: lambda data: NAPTR(
        data.order, data.preference, _text(data.flags), _text(data.service), _text(data.regexp), _name(data.replacement)
    ),
    RECORD_TYPES["TLSA"]: lambda data: TLSA(
        data.cert_usage, data.selector, data.matching_type, data.cert_association_data
    ),
    RECORD_TYPES["URI"]: lambda data: URI(data.priority, data.weight, _text(data.target)),
    RECORD_TYPES["HTTPS"]: lambda data: HTTPS(data.priority, _name(data.target), tuple(data.params)),
}
_NAMES = {number: name for name, number in RECORD_TYPES.items()}

_errno = pycares.errno
_CAUSES: dict[int, tuple[type[AsyncNetError], str]] = {
    _errno.ARES_ENOTFOUND: (NameNotFound, "{name} does not exist"),
    _errno.ARES_ENODATA: (NoData, "{name} has no {type} record"),
    _errno.ARES_ETIMEOUT: (OperationTimeout, "no answer for {name} {type}"),
    _errno.ARES_ECONNREFUSED: (ResolveError, "no name server is listening for {name} {type}"),
    _errno.ARES_ESERVFAIL: (ResolveError, "the name server failed to find out about {name} {type} (SERVFAIL)"),
    _errno.ARES_EREFUSED: (ResolveError, "the name server refused to answer for {name} {type} (REFUSED)"),
    _errno.ARES_ENOTIMP: (ResolveError, "the name server cannot answer for {name} {type} (NOTIMP)"),
    _errno.ARES_EFORMERR: (ResolveError, "the name server did not understand the question {name} {type} (FORMERR)"),
    _errno.ARES_EBADRESP: (ResolveError, "the name server's answer for {name} {type} makes no sense"),
    _errno.ARES_ECANCELLED: (ResolveError, "the resolver was closed while it asked for {name} {type}"),
}


class _Channel(aiodns.DNSResolver):
    """One c-ares channel that runs in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, servers: Sequence[str] | None, **options: Any) -> None:
        self._context = contextvars.Context()
        self._in_loop = False
        self._unread = 0
        self.pending = 0
        self.retired = False
        self.held: set[tuple[str, str]] = set()  # what c-ares may answer by itself although we want to know it anew
        super().__init__(nameservers=servers, loop=loop, **options)

    def _make_channel(self, **options: Any) -> tuple[bool, pycares.Channel]:
        self._in_loop = True
        reference = weakref.ref(self)

        def changed(descriptor: int, readable: bool, writable: bool) -> None:
            # From pycares' own thread too, when it destroys a channel: there is nothing to do by then.
            channel = reference()
            if channel is not None and not channel._closed and not channel.loop.is_closed():
                # A reader keeps the context that it was made in: that must not be the one of whoever asked first.
                channel._context.run(channel._sock_state_cb, descriptor, readable, writable)

        return False, pycares.Channel(sock_state_cb=changed, timeout=self._timeout, **options)

    def _start_timer(self) -> None:
        # aiodns looks at c-ares' time limits once a second, which would make a repeated query up to a second late.
        self._timer = self.loop.call_later(_TIMER, self._timer_cb)

    def ask(self, name: str, number: int, answered: Callable[[Any, int | None], None]) -> None:
        if not self._in_loop:  # an aiodns without the hook runs c-ares in its thread after all
            answered = partial(self._answered_elsewhere, answered)
        self._channel.query(name, number, callback=answered)
        self._unread += 1
        if self._unread >= _UNREAD:
            self._unread = 0
            for descriptor in tuple(self._read_fds):
                self._channel.process_fd(descriptor, pycares.ARES_SOCKET_BAD)

    def _answered_elsewhere(self, answered: Callable[[Any, int | None], None], result: Any, status: int | None) -> None:
        self.loop.call_soon_threadsafe(answered, result, status)

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(self._channel.servers)

    def drop(self) -> None:
        """Release everything now."""
        if self._closed:
            return
        self._closed = self.loop.is_closed()  # then nothing of the loop is touched
        self._channel.cancel()
        if self._closed:
            self._channel.close()
        else:
            self._cleanup()


class _Query:
    """What c-ares calls with the answer; an object, because a closure over as much is three times as large."""

    __slots__ = ("_channel", "_done", "_engine", "_key", "_settled")

    def __init__(self, engine: Engine, channel: _Channel, key: tuple[str, str], done: Done) -> None:
        self._engine = engine
        self._channel = channel
        self._key = key
        self._done = done
        self._settled = False

    def __call__(self, result: Any, status: int | None) -> None:
        # c-ares may call, and pycares raise the same error as well.
        if self._settled or self._engine.dropped:
            return
        self._settled = True
        outcome = _failure(*self._key, status) if status is not None else _rows(result)
        self._channel.pending -= 1
        held = self._channel.held
        engine = self._engine
        holds = engine.keeps and isinstance(outcome, list) and outcome and outcome[0].ttl <= engine.max_ttl
        if not holds and len(held) < _MAX_HELD:
            held.add(self._key)
        self._done(outcome)
        if self._channel.retired and not self._channel.pending:
            self._engine.release_soon(self._channel)


class Engine:
    """Asks name servers.

    Args:
        loop: the running loop.
        servers: gives the name servers to ask from now on; ``None`` for the system's.
        patience: seconds before a question is repeated or another server asked.
        tries: how often each server is asked.
        keeps: whether c-ares may answer from what it knows; negative answers are asked anew in any case.
        max_ttl: seconds after which an answer is to be asked for anew, whatever its own time to live.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        servers: Callable[[], Sequence[Nameserver] | None],
        *,
        patience: float,
        tries: int,
        keeps: bool,
        max_ttl: float = math.inf,
    ) -> None:
        self._loop = loop
        self._servers = servers
        self._options: dict[str, Any] = {
            "timeout": patience, "tries": tries, "socket_receive_buffer_size": _RECEIVE_BUFFER
        }  # fmt: skip
        self.keeps = keeps
        self.max_ttl = max_ttl if max_ttl < _LONGEST else math.inf  # else c-ares has forgotten it by itself
        self._retired: set[_Channel] = set()
        self.dropped = False
        self._channel = self._new_channel()

    def _new_channel(self) -> _Channel:
        given = self._servers()
        try:
            servers = None if given is None else [server.for_engine for server in given]
            return _Channel(self._loop, servers, **self._options)
        except pycares.AresError as error:
            raise ResolveError(f"the name servers cannot be used: {error.args[-1]}") from error

    @property
    def servers(self) -> tuple[str, ...]:
        """The name servers as ``host:port``."""
        return self._channel.servers

    def ask(self, name: str, type: str, done: Done) -> None:
        """Ask for the records of a name without its final dot; ``done`` may be called before this returns."""
        key = (name, type)
        if key in self._channel.held or len(self._channel.held) >= _MAX_HELD:
            self.forget()
        channel = self._channel
        channel.pending += 1
        query = _Query(self, channel, key, done)
        try:
            channel.ask(name, RECORD_TYPES[type], query)
        except pycares.AresError as error:
            query(None, error.args[0])

    def forget(self) -> None:
        """Empty c-ares' own cache; the queries under way end undisturbed."""
        if len(self._retired) >= _MAX_RETIRED:
            return
        retired, self._channel = self._channel, self._new_channel()
        retired.retired = True
        self._retired.add(retired)
        if not retired.pending:
            self._release(retired)

    def release_soon(self, channel: _Channel) -> None:
        """Drop a channel, but not now: c-ares itself is calling."""
        self._loop.call_soon(self._release, channel, context=contextvars.Context())

    def _release(self, channel: _Channel) -> None:
        self._retired.discard(channel)
        channel.drop()

    def drop(self) -> None:
        """Release everything now; nobody is told."""
        self.dropped = True
        for channel in (self._channel, *self._retired):
            channel.drop()
        self._retired.clear()


def _rows(result: pycares.DNSResult) -> list[Row]:
    rows = []
    for record in result.answer:
        decode = _DECODE.get(record.type)
        if decode is not None and record.record_class == pycares.QUERY_CLASS_IN:
            rows.append(Row(tidy(_text(record.name)), _NAMES[record.type], record.ttl, decode(record.data)))
    return rows


def _failure(name: str, type: str, status: int) -> Failure:
    reason = _text(_errno.strerror(status))
    kind, message = _CAUSES.get(status, (ResolveError, f"{{name}} {{type}} could not be looked up: {reason}"))
    text, cause = message.format(name=name, type=type), aiodns.error.DNSError(status, reason)
    if status == _errno.ARES_ECONNREFUSED and (shortage := _shortage()) is not None:
        text = f"no socket to ask for {name} {type} with: {shortage.strerror}"
        cause.__cause__ = shortage
    return Failure(kind, text, cause)


def _shortage() -> OSError | None:
    """Why no socket can be had; c-ares says the same of that as of a server that is not there."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error
    return None
