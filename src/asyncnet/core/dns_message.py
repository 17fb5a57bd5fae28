r"""DNS messages as bytes: a question out, an answer in.

Pure.  For what the engine does not do: records that it cannot decode, and name
servers behind TLS.  A message comes from a stranger: each offset in it is
checked, and a name may only point backwards (RFC 1035 section 4.1.4), so that
no chain of pointers goes round in a circle.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .dns_records import RECORD_TYPES, TXT
from .dns_result import tidy

__all__ = ["RawRecord", "Response", "decode_txt", "encode_query", "read_name", "read_response"]

_HEADER = struct.Struct("!6H")
_QUESTION_TAIL = struct.Struct("!HH")
_RECORD_TAIL = struct.Struct("!HHIH")
_OPTION = struct.Struct("!HH")
_IN = 1
_OPT = 41
_PADDING = 12
_RESPONSE, _TRUNCATED, _RECURSE = 0x8000, 0x0200, 0x0100
_OPCODE, _RCODE = 0x7800, 0x000F
_MAX_NAME = 255  # octets on the wire, RFC 1035 section 2.3.4
UDP_PAYLOAD = 1232  # bytes: fits every path without fragments (DNS flag day 2020)

RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of the answer section, its data still in the message.

    Attributes:
        owner: its name in small letters, without the final dot.
        type, class_: numbers of the IANA registries.
        ttl: seconds, as sent.
        start, end: where in the message its data is.
    """

    owner: str
    type: int
    class_: int
    ttl: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to our question.

    Attributes:
        rcode: such as ``"NXDOMAIN"``.
        truncated: the rest did not fit and has to be asked for over TCP.
        records: the answer section; empty if it was truncated.
    """

    rcode: str
    truncated: bool
    records: tuple[RawRecord, ...]


class _Suffix(NamedTuple):
    """The end of a name that others point to, and its octets on the wire without the final one."""

    labels: tuple[str, ...]
    length: int


def encode_query(number: int, name: str, type: str, *, edns: bool = True, block: int = 1) -> bytes:
    """A question, recursion desired.

    Args:
        number: the id, 0 to 65535.
        name: in ASCII, checked; ``"."`` is the root.
        type: the name of a record type.
        edns: offer to take longer datagrams (RFC 6891).
        block: pad the message to a multiple of so many bytes (RFC 7830), if there is EDNS.
    """
    message = _HEADER.pack(number, _RECURSE, 1, 0, 0, int(edns)) + _encode_name(name)
    message += _QUESTION_TAIL.pack(RECORD_TYPES[type], _IN)
    if not edns:
        return message
    if block == 1:
        return message + b"\0" + _RECORD_TAIL.pack(_OPT, UDP_PAYLOAD, 0, 0)
    padding = -(len(message) + 1 + _RECORD_TAIL.size + _OPTION.size) % block
    message += b"\0" + _RECORD_TAIL.pack(_OPT, UDP_PAYLOAD, 0, _OPTION.size + padding)
    return message + _OPTION.pack(_PADDING, padding) + bytes(padding)


def read_response(message: bytes, number: int, name: str, type: str) -> Response | None:
    """Read the answer to the question that was asked with that id; ``None`` if it is not that.

    Raises:
        ValueError: it is the answer, and malformed.
    """
    if len(message) < _HEADER.size:
        return None
    its_number, flags, questions, answers, _, _ = _HEADER.unpack_from(message)
    if its_number != number or not flags & _RESPONSE or flags & _OPCODE:
        return None
    rcode = RCODES.get(flags & _RCODE, f"RCODE{flags & _RCODE}")
    offset = _HEADER.size
    if questions == 0 and rcode not in ("NOERROR", "NXDOMAIN"):
        return Response(rcode, False, ())  # it may not even have understood the question
    if questions != 1:
        return None
    try:
        asked, offset = read_name(message, offset)
        its_type, its_class = _unpack(_QUESTION_TAIL, message, offset)
    except ValueError:
        return None  # not known to be ours
    if (tidy(asked), its_type, its_class) != (tidy(name), RECORD_TYPES[type], _IN):
        return None
    if flags & _TRUNCATED:
        return Response(rcode, True, ())  # RFC 2181 section 9: what is there is not to be used
    return Response(rcode, False, tuple(_read_records(message, offset + _QUESTION_TAIL.size, answers)))


def read_name(message: bytes, offset: int, seen: dict[int, _Suffix] | None = None) -> tuple[str, int]:
    r"""A name at that place, without the final dot, and where it ends; bytes that are no plain text as ``\DDD``.

    Args:
        message: the whole message.
        offset: where the name begins.
        seen: what the pointers of earlier names of this message led to. Five thousand
            records that all point to one name of 127 labels would else be a second's work.

    Raises:
        ValueError: it is cut, too long, or points forwards.
    """
    labels: list[str] = []
    length = 1
    end = 0  # not known yet: it is after the first pointer, or after the last label
    pointed: tuple[int, int, int] | None = None  # the first pointer: its target, labels and octets before it
    bound = offset
    while True:
        if offset >= len(message):
            raise ValueError("a name is cut short")
        size = message[offset]
        if size >= 0xC0:
            if offset + 1 >= len(message):
                raise ValueError("a name is cut short")
            end = end or offset + 2
            offset = (size & 0x3F) << 8 | message[offset + 1]
            if offset >= bound:
                raise ValueError("a name points forwards")
            bound = offset
            if seen is not None:
                if offset in seen:
                    labels += seen[offset].labels
                    length += seen[offset].length
                    break
                pointed = pointed or (offset, len(labels), length)
        elif size >= 0x40:
            raise ValueError("a name has a label of an unknown kind")
        elif size == 0:
            end = end or offset + 1
            break
        else:
            label = message[offset + 1 : offset + 1 + size]
            if len(label) < size:
                raise ValueError("a name is cut short")
            labels.append(_escape(label))
            length += 1 + size
            offset += 1 + size
            if length > _MAX_NAME:
                break
    if length > _MAX_NAME:
        raise ValueError("a name is too long")
    if seen is not None and pointed is not None:
        target, before, octets = pointed
        seen[target] = _Suffix(tuple(labels[before:]), length - octets)
    return ".".join(labels) or ".", end


def decode_txt(data: bytes) -> TXT:
    """The strings of a TXT record.

    Raises:
        ValueError: one is cut, or there is none (RFC 1035 section 3.3.14).
    """
    strings = []
    offset = 0
    while offset < len(data):
        string = data[offset + 1 : offset + 1 + data[offset]]
        if len(string) < data[offset]:
            raise ValueError("a TXT record is cut short")
        strings.append(string)
        offset += 1 + len(string)
    if not strings:
        raise ValueError("a TXT record is empty")
    return TXT(tuple(strings))


def _read_records(message: bytes, offset: int, count: int) -> Iterator[RawRecord]:
    seen: dict[int, _Suffix] = {}
    for _ in range(count):
        owner, offset = read_name(message, offset, seen)
        type, class_, ttl, size = _unpack(_RECORD_TAIL, message, offset)
        start = offset + _RECORD_TAIL.size
        offset = start + size
        if offset > len(message):
            raise ValueError("a record is cut short")
        yield RawRecord(tidy(owner), type, class_, ttl, start, offset)


def _unpack(layout: struct.Struct, message: bytes, offset: int) -> tuple[int, ...]:
    if offset + layout.size > len(message):
        raise ValueError("the message is cut short")
    return layout.unpack_from(message, offset)


def _encode_name(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _escape(label: bytes) -> str:
    # RFC 1035 section 5.1; a dot or a quote inside a label must not read as punctuation.
    return "".join(
        chr(c) if 33 <= c <= 126 and c not in b'."\\;()@$' else f"\\{c:c}" if 33 <= c <= 126 else f"\\{c:03d}"
        for c in label
    )
