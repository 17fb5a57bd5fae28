"""The body of a request: bytes, JSON, a form, multipart, a file, or a stream of pieces."""

from __future__ import annotations

import contextlib
import json as _json
import mimetypes
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

from ..core.files import open_for_reading, run_in_file_thread
from .urls import encode_params

__all__ = ["Body", "Data", "File", "Files", "make_body"]

# bytes and text go as they are, a mapping or list of pairs as a form, a path or an open file as the file's content.
Data: TypeAlias = (
    "bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes] | "
    "Mapping[str, object] | list[tuple[str, object]] | Iterable[bytes] | AsyncIterable[bytes]"
)
Source: TypeAlias = "os.PathLike[str] | IO[bytes] | bytes"
# Where the content is; or (file name, where) or (file name, where, media type).
File: TypeAlias = "Source | tuple[str, Source] | tuple[str, Source, str]"
Files: TypeAlias = "Mapping[str, File] | list[tuple[str, File]]"

_CHUNK = 256 * 1024  # bytes read from a file at once


@dataclass(frozen=True, slots=True)
class _FilePart:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class _OpenPart:
    """A file of the caller's, from where it stands; it stays open, and cannot be sent twice."""

    file: IO[bytes]
    size: int | None


@dataclass(frozen=True, slots=True)
class Body:
    """What to send, and how it can be sent.

    Attributes:
        parts: bytes and files in turn, or one stream.
        content_type: for the header, unless the caller gives one; ``None`` for none.
        length: bytes in all, ``None`` if it is not known (sent in chunks).
        replayable: whether it can be sent again, by a redirect or a retry.
    """

    parts: tuple[bytes | _FilePart | _OpenPart | AsyncIterable[bytes] | Iterable[bytes], ...]
    content_type: str | None
    length: int | None
    replayable: bool

    def content(self) -> bytes | AsyncIterator[bytes]:
        """The bytes if all of them are here, else an iterator over pieces."""
        if len(self.parts) == 1 and isinstance(self.parts[0], bytes):
            return self.parts[0]
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
            elif isinstance(part, _FilePart):
                async with open_for_reading(part.path) as read:
                    async for piece in _content(read, part.size, repr(part.path)):
                        yield piece
            elif isinstance(part, _OpenPart):
                file = part.file
                async for piece in _content(lambda count: run_in_file_thread(file.read, count), part.size, "the file"):  # noqa: B023 - awaited in this turn
                    yield piece
            elif isinstance(part, AsyncIterable):
                async for piece in part:
                    yield _as_bytes(piece)
            else:
                for piece in part:
                    yield _as_bytes(piece)


async def make_body(*, json: Any = None, data: Data | None = None, files: Files | None = None) -> Body | None:
    """Make the body that a call describes, ``None`` for none.

    Args:
        json: sent as JSON; ``data`` and ``files`` must be ``None`` then.
        data: see `Data`.
        files: uploaded as multipart/form-data (RFC 7578), together with the fields of ``data``.

    Raises:
        TypeError, ValueError: something that cannot be sent.
        OSError: a file cannot be read.
    """
    if json is not None:
        if data is not None or files is not None:
            raise ValueError("give json, or data and files")
        return _fixed(
            _json.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(), "application/json"
        )
    if files is not None:
        return await _multipart(data, files)
    if data is None:
        return None
    if isinstance(data, bytes | bytearray | memoryview):
        return _fixed(bytes(data), "application/octet-stream")
    if isinstance(data, str):
        return _fixed(data.encode(), "text/plain; charset=utf-8")
    if isinstance(data, Mapping | list):
        return _fixed(encode_params(data).encode("ascii"), "application/x-www-form-urlencoded")
    if isinstance(data, os.PathLike):
        part = await _file_part(data)
        return Body((part,), _guess_type(part.path), part.size, True)
    if _is_file(data):
        opened = await run_in_file_thread(_open_part, data)
        return Body((opened,), _guess_type(_name_of(data) or ""), opened.size, False)
    if isinstance(data, AsyncIterable | Iterable):
        pieces: Any = data  # of bytes, which is seen only when they come
        return Body((pieces,), "application/octet-stream", None, False)
    raise TypeError(
        f"data must be bytes, str, a mapping, a path, an open file or an iterable of bytes, not {type(data).__name__}"
    )


