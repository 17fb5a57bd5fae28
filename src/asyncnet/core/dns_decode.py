"""Record data from bytes: aliases and text by ourselves, all other types by dnspython.

The one file that imports dnspython, which is the extra ``dns``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from .dns_message import RawRecord, Response, decode_txt, read_name
from .dns_records import AAAA, CAA, CNAME, HTTPS, MX, NAPTR, NS, PTR, RECORD_TYPES, SOA, SRV, SVCB, TLSA, URI, A
from .dns_result import Row

__all__ = ["decode_rows", "require_dnspython"]

_IN = 1
_NAMES = {number: name for name, number in RECORD_TYPES.items()}


def require_dnspython(purpose: str) -> None:
    """Raise before any I/O if dnspython is not there.

    Raises:
        ImportError: the extra ``dns`` is not installed.
    """
    try:
        importlib.import_module("dns.rdata")
    except ImportError as error:
        raise ImportError(f"{purpose} needs dnspython: install asyncnet[dns]") from error


def decode_rows(message: bytes, response: Response, type: str) -> list[Row]:
    """The records of that type in the answer section, and the aliases.

    Raises:
        ValueError: one of them is malformed.
    """
    rows = []
    for raw in response.records:
        name = _NAMES.get(raw.type)
        if raw.class_ != _IN or name is None or name not in (type, "CNAME"):
            continue
        if name == "TXT":
            record: Any = decode_txt(message[raw.start : raw.end])
        elif name == "CNAME":
            target, end = read_name(message, raw.start)
            if end != raw.end:
                raise ValueError("an alias has a wrong length")
            record = CNAME(target)
        else:
            record = _decode(message, raw, name)
        rows.append(Row(raw.owner, name, raw.ttl, record))
    return rows


def _decode(message: bytes, raw: RawRecord, name: str) -> Any:
    import dns.exception
    import dns.rdata

    try:
        data = dns.rdata.from_wire("IN", name, message, raw.start, raw.end - raw.start)
        return _CONVERT[name](data)
    except (dns.exception.DNSException, ValueError, ArithmeticError, LookupError) as error:
        raise ValueError(f"a {name} record is malformed: {error}") from error


def _name(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _service(data: Any) -> tuple[int, str, tuple[tuple[int, bytes], ...]]:
    return data.priority, _name(data.target), tuple((int(key), _param(data.params[key])) for key in sorted(data.params))


def _param(value: Any) -> bytes:
    if value is None:  # a parameter without a value
        return b""
    file = BytesIO()
    value.to_wire(file)
    return file.getvalue()


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "A": lambda data: A(IPv4Address(data.address)),
    "AAAA": lambda data: AAAA(IPv6Address(data.address)),
    "NS": lambda data: NS(_name(data.target)),
    "PTR": lambda data: PTR(_name(data.target)),
    "MX": lambda data: MX(data.preference, _name(data.exchange)),
    "SOA": lambda data: SOA(
        _name(data.mname), _name(data.rname), data.serial, data.refresh, data.retry, data.expire, data.minimum
    ),
    "SRV": lambda data: SRV(data.priority, data.weight, data.port, _name(data.target)),
    "CAA": lambda data: CAA(data.flags, _text(data.tag), _text(data.value)),
    "NAPTR": lambda data: NAPTR(
        data.order, data.preference, _text(data.flags), _text(data.service), _text(data.regexp), _name(data.replacement)
    ),
    "TLSA": lambda data: TLSA(data.usage, data.selector, data.mtype, data.cert),
    "URI": lambda data: URI(data.priority, data.weight, _text(data.target)),
    "HTTPS": lambda data: HTTPS(*_service(data)),
    "SVCB": lambda data: SVCB(*_service(data)),
}
