"""Titles and links without a tree."""

from __future__ import annotations

import time

import pytest

from asyncnet.http.markup import find_links, find_title, tags


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("<title>Plain</title>", "Plain"),
        ("<TITLE lang=en>\n  Two\n words </TITLE>", "Two words"),
        ("<title>a &amp; b &lt;c&gt;</title>", "a & b <c>"),
        ("<title>x</titlex></title >", "x</titlex>"),
        ("<title>never closed", "never closed"),
        ("<!-- <title>no</title> --><title>yes</title>", "yes"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("<svg><title>picture</title></svg>", None),
        ("no tags", None),
        ("", None),
        ("<title></title>", ""),
        ("a < b <title>x</title>", "x"),
    ],
)
def test_title(text, title):
    assert find_title(text) == title


def test_links_in_order_each_once():
    text = """
        <!doctype html><?php x > <base href="/base/"><base href="/other/">
        <a href=one>1</a> <A HREF='two'>2</A> <area href="three"> <link href="style.css"> <a name=x>
        <a href="one">again</a> <a class="b>c" href="four?a=1&amp;b=2"> <a href="  five
        "> <a href="si
x"> <a/href=seven> </a href=closing> <a hreF = "eight" > <a x = href=nine> <a href>
    """
    base, links = find_links(text)
    assert base == "/base/"
    assert links == ("one", "two", "three", "four?a=1&b=2", "five", "six", "seven", "eight", "")


@pytest.mark.parametrize(
    "text",
    [
        "<!-- open",
        "<!doctype",
        "<?pi",
        "<a",
        "<a href",
        "<a href=",
        "<a href='x",
        '<a href="x',
        "<",
        "</",
        "<a x=>",
        "<>",
    ],
)
def test_cut_markup_ends_quietly(text):
    assert find_links(text) == (None, ())
    assert find_title(text) is None


@pytest.mark.parametrize(
    ("reference", "character"),
    [("&#" + "9" * 5000 + ";", "\ufffd"), ("&#" + "0" * 5000 + "65;", "A"), ("&#x" + "0" * 5000 + "41;", "A"),
     ("&#X" + "f" * 5000 + ";", "\ufffd"), ("&#0;", "\ufffd"),
     ("&#128512;", "\U0001f600"), ("&#" + "9" * 30, "\ufffd")],
    ids=["huge", "zeros", "hexadecimal zeros", "huge hexadecimal", "nul", "plain", "unclosed"],
)  # fmt: skip
def test_character_references_of_any_length(reference, character):
    assert find_title(f"<title>a{reference}</title>") == f"a{character}"
    assert find_links(f'<a href="/a{reference}">')[1] == (f"/a{character}",)


@pytest.mark.parametrize(
    "cut", ['<a href="x', "<a href='x>y</a>", '<a href="x"', "<a href=x", "<a href=x ", "<a href=x /", "<a href", "<a"]
)
def test_a_tag_that_the_end_of_the_page_cuts_is_none(cut):
    assert find_links(f"<a href=whole>{cut}")[1] == ("whole",)
    assert list(tags(f"<p>{cut}")) == [("p", {}, "")]
    assert find_title(f"{cut.replace('<a', '<title')}") is None


def test_tags_give_attributes_and_raw_text():
    assert list(tags("<p ID=1 id=2>x</p><textarea a=b><p></textarea>")) == [
        ("p", {"id": "1"}, ""),
        ("textarea", {"a": "b"}, "<p>"),
    ]


@pytest.mark.parametrize(
    "piece", ["<a ", "<a href='", "<!--", "<title>", "<a x=", "<!", "</title", "<a href=x", "<a /", '<a "', "<script>x"]
)
def test_time_is_linear(piece):
    def seconds(count: int) -> float:
        started = time.process_time()
        for _ in tags(piece * count):
            pass
        return time.process_time() - started

    seconds(1000)
    assert seconds(100_000) < 2.0  # quadratic time would take minutes
