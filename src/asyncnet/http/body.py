"""The body of a request: bytes, JSON, a form, multipart, a file, or a stream of pieces."""

from __future__ import annotations

import json as _json
import mimetypes
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..core.files import open_for_reading, run_in_file_thread
from .urls import encode_params

__all__ = ["Body", "Data", "File", "Files", "make_body"]

# bytes and text go as they are, a mapping or list of pairs as a form, a path as the file's content.
Data: TypeAlias = (
    "bytes | bytearray | memoryview | str | os.PathLike[str] | "
    "Mapping[str, object] | list[tuple[str, object]] | AsyncIterable[bytes]"
)
# A path; or the content; or (file name, content or path) or (file name, content or path, media type).
File: TypeAlias = (
    "os.PathLike[str] | bytes | tuple[str, os.PathLike[str] | bytes] | tuple[str, os.PathLike[str] | bytes, str]"
)
Files: TypeAlias = "Mapping[str, File] | list[tuple[str, File]]"

_CHUNK = 256 * 1024  # bytes read from a file at once


@dataclass(frozen=True, slots=True)
class _FilePart:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Body:
    """What to send, and how it can be sent.

    Attributes:
        parts: bytes and files in turn, or one stream.
        content_type: for the header, unless the caller gives one; ``None`` for none.
        length: bytes in all, ``None`` if it is not known (sent in chunks).
        replayable: whether it can be sent again, by a redirect or a retry.
    """

    parts: tuple[bytes | _FilePart | AsyncIterable[bytes], ...]
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
                left = part.size
                async with open_for_reading(part.path) as read:
                    while left:
                        piece = await read(min(_CHUNK, left))
                        if not piece:
                            raise ValueError(f"{part.path!r} became shorter while it was sent")
                        left -= len(piece)
                        yield piece
            else:
                async for piece in part:
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
    if isinstance(data, AsyncIterable):
        return Body((data,), "application/octet-stream", None, False)
    raise TypeError(f"data must be bytes, str, a mapping, a path or an async iterable, not {type(data).__name__}")


def _fixed(content: bytes, content_type: str) -> Body:
    return Body((content,), content_type, len(content), True)


async def _file_part(path: os.PathLike[str]) -> _FilePart:
    size = (await run_in_file_thread(os.stat, path)).st_size
    return _FilePart(os.fspath(path), size)


async def _multipart(data: Data | None, files: Files) -> Body:
    boundary = secrets.token_hex(16)
    parts: list[bytes | _FilePart] = []
    for name, value in _fields(data):
        parts.append(_part_head(boundary, name) + value.encode() + b"\r\n")
    for name, file in files.items() if isinstance(files, Mapping) else files:
        filename, content, content_type = await _file(file)
        parts.append(_part_head(boundary, name, filename, content_type))
        parts += [content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    length = sum(part.size if isinstance(part, _FilePart) else len(part) for part in parts)
    return Body(tuple(parts), f"multipart/form-data; boundary={boundary}", length, True)


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


async def _file(file: File) -> tuple[str, bytes | _FilePart, str]:
    if isinstance(file, tuple):
        filename, source, *rest = file
        content_type = rest[0] if rest else _guess_type(filename)
    elif isinstance(file, os.PathLike):
        filename, source, content_type = os.path.basename(os.fspath(file)), file, _guess_type(os.fspath(file))
    else:
        filename, source, content_type = "file", file, "application/octet-stream"
    if not isinstance(filename, str) or not isinstance(content_type, str):
        raise TypeError("a file is a path, bytes, or a tuple (file name, content or path[, media type])")
    if "\r" in content_type or "\n" in content_type or "\0" in content_type:
        raise ValueError("a media type must not contain a line break or NUL")
    if isinstance(source, os.PathLike):
        return filename, await _file_part(source), content_type
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
