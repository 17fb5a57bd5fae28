"""DNS messages as bytes: just what a scripted server needs, written apart from the library's own resolver.

RFC 1035 section 4; EDNS(0) from RFC 6891; record data from RFC 2782 (SRV),
3403 (NAPTR), 3596 (AAAA), 6698 (TLSA), 7553 (URI), 8659 (CAA) and 9460 (SVCB).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["TYPES", "Question", "Record", "encode_data", "encode_message", "encode_name", "parse_query", "type_name"]

#: What a record can be written as; see `encode_data`.
Value: TypeAlias = Any

TYPES: dict[str, int] = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "NAPTR": 35,
    "DNAME": 39,
    "OPT": 41,
    "TLSA": 52,
    "SVCB": 64,
    "HTTPS": 65,
    "ANY": 255,
    "URI": 256,
    "CAA": 257,
}
_NAMES = {number: name for name, number in TYPES.items()}


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asked.

    Attributes:
        id: the message id.
        name: lower-cased, without the trailing dot; ``"."`` is the root.
        type: such as ``"AAAA"``, or ``"TYPE65280"`` for one without a name here.
        wire: the question section as it came, its case included.
        recursion: whether the client asked for recursion.
        payload: bytes that the client takes over UDP: 512, or what its EDNS says.
        edns: whether it sent an OPT record.
    """

    id: int
    name: str
    type: str
    wire: bytes
    recursion: bool
    payload: int
    edns: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record to send: owner, type, time to live in seconds, value and class (1 is Internet)."""

    name: str
    type: str
    ttl: int
    value: Value
    class_: int = 1


def type_name(number: int) -> str:
    """The name of a type, in the ``TYPE123`` form of RFC 3597 where it has none here."""
    return _NAMES.get(number, f"TYPE{number}")


def type_number(name: str) -> int:
    """The number of a type, by its name or its ``TYPE123`` form."""
    if name in TYPES:
        return TYPES[name]
    if name.startswith("TYPE") and name[4:].isdigit():
        return int(name[4:])
    raise ValueError(f"unknown record type {name!r}")


def encode_name(name: str | bytes) -> bytes:
    """A domain name, uncompressed; a backslash is a character like any other."""
    if isinstance(name, bytes):
        return name  # already in wire form: for malformed names on purpose
    wire = b""
    for label in name.rstrip(".").split("."):
        if label:
            raw = label.encode("latin-1")
            wire += bytes([len(raw)]) + raw
    return wire + b"\0"


def _text(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _string(value: str | bytes) -> bytes:
    raw = _text(value)
    if len(raw) > 255:
        raise ValueError("a character-string holds at most 255 bytes (RFC 1035 section 3.3)")
    return bytes([len(raw)]) + raw


def _txt(value: str | bytes | Sequence[str | bytes]) -> bytes:
    parts = [value] if isinstance(value, str | bytes) else value
    return b"".join(_string(part) for part in parts)


def _soa(mname: str, rname: str, *numbers: int) -> bytes:
    return encode_name(mname) + encode_name(rname) + struct.pack("!IIIII", *numbers)


def _caa(flags: int, tag: str, value: str | bytes) -> bytes:
    return bytes([flags]) + _string(tag) + _text(value)


def _naptr(order: int, preference: int, flags: str, service: str, regexp: str, replacement: str) -> bytes:
    head = struct.pack("!HH", order, preference)
    return head + _string(flags) + _string(service) + _string(regexp) + encode_name(replacement)


def _svcb(priority: int, target: str, parameters: Mapping[int, bytes] | None = None) -> bytes:
    wire = struct.pack("!H", priority) + encode_name(target)
    for key, value in sorted((parameters or {}).items()):
        wire += struct.pack("!HH", key, len(value)) + value
    return wire


# Types whose value is one thing, and those whose value is a tuple of fields.
_SINGLE: dict[str, Callable[[Any], bytes]] = {
    "A": lambda value: ipaddress.IPv4Address(value).packed,
    "AAAA": lambda value: ipaddress.IPv6Address(value).packed,
    "CNAME": encode_name,
    "DNAME": encode_name,
    "NS": encode_name,
    "PTR": encode_name,
    "TXT": _txt,
}
_FIELDS: dict[str, Callable[..., bytes]] = {
    "MX": lambda preference, exchange: struct.pack("!H", preference) + encode_name(exchange),
    "SRV": lambda priority, weight, port, target: struct.pack("!HHH", priority, weight, port) + encode_name(target),
    "URI": lambda priority, weight, target: struct.pack("!HH", priority, weight) + _text(target),
    "TLSA": lambda usage, selector, matching, data: bytes([usage, selector, matching]) + data,
    "SOA": _soa,
    "CAA": _caa,
    "NAPTR": _naptr,
    "SVCB": _svcb,
    "HTTPS": _svcb,
}


def encode_data(type_: str, value: Value) -> bytes:
    """The RDATA of a record.

    Args:
        type_: the record type.
        value: an address as text (A, AAAA), a name (CNAME, NS, PTR), a string,
            bytes or several of them (TXT), else a tuple of fields in the order
            of the RFC.  Bytes for any type but TXT are sent as they are.

    Returns:
        The bytes.

    Raises:
        ValueError: the type is unknown and the value is not bytes.
    """
    if isinstance(value, bytes) and type_ != "TXT":
        return value
    if type_ in _SINGLE:
        return _SINGLE[type_](value)
    if type_ in _FIELDS:
        return _FIELDS[type_](*value)
    raise ValueError(f"give the data of a {type_} record as bytes")


def encode_message(
    question: Question,
    sections: Sequence[Sequence[Record]] = ((), (), ()),
    *,
    rcode: int = 0,
    truncated: bool = False,
) -> bytes:
    """A response: header, the question as it came, and answer, authority and additional records."""
    # QR, the client's RD, AA and RA: both a resolver and an authority could have sent it.
    flags = 0x8000 | 0x0400 | 0x0080 | (0x0100 if question.recursion else 0) | (0x0200 if truncated else 0) | rcode & 15
    counts = [len(section) for section in sections]
    body = b""
    for section in sections:
        for record in section:
            data = encode_data(record.type, record.value)
            head = struct.pack("!HHIH", type_number(record.type), record.class_, record.ttl, len(data))
            body += encode_name(record.name) + head + data
    if question.edns:
        counts[2] += 1
        body += b"\0" + struct.pack("!HHIH", TYPES["OPT"], 1232, (rcode >> 4) << 24, 0)
    return struct.pack("!HHHHHH", question.id, flags, 1, *counts) + question.wire + body


def parse_query(message: bytes) -> Question:
    """Read a query.

    Raises:
        ValueError: it is none.
    """
    try:
        return _parse(message)
    except (IndexError, struct.error):
        raise ValueError("the query is cut short") from None


def _parse(message: bytes) -> Question:
    number, flags, questions, answers, authority, additional = struct.unpack_from("!HHHHHH", message)
    if flags & 0x8000 or questions != 1:
        raise ValueError("not a query with one question")
    labels, at = [], 12
    while length := message[at]:
        if length > 63:
            raise ValueError("a question has no compressed name")
        label = message[at + 1 : at + 1 + length]
        labels.append(label.decode("latin-1"))
        at += 1 + length
    at += 1
    kind, _ = struct.unpack_from("!HH", message, at)
    at += 4
    wire = message[12:at]
    payload, edns = 512, False
    # Clients send nothing but an OPT record after the question; its owner is the root.
    if answers == authority == 0 and additional and message[at] == 0:
        extra, size = struct.unpack_from("!HH", message, at + 1)
        if extra == TYPES["OPT"]:
            payload, edns = max(512, size), True
    name = ".".join(labels).lower() or "."
    return Question(number, name, type_name(kind), wire, bool(flags & 0x0100), payload, edns)
