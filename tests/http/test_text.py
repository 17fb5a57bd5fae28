"""Decoding text the WHATWG way."""

from __future__ import annotations

import codecs

import pytest

from asyncnet.http.text import _LABELS, decode_text, find_encoding, lookup_label


@pytest.mark.parametrize(
    ("content", "content_type", "encoding"),
    [
        (b"plain", "", "utf-8"),
        ("é".encode(), "text/html", "utf-8"),
        (b"\xe9", "text/html", "windows-1252"),
        (codecs.BOM_UTF8 + b"x", "text/html; charset=latin1", "utf-8"),
        (codecs.BOM_UTF16_LE + "x".encode("utf-16-le"), "", "utf-16le"),
        (codecs.BOM_UTF16_BE + "x".encode("utf-16-be"), "", "utf-16be"),
        (b"x", "text/html; charset=KOI8-R", "koi8-r"),
        (b"x", 'text/html; charset="shift_jis"', "shift_jis"),
        (b"x", "text/plain; charset=rot13", "utf-8"),
        (b"x", "text/plain; charset=hex", "utf-8"),
        (b"x", "text/plain; charset=zip", "utf-8"),
        (b"x", "text/plain; charset=\xff\x00", "utf-8"),
        (b"x", "text/html; charset= iso-8859-1 ", "windows-1252"),
        (b"<meta charset=euc-kr>", "text/html", "euc-kr"),
        (b"<META CHARSET='Big5'>", "", "big5"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">', "text/html", "windows-1251"),
        (b"<meta content=\"text/html; charset='gbk'\" http-equiv=content-type>", "text/html", "gbk"),
        (b'<meta http-equiv=content-type content="text/html">\xe9', "text/html", "windows-1252"),
        (b'<meta http-equiv=refresh content="charset=gbk">', "text/html", "utf-8"),
        (b"<!-- <meta charset=gbk> --><meta charset=utf-8>", "text/html", "utf-8"),
        (b"<!-- <meta charset=gbk>", "text/html", "utf-8"),
        (b"<!--><meta charset=gbk>-->", "text/html", "gbk"),
        (b"<p title='<meta charset=gbk>'><meta charset=big5>", "text/html", "big5"),
        (b"<p title=it's><meta charset=big5>'", "text/html", "big5"),
        (b"<!doctype html '><meta/charset='big5'/>", "text/html", "big5"),
        (b"<metadata charset=gbk><meta charset=big5>", "text/html", "big5"),
        (b"</meta charset=gbk><meta name=x charset=big5", "text/html", "big5"),
        ("<?xml version='1.0'?>".encode("utf-16-le"), "text/html", "utf-16le"),
        ("<?xml version='1.0'?>".encode("utf-16-be"), "application/xml", "utf-16be"),
        (b"<meta charset=nonsense><meta charset=gbk>", "text/html", "gbk"),
        (b"<meta charset=utf-16>", "text/html", "utf-8"),
        (b"<meta charset=x-user-defined>", "text/html", "windows-1252"),
        (b" " * 1024 + b"<meta charset=gbk>", "text/html", "utf-8"),
        (b"<meta charset=gbk>", "text/plain", "utf-8"),
        (b'<?xml version="1.0" encoding="koi8-r"?>', "application/xml", "koi8-r"),
        (b"<?xml encoding='iso-8859-2'?>", "image/svg+xml", "iso-8859-2"),
        (b'<?xml encoding="utf-16"?>', "text/xml", "utf-8"),
        (b'<?xml version="1.0"?>', "text/xml", "utf-8"),
        (b'<?xml encoding="nonsense"?>', "text/xml", "utf-8"),
        (b"", "", "utf-8"),
    ],
)
def test_find_encoding(content, content_type, encoding):
    assert find_encoding(content, content_type) == encoding


@pytest.mark.parametrize(
    ("text", "encoding", "codec"),
    [
        ("Привет", "windows-1251", "cp1251"),
        ("Привет", "koi8-r", "koi8_r"),
        ("日本語", "shift_jis", "cp932"),
        ("日本語", "euc-jp", "euc_jp"),
        ("日本語", "iso-2022-jp", "iso2022_jp"),
        ("中文", "gbk", "gbk"),
        ("中文", "gb18030", "gb18030"),
        ("中文", "big5", "big5"),
        ("한국어", "euc-kr", "euc_kr"),
        ("naïve €", "windows-1252", "cp1252"),
        ("naïve", "utf-8", "utf-8"),
        ("naïve", "utf-16le", "utf-16-le"),
        ("naïve", "utf-16be", "utf-16-be"),
        ("ελληνικά", "iso-8859-7", "iso-8859-7"),
        ("שלום", "iso-8859-8-i", "iso-8859-8"),
        ("ไทย", "windows-874", "cp874"),
        ("ÄÖ", "macintosh", "mac_roman"),
    ],
)
def test_decode_text(text, encoding, codec):
    assert decode_text(text.encode(codec), encoding) == text


def test_a_byte_order_mark_is_dropped():
    assert decode_text(codecs.BOM_UTF8 + b"x", "utf-8") == "x"
    assert decode_text(codecs.BOM_UTF16_LE + b"x\0", "utf-16le") == "x"
    assert decode_text(codecs.BOM_UTF8 + b"x", "windows-1252") == "ï»¿x"


def test_bad_bytes_become_replacement_characters():
    assert decode_text(b"a\xffb", "utf-8") == "a\ufffdb"
    assert decode_text(b"\xd2", "windows-1253") == "\ufffd"


def test_holes_of_single_byte_encodings_are_as_the_standard_has_them():
    assert decode_text(b"\x81\x8d\x8f\x90\x9d", "windows-1252") == "\x81\x8d\x8f\x90\x9d"
    assert decode_text(b"\xca", "windows-1255") == "\u05ba"
    assert decode_text(b"\xae\xbe", "koi8-u") == "\u045e\u040e"
    assert decode_text(b"\xff", "x-mac-cyrillic") == "\u20ac"
    assert decode_text(b"a\x80\xff", "x-user-defined") == "a\uf780\uf7ff"


def test_the_replacement_encoding_shows_nothing():
    assert lookup_label("hz-gb-2312") == "replacement"
    assert decode_text(b"<script>", "replacement") == "\ufffd"
    assert decode_text(b"", "replacement") == ""


def test_every_label_leads_to_a_decoder():
    for name, labels in _LABELS.items():
        for label in labels.split():
            assert lookup_label(f" {label.upper()}\t") == name
        assert isinstance(decode_text(bytes(range(256)), name), str)
    assert lookup_label("rot13") is None
