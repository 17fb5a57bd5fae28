"""A DNS server with scripted answers, over UDP and TCP on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

from .dns_wire import Question, Record, encode_message, parse_query
from .server import StreamServer
from .sockets import listen_both

__all__ = ["NODATA", "NXDOMAIN", "REFUSED", "SERVFAIL", "SILENCE", "Answer", "DNSServer", "Query"]

_RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}


@dataclass(frozen=True, slots=True)
class Query:
    """A query that the server received.

    Attributes:
        name: lower-cased, without the trailing dot.
        type: such as ``"AAAA"``.
        transport: ``"udp"`` or ``"tcp"``.
        peer: the client's host and port.
    """

    name: str
    type: str
    transport: str
    peer: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with everything that can be said about it.

    Attributes:
        records: one value or several, each as in `DNSServer`.
        ttl: time to live in seconds.
        rcode: ``"NOERROR"``, ``"NXDOMAIN"``, ``"SERVFAIL"``, ``"REFUSED"``, ``"NOTIMP"`` or ``"FORMERR"``.
        delay: seconds before the answer goes out.
        silent: never answer.
        truncated: over UDP send only a header with the TC bit, so that the client has to ask by TCP.
        also: further records ``(owner, type, value)`` put into the answer section, related or not.
        negative_ttl: seconds in the SOA record of a negative answer; ``None`` leaves the SOA out.
        raw: the whole message as bytes; the id of the query replaces its first two bytes unless ``own_id``.
        own_id: keep the id that ``raw`` has.
    """

    records: Any = ()
    ttl: int = 60
    rcode: str = "NOERROR"
    delay: float = 0.0
    silent: bool = False
    truncated: bool = False
    also: Sequence[tuple[str, str, Any]] = ()
    negative_ttl: int | None = 60
    raw: bytes | None = None
    own_id: bool = False


#: The name does not exist.
NXDOMAIN = Answer(rcode="NXDOMAIN")
#: The name exists, not with that type.
NODATA = Answer()
#: The server is broken.
SERVFAIL = Answer(rcode="SERVFAIL")
#: The server does not want to.
REFUSED = Answer(rcode="REFUSED")
#: The server does not answer.
SILENCE = Answer(silent=True)

#: What a record of the script can be: an Answer, a value, a list of values, or a function that returns one.
Scripted: TypeAlias = Any


