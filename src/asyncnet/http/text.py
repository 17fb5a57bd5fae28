"""From bytes to text the way browsers do it (WHATWG Encoding and HTML standards).

The order: a byte order mark, the header's charset, for HTML a ``<meta>``
within the first 1,024 bytes, for XML its declaration, then UTF-8 if the bytes
are valid UTF-8, else windows-1252.  No label, however odd, raises.
"""

from __future__ import annotations

import codecs
import functools
import re

from .headers import parse_parameters

__all__ = ["decode_text", "find_encoding", "lookup_label"]

PRESCAN_BYTES = 1024  # HTML standard, "prescan a byte stream to determine its encoding"

# "<?x" in UTF-16, read as such before anything else (HTML standard, prescan step 1).
_UTF16_XML = ((b"<\0?\0x\0", "utf-16le"), (b"\0<\0?\0x", "utf-16be"))

# The labels of the WHATWG Encoding standard, section 4.2, by encoding name.
_LABELS = {
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "ibm866": "866 cp866 csibm866 ibm866",
    "iso-8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso-8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso-8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso-8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso-8859-6": "arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e "
    "iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987",
    "iso-8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 "
    "iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    "iso-8859-8": "csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 "
    "iso_8859-8 iso_8859-8:1988 visual",
    "iso-8859-8-i": "csiso88598i iso-8859-8-i logical",
    "iso-8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso-8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso-8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso-8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso-8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-ru koi8-u",
    "macintosh": "csmacintosh mac macintosh x-mac-roman",
    "windows-874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "windows-1250": "cp1250 windows-1250 x-cp1250",
    "windows-1251": "cp1251 windows-1251 x-cp1251",
    "windows-1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 "
    "iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252",
    "windows-1253": "cp1253 windows-1253 x-cp1253",
    "windows-1254": "cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 "
    "latin5 windows-1254 x-cp1254",
    "windows-1255": "cp1255 windows-1255 x-cp1255",
    "windows-1256": "cp1256 windows-1256 x-cp1256",
    "windows-1257": "cp1257 windows-1257 x-cp1257",
    "windows-1258": "cp1258 windows-1258 x-cp1258",
    "x-mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gbk": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk",
    "gb18030": "gb18030",
    "big5": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso-2022-jp": "csiso2022jp iso-2022-jp",
    "shift_jis": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "euc-kr": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 "
    "windows-949",
    "replacement": "csiso2022kr hz-gb-2312 iso-2022-cn iso-2022-cn-ext iso-2022-kr replacement",
    "utf-16be": "unicodefffe utf-16be",
    "utf-16le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "x-user-defined": "x-user-defined",
}
_ENCODINGS = {label: name for name, labels in _LABELS.items() for label in labels.split()}

# Python's codec where its name differs from the standard's.
_CODECS = {
    "iso-8859-8-i": "iso-8859-8",
    "macintosh": "mac_roman",
    "windows-874": "cp874",
    "x-mac-cyrillic": "mac_cyrillic",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}
_MULTIBYTE = frozenset(
    {"utf-8", "gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr", "utf-16be", "utf-16le"}
)
# Where the standard's index differs from Python's table: byte -> character.
_DIFFERENCES = {
    "windows-1255": {0xCA: "\u05ba"},
    "koi8-u": {0xAE: "\u045e", 0xBE: "\u040e"},
    "x-mac-cyrillic": {0xA2: "\u0490", 0xB6: "\u0491", 0xFF: "\u20ac"},
}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))


def lookup_label(label: str) -> str | None:
    """The encoding a label names (WHATWG Encoding section 4.2), ``None`` for an unknown label."""
    return _ENCODINGS.get(label.strip("\t\n\f\r ").lower())


