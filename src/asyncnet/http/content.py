"""Content codings - gzip, deflate, br, zstd - undone with limits (RFC 9110 section 8.4).

What a peer compressed comes out in pieces of bounded size, so that a bomb is
noticed after the piece that crosses a limit and not when the memory is full.
Brotli and zstd need packages (extra ``speed``); without them they are neither
offered to servers nor understood.
"""

from __future__ import annotations

import functools
import importlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..errors import ConnectionLost, LimitExceeded, ProtocolError

__all__ = ["MAX_RATIO", "ContentDecoder", "accepted_codings", "parse_codings"]

PIECE = 256 * 1024  # bytes that a layer gives at once; brotli may go on to twice as many
MAX_LAYERS = 5
MAX_RATIO = 400  # decoded bytes for each byte on the wire ...
RATIO_FLOOR = 1024 * 1024  # ... minded only beyond this many: a short page of blanks is no attack
MAX_MEMBERS = 2_000  # gzip members or zstd frames, one after the other, ...
MEMBER_BYTES = 64  # ... and one more for so many bytes of content: to begin one costs time, and it may be empty
_SLICE = 16 * 1024  # bytes given to a decompressor at once: what it leaves is copied for each member
_WINDOW_LOG_MAX = 23  # RFC 9659: the zstd content coding needs no window over 8 MiB

# Seen from servers in the place of a coding; they say that there is none.
_NO_CODING = frozenset({"", "identity", "none", "utf-8", "binary"})
_ALIASES = {"x-gzip": "gzip", "x-deflate": "deflate"}


class _Layer(Protocol):
    complete: bool  # whether the data so far could be all of it

    def feed(self, data: bytes) -> Iterator[bytes]: ...


def _slices(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _SLICE] for start in range(0, len(data), _SLICE))


class _Members:
    """Counts what one coding has one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = 0
        self.produced = 0

    def begin(self) -> None:
        self._begun += 1
        if self._begun > MAX_MEMBERS + self.produced // MEMBER_BYTES:
            raise LimitExceeded(f"{self._begun} members of {self._name} hold {self.produced} bytes: a bomb")


class _Zlib:
    """gzip with one or more members (RFC 1952), zlib (RFC 1950), or raw deflate (RFC 1951)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._head = b""
        self._engine = zlib.decompressobj(31) if name == "gzip" else None
        self._members = _Members(name)
        self.complete = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            yield from self._feed(part)

    def _feed(self, data: bytes) -> Iterator[bytes]:
        if self._engine is None:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head = self._head, b""
            # RFC 9110 asks for zlib's wrapping, and some servers never had it.
            wrapped = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._engine = zlib.decompressobj(15 if wrapped else -15)
        while data:
            if self.complete:
                data = self._next_member(data)
                if not data:
                    return
            try:
                piece = self._engine.decompress(data, PIECE)
                while piece:
                    self._members.produced += len(piece)
                    yield piece
                    piece = self._engine.decompress(self._engine.unconsumed_tail, PIECE)
            except zlib.error as error:
                raise ProtocolError(f"corrupt {self._name} content: {error}") from error
            self.complete = self._engine.eof
            data = self._engine.unused_data if self.complete else b""

    def _next_member(self, data: bytes) -> bytes:
        if self._name == "gzip":
            if not data.strip(b"\0"):  # padding to a block size, as tapes and some proxies add it
                return b""
            self._members.begin()
            self._engine = zlib.decompressobj(31)
            self.complete = False
            return data
        raise ProtocolError(f"data after the end of the {self._name} content")


class _Brotli:
    """Brotli (RFC 7932) by the package ``brotli`` 1.2 or newer, the first that can limit its output."""

    def __init__(self, module: Any) -> None:
        self._engine = module.Decompressor()
        self._error: type[Exception] = module.error
        self.complete = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self.complete and data:
            raise ProtocolError("data after the end of the br content")
        try:
            piece = self._engine.process(data, output_buffer_limit=PIECE)
            while piece or not self._engine.can_accept_more_data():
                yield piece
                piece = self._engine.process(b"", output_buffer_limit=PIECE)
        except self._error as error:
            raise ProtocolError(f"corrupt br content: {error}") from error
        self.complete = self._engine.is_finished()


class _Zstd:
    """Zstandard (RFC 8878), one or more frames, by the standard library of 3.14 or ``backports.zstd``."""

    def __init__(self, module: Any) -> None:
        options = {module.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}
        self._new: Callable[[], Any] = functools.partial(module.ZstdDecompressor, options=options)
        self._error: type[Exception] = module.ZstdError
        self._engine = self._new()
        self._members = _Members("zstd")
        self.complete = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            yield from self._feed(part)

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.complete:
                self._members.begin()
                self._engine, self.complete = self._new(), False
            try:
                piece = self._engine.decompress(data, PIECE)
                while piece:
                    self._members.produced += len(piece)
                    yield piece
                    if self._engine.eof or self._engine.needs_input:
                        break
                    piece = self._engine.decompress(b"", PIECE)
            except self._error as error:
                raise ProtocolError(f"corrupt zstd content: {error}") from error
            self.complete = self._engine.eof
            data = self._engine.unused_data if self.complete else b""