class DNSServer(StreamServer):
    """A DNS server that answers from a table.

    Keys are ``(name, type)``; the type ``"*"`` stands for every type, and a
    name that begins with ``*.`` for every name below.  Values:

    * a value, or a list of values: ``"192.0.2.1"`` for A, ``"2001:db8::1"`` for
      AAAA, a name for CNAME, NS and PTR, text or bytes for TXT (a tuple for
      several strings in one record), else a tuple of fields, such as
      ``(10, "mail.example")`` for MX; bytes are raw data for all types but TXT;
    * an `Answer`, or `NXDOMAIN`, `NODATA`, `SERVFAIL`, `REFUSED`, `SILENCE`;
    * a function of the `Query`, plain or async, that returns one of these.

    CNAMEs are followed inside the table and the chain is put into the answer.
    A name that is not in the table does not exist; one without that type has no data.

    Attributes:
        nameserver: ``"host:port"``, as a `Resolver` takes it.
        queries: every `Query` received, in order.

    Example:
        ```python
        records = {("www.example", "CNAME"): "example", ("example", "A"): ["192.0.2.1", "192.0.2.2"]}
        with testing.DNSServer(records) as server:
            async with asyncnet.dns.Resolver(nameservers=[server.nameserver]) as resolver:
                assert len(await resolver.lookup("www.example", "A")) == 2
            assert server.count("www.example", "A") == 1
        ```
    """

    _name: ClassVar[str] = "dns"

    def __init__(
        self,
        records: Mapping[tuple[str, str], Scripted] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ttl: int = 60,
        delay: float = 0.0,
    ) -> None:
        """Store the script.

        Args:
            records: the table; more can be added at any time through `records`.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ttl: time to live in seconds of plain values.
            delay: seconds before every answer.
        """
        super().__init__(host=host, port=port)
        self.records: dict[tuple[str, str], Scripted] = {
            (name.lower().rstrip(".") or ".", kind): value for (name, kind), value in (records or {}).items()
        }
        self.ttl = ttl
        self.delay = delay
        self._queries: list[Query] = []
        self._udp: socket.socket | None = None

    @property
    def nameserver(self) -> str:
        """``"host:port"``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def queries(self) -> list[Query]:
        """The queries received so far."""
        with self._signal.lock:
            return list(self._queries)

    def count(self, name: str, kind: str | None = None) -> int:
        """How many queries came for that name, and that type unless it is ``None``."""
        wanted = name.lower().rstrip(".")
        return sum(query.name == wanted and kind in (None, query.type) for query in self.queries)

    # -- sockets ------------------------------------------------------------

    async def _start(self) -> None:
        listener, udp = listen_both(self.host, self.port)
        self.port = udp.getsockname()[1]
        self._serve_on(listener)
        self._udp = udp
        self._sockets.add(udp)
        asyncio.get_running_loop().add_reader(udp, self._readable, udp)

    async def _shut(self) -> None:
        if self._udp is not None:
            asyncio.get_running_loop().remove_reader(self._udp)
            self._udp = None
        await super()._shut()

    def _readable(self, udp: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                message, peer = udp.recvfrom(65535)
                self._spawn(self._reply_udp(udp, message, peer))

    async def _reply_udp(self, udp: socket.socket, message: bytes, peer: Any) -> None:
        for reply in await self._replies(message, "udp", peer[:2]):
            with contextlib.suppress(OSError):
                udp.sendto(reply, peer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        peer = writer.get_extra_info("peername")[:2]
        while True:
            # RFC 1035 section 4.2.2: a two-byte length before each message.
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            for reply in await self._replies(await reader.readexactly(length), "tcp", peer):
                writer.write(struct.pack("!H", len(reply)) + reply)
            await writer.drain()

    # -- answers ------------------------------------------------------------

    async def _replies(self, message: bytes, transport: str, peer: tuple[str, int]) -> Sequence[bytes]:
        try:
            question = parse_query(message)
        except ValueError:
            return ()
        query = Query(question.name, question.type, transport, peer)
        with self._signal.lock:
            self._queries.append(query)
        self._signal.notify()
        chain: list[Record] = []
        answer, owner = await self._resolve(query, chain)
        if self.delay or answer.delay:
            await asyncio.sleep(self.delay + answer.delay)
        if answer.silent:
            return ()
        if answer.raw is not None:
            return (answer.raw if answer.own_id else struct.pack("!H", question.id) + answer.raw[2:],)
        chain += [Record(owner, question.type, answer.ttl, value) for value in _values(answer.records)]
        chain += [Record(name, kind, answer.ttl, value) for name, kind, value in answer.also]
        return (_encode(question, answer, chain, transport),)

    async def _resolve(self, query: Query, chain: list[Record]) -> tuple[Answer, str]:
        """Follow the CNAMEs of the table into ``chain``; returns the last answer and whose it is."""
        owner = query.name
        while True:
            scripted, alias = self._find(owner, query.type)
            if callable(scripted):
                scripted = await _call(scripted, replace(query, name=owner))
            answer = scripted if isinstance(scripted, Answer) else Answer(scripted, ttl=self.ttl)
            if not alias or not _values(answer.records):
                return answer, owner
            target = _values(answer.records)[0]
            if isinstance(target, bytes) or target.lower().rstrip(".") in {query.name, *(r.name for r in chain)}:
                # A malformed name or a loop is sent as it is, once round.
                return replace(answer, records=(), also=[(owner, "CNAME", target)], negative_ttl=None), owner
            chain.append(Record(owner, "CNAME", answer.ttl, target))
            owner = target.lower().rstrip(".")

    def _find(self, name: str, kind: str) -> tuple[Scripted, bool]:
        """What the table says about a name and type, and whether that is a CNAME in place of the type."""
        for owner in (name, *_wildcards(name)):
            for wanted in (kind, "CNAME", "*"):
                if (owner, wanted) in self.records:
                    return self.records[owner, wanted], wanted == "CNAME" != kind
            if any(known == owner for known, _ in list(self.records)):
                return NODATA, False
        return NXDOMAIN, False


def _encode(question: Question, answer: Answer, records: Sequence[Record], transport: str) -> bytes:
    rcode = _RCODES[answer.rcode]
    authority: list[Record] = []
    if rcode in (0, 3) and not any(r.type == question.type for r in records) and answer.negative_ttl is not None:
        # RFC 2308 section 3: the SOA says how long the negative answer may be kept.
        soa = ("ns.invalid", "hostmaster.invalid", 1, 3600, 600, 86400, answer.negative_ttl)
        authority.append(Record(".", "SOA", answer.negative_ttl, soa))
    message = encode_message(question, (records, authority, ()), rcode=rcode)
    if transport == "udp" and (answer.truncated or len(message) > question.payload):
        return encode_message(question, rcode=rcode, truncated=True)
    return message


def _wildcards(name: str) -> list[str]:
    labels = name.split(".")
    return ["*." + ".".join(labels[i:]) for i in range(1, len(labels))]


def _values(records: Any) -> list[Any]:
    """One value or several, as a list: only a list stands for several, a tuple is the fields of one."""
    if isinstance(records, list):
        return records
    return [] if isinstance(records, tuple) and not records else [records]


async def _call(scripted: Callable[[Query], Any], query: Query) -> Any:
    result = scripted(query)
    return await result if inspect.isawaitable(result) else result
