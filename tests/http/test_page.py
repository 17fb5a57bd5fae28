"""What a page makes of its content."""

from __future__ import annotations

import pytest

import asyncnet
from asyncnet.http import Headers, Page


def page(content: bytes, content_type: str = "text/html", url: str = "http://h/dir/page?q#part") -> Page:
    return Page(url, 200, "OK", Headers([("Content-Type", content_type)]), content)


ENCODINGS = {
    "utf-8": "Straße – наука – 日本語",
    "windows-1251": "Московский государственный университет",
    "shift_jis": "日本語のページ",
    "gbk": "简体中文网页",
    "iso-8859-7": "Ελληνική σελίδα",
}


@pytest.mark.parametrize(("encoding", "text"), ENCODINGS.items())
def test_html_in_five_encodings(encoding, text):
    html = f'<!doctype html><html><head><meta charset="{encoding}"><title>{text}</title></head></html>'
    found = page(html.encode(encoding))
    assert found.encoding == encoding
    assert found.title == text
    assert found.text == html
    assert found.text is found.text


def test_links_are_absolute_and_only_those_that_can_be_fetched():
    html = (
        b'<base href="/base/"><a href="a">a</a><a href="mailto:x@y">m</a><a href="//o/">o</a>'
        b'<a href="">self</a><a href="http://[bad">b</a><a href="javascript:x">j</a>'
    )
    assert page(html).links == ("http://h/base/a", "http://o/", "http://h/base/")
    assert page(b'<base href="http://[bad"><a href="a">a</a>').links == ("http://h/dir/a",)
    assert page(b"<a href='#x'></a>").links == ("http://h/dir/page?q#x",)
    assert page(b"no links").title is None


def test_json():
    assert page(b'\xef\xbb\xbf{"a": [1]}', "application/json").json() == {"a": [1]}
    assert page('{"a": "é"}'.encode("utf-16"), "application/json").json() == {"a": "é"}
    for bad in (b"", b"<html>", b"[" * 100_000, b"\xff"):
        with pytest.raises(asyncnet.ProtocolError, match="no JSON") as caught:
            page(bad).json()
        assert caught.value.peer == "http://h/dir/page?q#part"


def test_what_is_shown_runs_no_script():
    shown = page(b"<title><script>alert(1)</script></title><script>alert(2)</script>")._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "h/dir/page" in repr(page(b"x"))
    hopped = Page("http://h/b", 200, "OK", Headers(), b"", (asyncnet.http.Hop("http://h/a", 302, "/b"),))
    assert "http://h/a → http://h/b" in hopped._repr_html_()


@pytest.mark.asyncio
async def test_save(tmp_path):
    await page(b"content").save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(OSError):
        await page(b"content").save(tmp_path / "missing" / "page.html")
