"""Header fields: those of a response to read, those of a request to check (RFC 9110 section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self, TypeAlias

__all__ = ["HeaderInput", "Headers", "check_headers", "parse_parameters"]

# What callers may hand in: a mapping, or pairs where a name repeats.
HeaderInput: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 section 5.5: no controls but the tab
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class Headers(Mapping[str, str]):
    """The header fields of a response: a mapping that ignores case and keeps repetition.

    ``headers["name"]`` joins repeated fields with a comma, as RFC 9110
    section 5.3 allows for every field but ``Set-Cookie``: use `get_all` there.

    Example:
        >>> Headers([("Content-Type", "text/html")])["content-type"]
        'text/html'
    """

    __slots__ = ("_built", "_pairs", "_raw")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._raw: Sequence[tuple[bytes, bytes]] | None = None
        self._pairs = tuple(pairs)
        self._built: dict[str, str | list[str]] | None = None

    @classmethod
    def from_raw(cls, raw: Sequence[tuple[bytes, bytes]]) -> Self:
        """Fields as they came; they are decoded when somebody looks."""
        headers = cls.__new__(cls)
        headers._raw = raw
        headers._pairs = ()
        headers._built = None
        return headers

    @property
    def _index(self) -> dict[str, str | list[str]]:
        if self._built is None:
            index: dict[str, str | list[str]] = {}
            for name, value in self.pairs():
                key = name.lower()
                known = index.get(key)
                if known is None:
                    index[key] = value
                elif isinstance(known, str):
                    index[key] = [known, value]
                else:
                    known.append(value)
            self._built = index
        return self._built

    def __getitem__(self, name: str) -> str:
        value = self._index[name.lower()]
        return value if isinstance(value, str) else ", ".join(value)

    def get_all(self, name: str) -> list[str]:
        """Every value of a field, in the order of arrival; empty if there is none."""
        value = self._index.get(name.lower(), [])
        return [value] if isinstance(value, str) else list(value)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The fields as they came, repetition and spelling kept."""
        if self._raw is not None:
            self._pairs = tuple((_text(name), _text(value)) for name, value in self._raw)
            self._raw = None
        return self._pairs

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index

    def __hash__(self) -> int:
        return hash(frozenset((name, self[name]) for name in self._index))

    def __eq__(self, other: object) -> bool:
        return self._index == other._index if isinstance(other, Headers) else NotImplemented

    def __repr__(self) -> str:
        shown = (f"{name}: {'***' if name.lower() in _SECRET else value}" for name, value in self.pairs())
        return f"<Headers {'; '.join(shown)}>"


def _text(raw: bytes) -> str:
    # ASCII by the book; in the wild UTF-8, and whatever else reads as Latin-1.
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def check_headers(headers: HeaderInput | None) -> tuple[tuple[str, str], ...]:
    """Return a caller's header fields as pairs, or raise before any I/O.

    Raises:
        TypeError: a name or value is not a ``str``.
        ValueError: a name is no token, or a value holds CR, LF, NUL or another control.
    """
    if headers is None:
        return ()
    if isinstance(headers, str | bytes):
        raise TypeError("headers must be a mapping or pairs of name and value")
    items = headers.items() if isinstance(headers, Mapping) else headers
    checked = []
    for item in items:
        if isinstance(item, str) or len(item) != 2:
            raise TypeError("headers must be a mapping or pairs of name and value")
        name, value = item
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"header names and values must be str, not {type(name).__name__}: {type(value).__name__}")
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if _FORBIDDEN.search(value):
            # The value may be a secret, so it is not shown.
            raise ValueError(f"the value of header {name!r} holds a line break or another control character")
        checked.append((name, value.strip(" \t")))
    return tuple(checked)


# A parameter of a field value: name=token or name="quoted string" (RFC 9110 section 5.6.6).
_PARAMETER = re.compile(r"""([^\s;=",]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^\s;,"]*+))""", re.DOTALL)


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split ``text/html; charset=utf-8`` into the value, lower-cased, and its parameters.

    The first of a repeated parameter counts; what cannot be parsed is left out.
    """
    main, _, rest = value.partition(";")
    parameters: dict[str, str] = {}
    position = 0
    while position < len(rest):
        if rest[position] in "; \t\r\n":
            position += 1
            continue
        match = _PARAMETER.match(rest, position)
        if match is None:
            position = rest.find(";", position)
            if position < 0:
                break
            continue
        name, quoted, plain = match.groups()
        text = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        parameters.setdefault(name.lower(), text)
        position = match.end()
    return main.strip().lower(), parameters