@functools.cache
def _brotli_module() -> Any | None:
    for name in ("brotli", "brotlicffi"):
        try:
            module = importlib.import_module(name)
            module.Decompressor().process(b"", output_buffer_limit=1)
        except (ImportError, TypeError):
            continue
        return module
    return None


@functools.cache
def _zstd_module() -> Any | None:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


@functools.cache
def accepted_codings() -> str:
    """What to say in ``Accept-Encoding``: the codings that can be undone here."""
    codings = ["gzip", "deflate"]
    if _brotli_module() is not None:
        codings.append("br")
    if _zstd_module() is not None:
        codings.append("zstd")
    return ", ".join(codings)


def parse_codings(value: str) -> tuple[str, ...]:
    """The codings that a ``Content-Encoding`` field names, in the order they were applied.

    Raises:
        ProtocolError: too many layers, or a coding that is not known or not installed.
    """
    names = (name.strip().lower() for name in value.split(","))
    codings = tuple(_ALIASES.get(name, name) for name in names if name not in _NO_CODING)
    if len(codings) > MAX_LAYERS:
        raise ProtocolError(f"{len(codings)} layers of content coding, more than {MAX_LAYERS}")
    for coding in codings:
        if coding not in ("gzip", "deflate", "br", "zstd"):
            raise ProtocolError(f"unknown content coding {coding!r}")
        if (coding == "br" and _brotli_module() is None) or (coding == "zstd" and _zstd_module() is None):
            raise ProtocolError(f"the content is coded with {coding}; install asyncnet[speed] to read it")
    return codings


class ContentDecoder:
    """Undoes content codings piece by piece, within limits.

    Args:
        codings: as `parse_codings` gives them.
        max_bytes: most decoded bytes; ``None`` for no limit.
        max_ratio: most decoded bytes for each received byte, minded beyond 1 MiB; ``None`` for no limit.

    Example:
        >>> decoder = ContentDecoder(("deflate",))
        >>> b"".join(decoder.feed(zlib.compress(b"text"))), decoder.finish()
        (b'text', None)
    """

    def __init__(
        self, codings: tuple[str, ...], *, max_bytes: int | None = None, max_ratio: int | None = MAX_RATIO
    ) -> None:
        self._codings = codings
        # The coding applied last is undone first.
        self._layers = [_make_layer(coding) for coding in reversed(codings)]
        self._produced = [0] * len(self._layers)
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self.received = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next received bytes decode to, in pieces of at most 512 KiB.

        A piece may be empty: there is more to do, and the caller may want to do something else before.

        Raises:
            LimitExceeded: more than ``max_bytes``, or a ratio beyond ``max_ratio``.
            ProtocolError: the data is corrupt.
        """
        self.received += len(data)
        return self._through(0, data)

    def _through(self, depth: int, data: bytes) -> Iterator[bytes]:
        if depth == len(self._layers):
            yield data
            return
        for piece in self._layers[depth].feed(data):
            self._produced[depth] += len(piece)
            self._check(depth)
            yield from self._through(depth + 1, piece)
            if depth + 1 < len(self._layers):
                yield b""

    def _check(self, depth: int) -> None:
        produced = self._produced[depth]
        limit = self._max_bytes
        if limit is not None and depth + 1 < len(self._layers):
            limit += limit + _SLICE  # what is packed again is rarely larger than what it holds
        if limit is not None and produced > limit:
            raise LimitExceeded(f"the content decodes to more than max_bytes={self._max_bytes}")
        if self._max_ratio is not None and produced > max(RATIO_FLOOR, self._max_ratio * self.received):
            raise LimitExceeded(
                f"{self.received} bytes decode to more than {self._max_ratio} times as many: a decompression bomb"
            )

    def finish(self) -> None:
        """Check that the content ended where its codings end.

        Raises:
            ConnectionLost: it was cut in the middle.
        """
        if not self.received:  # no content at all, such as the answer to HEAD
            return
        for coding, layer in zip(reversed(self._codings), self._layers, strict=True):
            if not layer.complete:
                raise ConnectionLost(f"the {coding} content ends in the middle")


def _make_layer(coding: str) -> _Layer:
    if coding == "br":
        return _Brotli(_brotli_module())
    if coding == "zstd":
        return _Zstd(_zstd_module())
    return _Zlib(coding)