def _is_file(data: object) -> bool:
    return callable(getattr(data, "read", None)) and not isinstance(data, AsyncIterable)


def _name_of(file: object) -> str | None:
    """The name of an open file, ``None`` where it has none: in memory, or known by its descriptor."""
    name = getattr(file, "name", None)
    return os.path.basename(name) if isinstance(name, str) else None


def _open_part(file: Any) -> _OpenPart:
    if not isinstance(file.read(0), bytes):
        raise TypeError("a file must be open in binary mode, such as open(path, 'rb')")
    size = None
    with contextlib.suppress(OSError, AttributeError):  # a pipe has no length
        begin = file.tell()
        size = file.seek(0, os.SEEK_END) - begin
        file.seek(begin)
    return _OpenPart(file, size)


async def _content(read: Callable[[int], Awaitable[bytes]], size: int | None, name: str) -> AsyncGenerator[bytes, None]:
    left = size
    while left is None or left > 0:
        piece = await read(_CHUNK if left is None else min(_CHUNK, left))
        if not piece:
            if left is None:
                return
            raise ValueError(f"{name} became shorter while it was sent")
        if left is not None:
            left -= len(piece)
        yield piece


def _fixed(content: bytes, content_type: str) -> Body:
    return Body((content,), content_type, len(content), True)


async def _file_part(path: os.PathLike[str]) -> _FilePart:
    size = (await run_in_file_thread(os.stat, path)).st_size
    return _FilePart(os.fspath(path), size)


async def _multipart(data: Data | None, files: Files) -> Body:
    boundary = secrets.token_hex(16)
    parts: list[bytes | _FilePart | _OpenPart] = []
    for name, value in _fields(data):
        parts.append(_part_head(boundary, name) + value.encode() + b"\r\n")
    for name, file in files.items() if isinstance(files, Mapping) else files:
        filename, content, content_type = await _file(file)
        parts.append(_part_head(boundary, name, filename, content_type))
        parts += [content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    sizes = [len(part) if isinstance(part, bytes) else part.size for part in parts]
    length = None if None in sizes else sum(size for size in sizes if size is not None)
    again = not any(isinstance(part, _OpenPart) for part in parts)
    return Body(tuple(parts), f"multipart/form-data; boundary={boundary}", length, again)


def _fields(data: Data | None) -> Iterable[tuple[str, str]]:
    if data is None:
        return
    if not isinstance(data, Mapping | list):
        raise TypeError("with files, data must be a mapping or a list of pairs")
    for name, value in data.items() if isinstance(data, Mapping) else data:
        for one in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(one, str | int | float):
                raise TypeError(f"the value of field {name!r} must be a str or a number")
            yield name, str(one)


async def _file(file: File) -> tuple[str, bytes | _FilePart | _OpenPart, str]:
    if isinstance(file, tuple):
        filename, source, *rest = file
        content_type = rest[0] if rest else _guess_type(filename)
    elif isinstance(file, os.PathLike):
        filename, source, content_type = os.path.basename(os.fspath(file)), file, _guess_type(os.fspath(file))
    else:
        filename, source = _name_of(file) or "file", file
        content_type = _guess_type(filename)
    if not isinstance(filename, str) or not isinstance(content_type, str):
        raise TypeError("a file is a path, an open file, bytes, or a tuple (file name, one of these[, media type])")
    if "\r" in content_type or "\n" in content_type or "\0" in content_type:
        raise ValueError("a media type must not contain a line break or NUL")
    if isinstance(source, os.PathLike):
        return filename, await _file_part(source), content_type
    if _is_file(source):
        return filename, await run_in_file_thread(_open_part, source), content_type
    return filename, _as_bytes(source), content_type


def _part_head(boundary: str, name: str, filename: str | None = None, content_type: str | None = None) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"the name of a form field must be a str, not {type(name).__name__}")
    lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{_escape(name)}"']
    if filename is not None:
        lines[1] += f'; filename="{_escape(filename)}"'
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _escape(text: str) -> str:
    # As the HTML standard has it ("multipart form data"), which servers expect in place of backslashes.
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22").replace("\0", "%00")


def _guess_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _as_bytes(piece: object) -> bytes:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise TypeError(f"a body consists of bytes, not {type(piece).__name__}")
    return bytes(piece)
