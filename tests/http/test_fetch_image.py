"""`fetch_image`: an image, or the reason why it is none."""

from __future__ import annotations

import struct

import pytest

import asyncnet
from asyncnet import http, testing

pytestmark = pytest.mark.asyncio

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 30, 20) + bytes(9)
HUGE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 60_000, 60_000) + bytes(9)


async def test_the_content_tells_not_the_name_or_the_header(tmp_path):
    routes = {
        "/a.jpg": testing.Response(200, {"Content-Type": "text/html"}, PNG),
        "/r": testing.Response(302, {"Location": "/a.jpg"}),
    }
    with testing.HTTPServer(routes) as server:
        image = await http.fetch_image(server.url("/r"))
        assert (image.format, image.width, image.height, image.content) == ("png", 30, 20, PNG)
        assert image.url == server.url("/a.jpg")
        assert image.content_type == "image/png"
        await image.save(tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes() == PNG


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (testing.Response(200, {"Content-Type": "image/png"}, "<html>sorry"), asyncnet.ProtocolError, "an HTML page"),
        (testing.Response(200, {"Content-Type": "image/png"}, b""), asyncnet.ProtocolError, "empty"),
        (
            testing.Response(200, {"Content-Type": "image/png"}, PNG[:20]),
            asyncnet.ProtocolError,
            "cut png header",
        ),
        (testing.Response(200, {}, HUGE), asyncnet.LimitExceeded, "60000x60000"),
        (testing.Response(404, {}, PNG), asyncnet.ReplyError, "404"),
        (testing.Response(200, {}, PNG * 100), asyncnet.LimitExceeded, "max_bytes"),
    ],
)
async def test_what_is_no_image(response, error, words):
    with testing.HTTPServer({"/": response}) as server:
        with pytest.raises(error, match=words) as caught:
            await http.fetch_image(server.url(), max_bytes=1000)
        assert caught.value.operation == "fetch_image"
        async with http.Client() as client:
            with pytest.raises(error, match=words):
                await client.fetch_image(server.url(), max_bytes=1000)


async def test_max_pixels():
    with testing.HTTPServer({"/": PNG}) as server:
        with pytest.raises(asyncnet.LimitExceeded):
            await http.fetch_image(server.url(), max_pixels=599)
        assert (await http.fetch_image(server.url(), max_pixels=600)).width == 30
        assert (await http.fetch_image(server.url(), max_pixels=None)).width == 30
