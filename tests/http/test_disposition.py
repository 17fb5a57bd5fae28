"""File names that strangers choose."""

from __future__ import annotations

import pytest

from asyncnet.http.disposition import MAX_NAME, choose_name, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\x.exe", "x.exe"),
        ("..", ""),
        ("/", ""),
        (".bashrc", "bashrc"),
        ("...x...", "x"),
        ("a\0b\nc", "abc"),
        ("a:b*c?", "a_b_c_"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("lpt9.tar.gz", "_lpt9.tar.gz"),
        ("console.txt", "console.txt"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("a\u200bb", "ab"),
        ("-rf", "rf"),
        ("~root", "root"),
        ("  x  ", "x"),
        ("e\u0301", "\xe9"),
        ("日本.txt", "日本.txt"),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


def test_long_names_keep_their_extension():
    long = safe_name("é" * 300 + ".tar")
    assert long.endswith(".tar")
    assert len(long.encode()) <= MAX_NAME
    assert len(safe_name("x" * 300).encode()) == MAX_NAME
    assert len(safe_name("x." + "y" * 300).encode()) == MAX_NAME


@pytest.mark.parametrize(
    ("disposition", "path", "name"),
    [
        ('attachment; filename="a.txt"', "/b.txt", "a.txt"),
        ("attachment; filename=a.txt; filename*=UTF-8''%e2%82%ac.txt", "/", "€.txt"),
        ("attachment; filename*=ISO-8859-1'en'%A3.txt", "/", "£.txt"),
        ("attachment; filename*=rot13''x", "/b.txt", "b.txt"),
        ("attachment; filename*=broken; filename=a", "/b", "a"),
        ("attachment; filename=%41.txt", "/", "A.txt"),
        ('attachment; filename="../../x"', "/", "x"),
        ("inline", "/dir/na%20me.png", "na me.png"),
        (None, "/dir/%2e%2e%2fx", "x"),
        (None, "/", "download"),
        (None, "/..", "download"),
        ('attachment; filename=".."', "/", "download"),
    ],
)
def test_choices(disposition, path, name):
    assert choose_name(disposition, path) == name
