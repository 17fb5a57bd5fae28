"""Hosts, ports and URLs: what a caller may write, and its one canonical form.

Pure.  Whatever names a target passes here before any I/O, so that one spelling
stands for one address everywhere: in the pool's keys, in the policy's judgement
and in the errors.  An IPv4 address may be written as ``inet_aton`` takes it
(``0x7f.1``, ``2130706433``, ``0177.1``), and a name whose last label is a number
is an IPv4 address or nothing (WHATWG URL standard, "ends in a number"): a
resolver further down would otherwise read it as one behind the policy's back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from .literals import MAX_INPUT, Address, address_text, parse_literal

__all__ = [
    "URL",
    "Address",
    "Endpoint",
    "address_text",
    "check_host",
    "check_port",
    "check_text",
    "parse_literal",
    "parse_url",
    "split_host_port",
]

# RFC 1035 section 2.3.4 allows 255 octets on the wire, which is 253 characters of text.
_MAX_NAME = 253

# Underscores are no host names (RFC 952) but live in DNS (RFC 8552) and in real host names.
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_BAD_CHARACTER = re.compile(r"[^A-Za-z0-9._\x80-\U0010ffff-]")
_PORT = re.compile(r"[0-9]{1,5}")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?")
_URL_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What RFC 3986 section 3.3 to 3.5 does not allow as it stands, and a "%" that begins
# no escape.  Brackets are left alone: "a[]=1" is everywhere and harmless.
_URL_TO_QUOTE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]")


class Endpoint(NamedTuple):
    """The two numbers of one end of a connection; equal to a plain ``(host, port)``.

    Attributes:
        host: an IP address in its canonical text, with the zone of a link-local one.
        port: 0 to 65535.

    Example:
        >>> str(Endpoint("::1", 80))
        '[::1]:80'
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def from_sockaddr(cls, name: tuple[Any, ...]) -> Endpoint:
        """Make one of what the socket calls give for IPv4 ``(host, port)`` or IPv6 ``(host, port, flow, scope)``."""
        host: str = name[0]
        if len(name) == 4 and name[3] and "%" not in host:
            host = f"{host}%{name[3]}"  # without its zone a link-local address can not be dialled
        return cls(host, name[1])

    @property
    def address(self) -> Address:
        """The host as an address object; ``ValueError`` if it is a name."""
        address = parse_literal(self.host)
        if address is None:
            raise ValueError(f"{self.host!r} is not an IP address")
        return address


@dataclass(frozen=True, slots=True, repr=False)
class URL:
    """A URL taken apart; made by `parse_url`.

    ``str()`` and ``repr()`` leave the password out.

    Attributes:
        scheme: in lower case.
        username, password: decoded; ``None`` where the URL has none.
        host: as `check_host` returns it, without brackets.
        port: the URL's own, or its scheme's default.
        path, query, fragment: still escaped, ASCII only; the path begins with ``/``,
            the others come without ``?`` and ``#``, and empty means that there is none.
        default_port: its scheme's default, not shown by ``str()``; ``None`` if unknown.
    """

    scheme: str
    username: str | None
    password: str | None
    host: str
    port: int
    path: str = "/"
    query: str = ""
    fragment: str = ""
    default_port: int | None = field(default=None, compare=False)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what two URLs share that may share credentials (RFC 6454)."""
        return (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        user = "" if self.username is None else quote(self.username, safe="") + "@"
        # RFC 6874: the zone of an IPv6 address is set off by an escaped percent sign.
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        port = "" if self.port == self.default_port else f":{self.port}"
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}://{user}{host}{port}{self.path}{query}{fragment}"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


def check_port(port: object, name: str = "port") -> int:
    """Return a port number that is one.

    Args:
        port: an ``int`` from 0 to 65535; 0 lets a server choose.
        name: what the caller calls it, for the error.

    Raises:
        TypeError: not an ``int`` (a ``bool`` is none).
        ValueError: out of range, or a ``str``, also one of digits.
    """
    if type(port) is not int:
        if isinstance(port, str):
            raise ValueError(f"{name} must be an int from 0 to 65535, not the string {_shown(port)}")
        if isinstance(port, bool) or not isinstance(port, int):
            raise TypeError(f"{name} must be an int from 0 to 65535, not {type(port).__name__}")
        port = int(port)  # an IntEnum
    if not 0 <= port <= 65535:
        # A number of thousands of digits can not even be printed.
        raise ValueError(f"{name} must be from 0 to 65535" + (f", not {port}" if abs(port) < 10**9 else ""))
    return port


def check_text(value: object, name: str) -> str:
    """Return a text that can not break out of its line.

    Raises:
        TypeError: not a ``str``.
        ValueError: it contains CR, LF or NUL.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if "\n" in value or "\r" in value or "\0" in value:
        # Not quoted: it may be a password.
        raise ValueError(f"{name} must not contain a line break or NUL")
    return value


