"""A safe file name for what a server sends (RFC 6266, RFC 8187)."""

from __future__ import annotations

import re
import unicodedata
import urllib.parse

from .headers import parse_parameters

__all__ = ["MAX_NAME", "choose_name", "safe_name"]

MAX_NAME = 200  # bytes of UTF-8: most file systems take 255, and room is left for ".part" and a number

# Names that are devices on Windows, with any extension.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def safe_name(name: str) -> str:
    """A name that stays in its folder and is a plain file everywhere; empty if nothing is left.

    No path, no leading dot, no control, bidirectional or reserved character,
    no device name, no blank or dot at the end, at most 200 bytes.
    """
    # The last part only: what precedes is the path on somebody else's disk.
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    name = _UNSAFE.sub("_", name).strip(" .").lstrip("~-")
    if _DEVICES.fullmatch(name):
        name = f"_{name}"
    return _shorten(name)


def _shorten(name: str) -> str:
    """Cut a long name before its extension, between characters."""
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = MAX_NAME - len((dot + extension).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + extension


def choose_name(disposition: str | None, path: str) -> str:
    """The file name for a download into a folder.

    Args:
        disposition: the ``Content-Disposition`` field, ``None`` if there is none.
        path: the path of the URL, percent-encoded.
    """
    for candidate in (_from_disposition(disposition or ""), urllib.parse.unquote(path.rsplit("/", 1)[-1])):
        name = safe_name(candidate)
        if name:
            return name
    return "download"


def _from_disposition(value: str) -> str:
    _, parameters = parse_parameters(value)
    # RFC 6266 section 4.3: filename* is preferred.
    extended = parameters.get("filename*", "").split("'", 2)
    if len(extended) == 3:
        charset, _, text = extended
        if charset.lower() in ("utf-8", "iso-8859-1"):
            return urllib.parse.unquote(text, encoding=charset, errors="replace")
    plain = parameters.get("filename", "")
    # Not in the standard, but common: percent-encoded in the plain parameter.
    return urllib.parse.unquote(plain) if "%" in plain else plain
