"""Title and links of an HTML page, found without building a tree.

A tokenizer of our own rather than `html.parser`: its time is linear in the
size of the page whatever the markup (each byte is passed over once), where
the standard library's needs quadratic time for unclosed constructs.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

__all__ = ["find_links", "find_title", "tags"]

# Elements whose content is text to the tokenizer (HTML standard section 13.2.6.2).
_RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})
_NAME = re.compile(r"/?[A-Za-z][^\s/>]*+")
# Atomic: an attribute is never read twice, so that the scan cannot go back.
_ATTRIBUTE = re.compile(
    r"""[\s/]*+([^\s/>=][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^\s>]*+)))?+"""
)


def tags(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield (name, attributes, raw text) of each start tag; raw text for title, script and the like."""
    position = 0
    while (position := text.find("<", position)) >= 0:
        if text.startswith("<!--", position):
            end = text.find("-->", position + 4)
            if end < 0:
                return
            position = end + 3
            continue
        match = _NAME.match(text, position + 1)
        if match is None:  # "<" in running text, a doctype or a processing instruction
            if text.startswith(("<!", "<?"), position):
                position = text.find(">", position)
                if position < 0:
                    return
            position += 1
            continue
        name = match[0].lower()
        attributes, end = _attributes(text, match.end())
        if end < 0:  # cut by the end of the page: the tag counts for nothing (HTML standard 13.2.5, "eof-in-tag")
            return
        position = end + 1
        if name.startswith("/"):
            continue
        raw = ""
        if name in _RAW:
            end = _end_tag(text, name, position)
            raw, position = text[position:end], end
        yield name, attributes, raw


def _attributes(text: str, position: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, and where its ">" stands, -1 if nowhere."""
    attributes: dict[str, str] = {}
    while (match := _ATTRIBUTE.match(text, position)) is not None:
        name, *values = match.groups()
        value = next((value for value in values if value is not None), "")
        attributes.setdefault(name.lower(), _unescape(value) if "&" in value else value)
        position = match.end()
    # Here stands ">" or the end, or something that no attribute can begin with, such as a lone "=".
    return attributes, text.find(">", position)


_ZEROS = re.compile(r"(&#[xX]?)0{8,}+")
_HUGE = re.compile(r"&#[0-9]{20,}+;?")


def _unescape(text: str) -> str:
    """As `html.unescape`, which raises for decimal numbers of more than 4,300 digits."""
    return html.unescape(_HUGE.sub("\ufffd", _ZEROS.sub(r"\g<1>0", text)))


def _end_tag(text: str, name: str, position: int) -> int:
    """Where the end tag of a raw text element begins, or the end of the text."""
    match = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, position)
    return len(text) if match is None else match.start()


def find_title(text: str) -> str | None:
    """The content of the first ``<title>``, white space collapsed; ``None`` if there is none."""
    for name, _, raw in tags(text):
        if name == "title":
            return " ".join(_unescape(raw).split())
        if name == "svg":  # its own <title> is not the page's
            return None
    return None


def find_links(text: str) -> tuple[str | None, tuple[str, ...]]:
    """The ``<base href>`` and the ``href`` of each ``<a>`` and ``<area>``, in order, as written."""
    base: str | None = None
    links: dict[str, None] = {}
    for name, attributes, _ in tags(text):
        if "href" not in attributes:
            continue
        if name in ("a", "area"):
            links.setdefault(_reference(attributes["href"]), None)
        elif name == "base" and base is None:
            base = _reference(attributes["href"])
    return base, tuple(links)


def _reference(value: str) -> str:
    """A URL as browsers read it from an attribute: blanks around it and line breaks within go (WHATWG URL 4.4)."""
    return value.strip("\t\n\f\r ").translate({9: None, 10: None, 13: None})
