"""http beside lighttpd: another maker's ranges, compression, redirects, logins, slow lines and TLS."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import asyncnet
from asyncnet import http
from tests.interop.conftest import free_port, program, running
from tests.interop.pages import FORMATS, write_pages, write_pictures

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("lighttpd")]

ARCHIVE = random.Random(2).randbytes(6_000_000)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
TEXTS = {
    "utf-8": "Straße – наука – 日本語",
    "windows-1251": "Московский государственный университет",
    "shift_jis": "日本語のページ",
    "gb2312": "简体中文网页",
    "iso-8859-7": "Ελληνική σελίδα",
}

CONFIG = """
server.modules = ( "mod_deflate", "mod_redirect", "mod_auth", "mod_authn_file", "mod_openssl", "mod_setenv" )
server.document-root = "{folder}/root"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/error.log"
server.upload-dirs = ( "{folder}" )
server.max-keep-alive-requests = 10000
mimetype.assign = ( ".html" => "text/html", ".bin" => "application/octet-stream", "" => "application/octet-stream" )
deflate.mimetypes = ( "text/" )
deflate.cache-dir = "{folder}/cache"
$HTTP["url"] =~ "^/packed/" {{ deflate.allowed-encodings = ( "br", "zstd", "gzip", "deflate" ) }}
url.redirect = ( "^/moved$" => "/packed/page.html", "^/round$" => "/round", "^/up$" => "https://localhost:{tls}/a.bin" )
auth.backend = "plain"
auth.backend.plain.userfile = "{folder}/users"
auth.require = (
  "/basic/" => ( "method" => "basic", "realm" => "door", "require" => "valid-user" ),
  "/digest/" => ( "method" => "digest", "realm" => "door", "require" => "valid-user", "algorithm" => "SHA-256" ),
  "/md5/" => ( "method" => "digest", "realm" => "door", "require" => "valid-user", "algorithm" => "MD5" )
)
$HTTP["url"] =~ "^/slow/" {{ connection.kbytes-per-second = 2000 }}
$SERVER["socket"] == "127.0.0.1:{tls}" {{
  ssl.engine = "enable"
  ssl.pemfile = "{certificate}"
  ssl.privkey = "{key}"
}}
"""


@pytest.fixture(scope="module")
def lighttpd(folder, pki) -> Iterator[SimpleNamespace]:
    path = program("lighttpd")
    root = folder / "root"
    for name in ("packed", "basic", "digest", "md5", "slow", "cache"):
        (root / name).mkdir(parents=True)
    (folder / "cache").mkdir()
    (root / "a.bin").write_bytes(ARCHIVE)
    (root / "slow" / "a.bin").write_bytes(ARCHIVE)
    write_pages(root / "packed", TEXTS)
    (root / "packed" / "page.html").write_text("<title>packed</title>" + "words " * 5000)
    for name in ("basic", "digest", "md5"):
        (root / name / "in.html").write_text("welcome")
    write_pictures(root)
    (root / "error.png").write_text("<html>sorry")
    (folder / "users").write_text("user:secret\n")
    port, tls = free_port(), free_port()
    config = folder / "lighttpd.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, tls=tls, certificate=pki.certificate, key=pki.key))
    with running([path, "-D", "-f", str(config)], port, tls, folder=folder):
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}", tls=f"https://localhost:{tls}")


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip", "deflate"])
async def test_compression(lighttpd, coding):
    page = await http.fetch(f"{lighttpd.url}/packed/page.html", headers={"Accept-Encoding": coding})
    assert page.headers["Content-Encoding"] == coding
    assert page.title == "packed"
    assert len(page.content) == len("<title>packed</title>" + "words " * 5000)


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
async def test_html_in_five_encodings(lighttpd, encoding, text):
    page = await http.fetch(f"{lighttpd.url}/packed/{encoding}.html")
    assert page.title == text


@pytest.mark.parametrize("name", [name.lower() for name in FORMATS] + ["svg"])
async def test_images_in_nine_formats(lighttpd, name):
    image = await http.fetch_image(f"{lighttpd.url}/picture.{name}")
    assert (image.format, image.width, image.height) == (name, 48, 32)
    if name != "svg":
        with image.open() as opened:
            assert opened.size == (48, 32)


async def test_an_error_page_is_no_image(lighttpd):
    with pytest.raises(asyncnet.ProtocolError, match="HTML"):
        await http.fetch_image(f"{lighttpd.url}/error.png")


async def test_redirects(lighttpd, dialer):
    page = await http.fetch(f"{lighttpd.url}/moved")
    assert (page.title, [hop.status for hop in page.history]) == ("packed", [301])
    with pytest.raises(asyncnet.ProtocolError, match="circle"):
        await http.fetch(f"{lighttpd.url}/round")
    page = await http.fetch(f"{lighttpd.url}/up", dialer=dialer)
    assert page.url == f"{lighttpd.tls}/a.bin"
    assert page.content == ARCHIVE


async def test_revalidation(lighttpd):
    page = await http.fetch(f"{lighttpd.url}/a.bin")
    again = await http.fetch(f"{lighttpd.url}/a.bin", if_changed_since=page)
    assert again.unchanged
    assert again.content == ARCHIVE


@pytest.mark.parametrize("segments", [1, 4])
@pytest.mark.parametrize("secure", [False, True])
async def test_downloads(lighttpd, dialer, tmp_path, segments, secure):
    url = lighttpd.tls if secure else lighttpd.url
    known = f"sha256:{SHA256}"
    got = await http.download(f"{url}/a.bin", tmp_path / "a", segments=segments, known_hash=known, dialer=dialer)
    assert got.size == len(ARCHIVE)


async def test_a_download_that_is_cancelled_goes_on(lighttpd, tmp_path):
    begun = asyncio.Event()
    url = f"{lighttpd.url}/slow/a.bin"
    task = asyncio.create_task(http.download(url, tmp_path / "a", progress=lambda done, total: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    got = await http.download(f"{lighttpd.url}/slow/a.bin", tmp_path / "a", known_hash=f"sha256:{SHA256}")
    assert got.resumed_from > 0


@pytest.mark.parametrize("auth", [http.Basic("user", "secret"), http.Digest("user", "secret")], ids=["basic", "digest"])
async def test_logins(lighttpd, auth):
    paths = ["basic"] if isinstance(auth, http.Basic) else ["digest", "md5"]
    async with http.Client(base_url=lighttpd.url, auth=auth) as client:
        for path in paths:
            for _ in range(3):
                assert (await client.fetch(f"/{path}/in.html")).text == "welcome"
    wrong = type(auth)("user", "wrong")
    for path in paths:
        with pytest.raises(asyncnet.AuthenticationError):
            await http.fetch(f"{lighttpd.url}/{path}/in.html", auth=wrong)


async def test_many(lighttpd):
    urls = [f"{lighttpd.url}/packed/{encoding}.html?{number}" for number in range(100) for encoding in TEXTS]
    outcomes = [outcome async for outcome in http.fetch_many(urls)]
    assert len(outcomes) == 500
    assert all(outcome.ok for outcome in outcomes)


async def test_a_timeout_on_a_slow_line(lighttpd):
    with pytest.raises(asyncnet.OperationTimeout) as caught:
        await http.fetch(f"{lighttpd.url}/slow/a.bin", timeout=0.5)
    assert caught.value.phase == "transfer"