def check_host(host: object, name: str = "host") -> str:
    """Return a host in its one canonical, ASCII form.

    Args:
        host: a name, also an international one, or an IP address in any spelling,
            IPv6 with or without brackets.
        name: what the caller calls it, for the error.

    Returns:
        A name in lower case, its non-ASCII labels as A-labels, one trailing dot
        kept; or an address in its usual text, the zone of ``fe80::1%eth0`` kept.

    Raises:
        TypeError: not a ``str``.
        ValueError: neither a name nor an address; the message says why.

    Source:
        RFC 1035 section 2.3.4 (lengths), RFC 5891 and UTS 46 (international names),
        WHATWG URL standard section 3.5 (IPv4 spellings), RFC 5952 (IPv6 text).
    """
    if not isinstance(host, str):
        raise TypeError(f"{name} must be a str, not {type(host).__name__}")
    if len(host) > MAX_INPUT:
        raise ValueError(f"{name} must not be longer than {_MAX_NAME} characters, not {len(host)}")
    return _canonical_host(host, name)


def split_host_port(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Split ``"127.0.0.1:5353"``, ``"[::1]:53"``, ``"::1"`` or ``"host"``.

    A bare IPv6 address is all host: ``"::1:53"`` has no port.

    Args:
        text: what to split.
        default_port: the port where the text has none; ``None`` makes that an error.

    Returns:
        The host as `check_host` returns it, and the port.

    Raises:
        TypeError: not a ``str``.
        ValueError: a bad host or port, or no port and no default.
    """
    if not isinstance(text, str):
        raise TypeError(f"an address must be a str such as 'host:port', not {type(text).__name__}")
    host, digits = _split_port(text)
    if digits is not None:
        if not _PORT.fullmatch(digits):
            raise ValueError(f"{_shown(text)} must end in a port from 0 to 65535")
        return check_host(host), check_port(int(digits))
    host = check_host(host)
    if default_port is None:
        raise ValueError(f"{_shown(text)} has no port; write {str(Endpoint(host, 53)).removesuffix('53')}PORT")
    return host, default_port


def parse_url(text: str, default_ports: Mapping[str, int]) -> URL:
    """Take a URL apart, strictly where it names the target.

    Spaces and non-ASCII characters in path, query and fragment are escaped, so that
    the parts are fit for the wire (RFC 3987 section 3.1); escapes stay as written.

    Args:
        text: an absolute URL.
        default_ports: the schemes that are taken, in lower case, and their ports.

    Raises:
        TypeError: not a ``str``.
        ValueError: no URL, another scheme, or anything in it that could be read in
            two ways; the message never shows user name or password.

    Source: RFC 3986, RFC 6874 (zones).
    """
    if not isinstance(text, str):
        raise TypeError(f"a URL must be a str, not {type(text).__name__}")
    if _URL_CONTROL.search(text) or text != text.strip():
        raise ValueError("a URL must not contain control characters, nor begin or end with a space")
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown_url(text)} is no URL: it must begin with a scheme such as {min(default_ports)}://")
    scheme = match[1].lower()
    if scheme not in default_ports:
        raise ValueError(f"unknown URL scheme {scheme!r}; known: {', '.join(sorted(default_ports))}")
    username, password, place = _split_userinfo(match[2], text)
    host, digits = _split_port(place)
    # The port comes first: "ftp://user:pass/word@host" must not show what it holds.
    if digits and not (_PORT.fullmatch(digits) and int(digits) <= 65535):
        raise ValueError(f"{_shown_url(text)} must have a port from 0 to 65535")
    if not host:
        raise ValueError(f"{_shown_url(text)} has no host")
    if ":" in host and not host.startswith("["):
        raise ValueError(f"{_shown_url(text)} must have its IPv6 address in brackets")
    default_port = default_ports[scheme]
    return URL(
        scheme=scheme,
        username=username,
        password=password,
        host=check_host(host.replace("%25", "%", 1), "the host of a URL"),
        port=int(digits) if digits else default_port,  # RFC 3986 section 3.2.3: it may be empty
        path=_quoted(match[3]) or "/",
        query=_quoted(match[4] or ""),
        fragment=_quoted(match[5] or ""),
        default_port=default_port,
    )


@lru_cache(maxsize=4096)  # most hosts come again with every operation
def _canonical_host(host: str, name: str) -> str:
    ascii_host = host if host.isascii() else _to_ascii(host, name)
    lowered = ascii_host.lower()
    is_name = _NAME.fullmatch(lowered) is not None and len(lowered.removesuffix(".")) <= _MAX_NAME
    if is_name and not _ENDS_IN_NUMBER.fullmatch(lowered):
        return lowered
    address = parse_literal(ascii_host)
    if address is not None:
        return address_text(address)
    if is_name:
        raise ValueError(f"{name} {_shown(host)} ends in a number but is no IPv4 address")
    raise ValueError(f"{name} {_fault(ascii_host)}")


def _fault(host: str) -> str:
    """Say what is wrong with a host that is neither a name nor an address."""
    if not host:
        return "must not be empty"
    if "://" in host:
        return "must be a name or an address, not a URL"
    if "@" in host:
        # Not quoted: what stands before it may be a password.
        return "must not contain '@'; give the name after it"
    if not host.isprintable():
        return f"must not contain control characters: {_shown(host)}"
    if " " in host:
        return f"must not contain spaces: {_shown(host)}"
    before, digits = _split_port(host)
    if digits is not None and digits.isdigit() and before:
        return f"must not contain a port; pass the port separately: {_shown(host)}"
    if ":" in host or "[" in host:
        return f"is no IPv6 address: {_shown(host)}"
    if bad := _BAD_CHARACTER.search(host):
        return f"must not contain {bad[0]!r}: {_shown(host)}"
    if len(host.removesuffix(".")) > _MAX_NAME:
        return f"must not be longer than {_MAX_NAME} characters, not {len(host)}"
    if "" in host.removesuffix(".").split("."):
        return f"must not have an empty label: {_shown(host)}"
    return f"must not have a label longer than 63 characters: {_shown(host)}"


def _to_ascii(host: str, name: str) -> str:
    """Map a non-ASCII host as UTS 46 says (case, width, dots), then encode label by label.

    Only labels that are still not ASCII are encoded, so ``_dmarc.bücher.example`` works.
    """
    if _BAD_CHARACTER.search(host):
        raise ValueError(f"{name} {_fault(host)}")
    import idna  # slow to load, and most names are ASCII

    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
        labels = [
            label if label.isascii() else idna.alabel(label).decode("ascii")
            for label in mapped.split(".")
        ]  # fmt: skip
    except UnicodeError as exc:  # idna.IDNAError is one
        raise ValueError(f"{name} {_shown(host)} is no valid international name: {exc}") from exc
    return ".".join(labels)


def _split_port(text: str) -> tuple[str, str | None]:
    """Split at the colon of the port, if there is one; a bare IPv6 address has none."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        return (host + bracket, rest[1:]) if bracket and rest.startswith(":") else (text, None)
    if text.count(":") != 1:
        return text, None
    host, _, digits = text.partition(":")
    return host, digits


def _split_userinfo(authority: str, text: str) -> tuple[str | None, str | None, str]:
    """Return user name, password and the rest of a URL's authority."""
    userinfo, at, place = authority.rpartition("@")
    if not at:
        return None, None, place
    if "@" in userinfo or "\\" in userinfo or " " in userinfo:
        # Readers of URLs disagree on which "@" counts; escaped ones are clear.
        raise ValueError(f"{_shown_url(text)} must have '@', '\\' and spaces in user name and password escaped")
    user, colon, secret = userinfo.partition(":")
    try:
        username = check_text(unquote(user, errors="strict"), "the user name of a URL")
        password = check_text(unquote(secret, errors="strict"), "the password of a URL") if colon else None
    except UnicodeDecodeError:
        # Not chained: the original shows what it could not decode.
        raise ValueError("user name and password of a URL must be UTF-8 under their escapes") from None
    return username, password, place


def _quoted(part: str) -> str:
    try:
        return _URL_TO_QUOTE.sub(lambda match: quote(match[0], safe=""), part)
    except UnicodeEncodeError as exc:  # half of a surrogate pair
        raise ValueError("a URL must be valid Unicode") from exc


def _shown(text: str) -> str:
    """Quote a caller's text in an error: one line, not too long."""
    shown = ascii(text[:81])
    return shown if len(shown) <= 82 else shown[:79] + "..." + shown[0]


def _shown_url(text: str) -> str:
    """The same for a URL, without what may be a password."""
    return _shown(re.sub(r"^([^:/]*://)?.*@", r"\1...@", text))
