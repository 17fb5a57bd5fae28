"""What is said to a proxy and what it answers: HTTP CONNECT and SOCKS5.

Pure.  Source: RFC 9110 section 9.3.6 (CONNECT), RFC 7617 (Basic), RFC 1928
(SOCKS5), RFC 1929 (its login).  An answer that cannot be read is a `ValueError`.
"""

from __future__ import annotations

import base64
import re
from ipaddress import IPv4Address

from .address import parse_literal

__all__ = [
    "NO_LOGIN", "PASSWORD", "connect_request", "read_connect_answer", "read_socks_bound", "read_socks_login",
    "read_socks_method", "read_socks_reply", "socks_greeting", "socks_login", "socks_request",
]  # fmt: skip

NO_LOGIN, PASSWORD = 0, 2  # methods of SOCKS

_STATUS = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: ([^\r\n]*))?\r\n")
_REPLIES = {
    1: "general failure",
    2: "forbidden by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


def connect_request(host: str, port: int, username: str | None, password: str | None) -> bytes:
    """The head of a CONNECT request."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if username is not None:
        token = base64.b64encode(f"{username}:{password or ''}".encode()).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {token}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def read_connect_answer(head: bytes) -> tuple[int, str]:
    """The status and its words."""
    match = _STATUS.match(head)
    if match is None:
        raise ValueError(f"it answered {head[:60]!r} to CONNECT")
    return int(match[1]), (match[2] or b"").decode("latin-1").strip()[:200]


def socks_greeting(with_login: bool) -> bytes:
    """Version and the methods that we know (RFC 1928 section 3)."""
    return b"\x05\x02\x00\x02" if with_login else b"\x05\x01\x00"


def read_socks_method(answer: bytes) -> int:
    """The method that the proxy chose."""
    version, method = answer
    if version != 5:
        raise ValueError(f"it does not speak SOCKS5 (it said {answer!r})")
    return method


def socks_login(username: str, password: str) -> bytes:
    """User name and password (RFC 1929 section 2); at most 255 bytes each."""
    first, second = username.encode(), password.encode()
    return b"\x01" + bytes([len(first)]) + first + bytes([len(second)]) + second


def read_socks_login(answer: bytes) -> bool:
    """Whether the login was accepted."""
    return answer[1] == 0


def socks_request(host: str, port: int) -> bytes:
    """CONNECT to a name or an address (RFC 1928 section 4)."""
    literal = parse_literal(host)
    if literal is None:
        name = host.encode("ascii")
        target = b"\x03" + bytes([len(name)]) + name
    else:
        target = (b"\x01" if isinstance(literal, IPv4Address) else b"\x04") + literal.packed
    return b"\x05\x01\x00" + target + port.to_bytes(2, "big")


def read_socks_reply(answer: bytes) -> str | None:
    """Why there is no connection, ``None`` if there is one; of the answer's first two bytes (RFC 1928 section 6).

    They are all that some proxies send when they refuse.
    """
    version, reply = answer
    if version != 5:
        raise ValueError(f"it does not speak SOCKS5 (it said {answer!r})")
    return _REPLIES.get(reply, f"reply {reply}") if reply else None


def read_socks_bound(answer: bytes) -> int:
    """How many bytes still come: of the third to fifth byte, where the address begins that the proxy has bound."""
    _, kind, first = answer
    length = {1: 4, 3: 1 + first, 4: 16}.get(kind)
    if length is None:
        raise ValueError(f"it answered with address type {kind}")
    return length + 2 - 1  # the port comes after it, its first byte has been read