def find_encoding(content: bytes, content_type: str = "") -> str:
    """Name the encoding of some content; never fails.

    Args:
        content: all of the content, decompressed.
        content_type: the header field, empty if there is none.
    """
    for bom, name in _BOMS:
        if content.startswith(bom):
            return name
    kind, parameters = parse_parameters(content_type)
    found = lookup_label(parameters.get("charset", ""))
    if found is None and (not kind or kind == "text/html" or kind.endswith("xml")):
        found = next((name for start, name in _UTF16_XML if content.startswith(start)), None)
    if found is None and kind in ("", "text/html", "application/xhtml+xml"):
        found = _prescan(content[:PRESCAN_BYTES])
    if found is None and (kind in ("", "text/xml", "application/xml") or kind.endswith("+xml")):
        found = _xml_declaration(content[:PRESCAN_BYTES])
    if found is not None:
        return found
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def decode_text(content: bytes, encoding: str) -> str:
    """Decode with an encoding of the WHATWG standard; bad bytes become U+FFFD, a BOM is dropped."""
    for bom, name in _BOMS:
        if name == encoding and content.startswith(bom):
            content = content[len(bom) :]
    if encoding == "replacement":
        # Encodings that were used for attacks: nothing of the content is trusted (section 14.1).
        return "\ufffd" if content else ""
    if encoding in _MULTIBYTE:
        return content.decode(_CODECS.get(encoding, encoding), "replace")
    return codecs.charmap_decode(content, "replace", _table(encoding))[0]


@functools.cache
def _table(encoding: str) -> str:
    """A single-byte encoding as 256 characters; U+FFFE marks an undefined byte for charmap_decode."""
    if encoding == "x-user-defined":  # section 14.5
        return "".join(chr(byte) if byte < 0x80 else chr(0xF780 + byte - 0x80) for byte in range(256))
    codec = _CODECS.get(encoding, encoding)
    differences = _DIFFERENCES.get(encoding, {})
    characters = []
    for byte in range(256):
        character = differences.get(byte) or bytes([byte]).decode(codec, "ignore")
        # The standard maps the C1 range straight where Python has a hole.
        characters.append(character or (chr(byte) if byte < 0xA0 else "\ufffe"))
    return "".join(characters)


# A comment, whose dashes may be those that it begins with; a tag with its attributes; anything else in brackets.
_MARKUP = re.compile(
    rb"""<!(?=--).*?(?:-->|\Z)|</?([a-z][^\s/>]*+)((?:[\s/]*+[^\s/>=][^\s/>=]*+(?:\s*+=\s*+"""
    rb"""(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+)?+)?+)*+)|<[!/?][^>]*+""",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    rb"""([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""",
)
_CHARSET = re.compile(r"""charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))""", re.IGNORECASE)


def _prescan(head: bytes) -> str | None:
    """The encoding that a ``<meta>`` names (HTML standard section 13.2.3.2)."""
    for item in _MARKUP.finditer(head):
        if item[1] is None or item[1].lower() != b"meta" or item[0].startswith(b"</"):
            continue
        attributes: dict[str, str] = {}
        for name, *values in _ATTRIBUTE.findall(item[2]):
            value = b"".join(values).decode("latin-1")
            attributes.setdefault(name.decode("latin-1").lower(), value)
        found = lookup_label(attributes.get("charset", ""))
        if found is None and attributes.get("http-equiv", "").lower() == "content-type":
            match = _CHARSET.search(attributes.get("content", ""))
            found = lookup_label(next(filter(None, match.groups()), "")) if match else None
        if found is not None:
            return _readable_as_ascii(found)
    return None


_XML = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._\-]+)["']""")


def _xml_declaration(head: bytes) -> str | None:
    match = _XML.match(head)
    found = lookup_label(match[1].decode("ascii")) if match else None
    return None if found is None else _readable_as_ascii(found)


def _readable_as_ascii(encoding: str) -> str:
    """What a declaration that could be read as ASCII must really mean (HTML standard, prescan step 15)."""
    if encoding in ("utf-16be", "utf-16le"):
        return "utf-8"
    return "windows-1252" if encoding == "x-user-defined" else encoding
