"""http beside nginx: pages, compression, images, redirects, ranges, conditions, slow lines, kills, TLS."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet
from asyncnet import http, testing
from tests.interop.conftest import absent, free_port, program, running
from tests.interop.pages import FORMATS, write_pages, write_pictures

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("nginx")]

PAGE = "<!doctype html><title>Über nginx</title><p>" + "words " * 2000
ARCHIVE = random.Random(1).randbytes(3_000_000)
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
BROTLI = Path("/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so")
TEXTS = {
    "utf-8": "Straße – наука – 日本語",
    "windows-1251": "Московский государственный университет",
    "euc-jp": "日本語のページ",
    "big5": "繁體中文網頁",
    "iso-8859-2": "Příliš žluťoučký kůň",
}

CONFIG = """
{modules}
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type application/octet-stream; types {{ text/html html; }} charset utf-8;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  gzip on; gzip_min_length 100; {brotli}
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    root {folder}/root;
    location /moved {{ return 301 /index.html; }}
    location /round {{ return 302 /round; }}
    location /down {{ return 302 http://127.0.0.1:{port}/index.html; }}
    location /texts {{ charset off; }}
    location /busy {{ return 503; }}
    location /slow {{ limit_rate 1500k; alias {folder}/root/archive.bin; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx(folder, pki) -> Iterator[SimpleNamespace]:
    path = program("nginx")
    (folder / "root").mkdir()
    (folder / "root" / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "root" / "archive.bin").write_bytes(ARCHIVE)
    (folder / "root" / "texts").mkdir()
    write_pages(folder / "root" / "texts", TEXTS)
    write_pictures(folder / "root")
    port, tls = free_port(), free_port()
    config = folder / "nginx.conf"
    values = {"folder": folder, "port": port, "tls": tls, "certificate": pki.certificate, "key": pki.key}
    brotli = (f"load_module {BROTLI};", "brotli on; brotli_min_length 100;") if BROTLI.exists() else ("", "")
    config.write_text(CONFIG.format(modules=brotli[0], brotli=brotli[1], **values))
    with running([path, "-p", str(folder), "-c", str(config)], port, tls, folder=folder):
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}", tls=f"https://localhost:{tls}", tls_port=tls)


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_packed_page(nginx, coding):
    if coding == "br" and not BROTLI.exists():
        absent("nginx has no module for brotli")
    page = await asyncnet.http.fetch(f"{nginx.url}/index.html", headers={"Accept-Encoding": coding})
    assert page.status == 200
    assert page.headers["content-encoding"] == coding
    assert page.text == PAGE
    assert page.title == "Über nginx"


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
async def test_html_in_five_encodings(nginx, encoding, text):
    page = await asyncnet.http.fetch(f"{nginx.url}/texts/{encoding}.html")
    assert "charset" not in page.headers["content-type"]
    assert (page.encoding, page.title) == (encoding, text)


@pytest.mark.parametrize("name", [name.lower() for name in FORMATS] + ["svg"])
async def test_images_in_nine_formats(nginx, name):
    image = await asyncnet.http.fetch_image(f"{nginx.url}/picture.{name}")
    assert (image.format, image.width, image.height) == (name, 48, 32)
    if name != "svg":
        with image.open() as opened:
            assert opened.size == (48, 32)


async def test_a_page_is_no_image(nginx):
    with pytest.raises(asyncnet.ProtocolError, match="HTML"):
        await asyncnet.http.fetch_image(f"{nginx.url}/index.html")


async def test_redirects_that_lead_nowhere(nginx, dialer):
    with pytest.raises(asyncnet.ProtocolError, match="circle"):
        await asyncnet.http.fetch(f"{nginx.url}/round")
    with pytest.raises(asyncnet.ProtocolError, match="not encrypted"):
        await asyncnet.http.fetch(f"{nginx.tls}/down", dialer=dialer)
    async with http.Client(dialer=dialer, allow_downgrade=True) as client:
        assert (await client.fetch(f"{nginx.tls}/down")).text == PAGE


async def test_a_redirect_and_a_refusal(nginx):
    page = await asyncnet.http.fetch(f"{nginx.url}/moved")
    assert page.url == f"{nginx.url}/index.html"
    assert [hop.status for hop in page.history] == [301]
    with pytest.raises(asyncnet.ReplyError) as missing:
        await asyncnet.http.fetch(f"{nginx.url}/missing")
    assert missing.value.code == 404
    with pytest.raises(asyncnet.ReplyError) as busy:
        await asyncnet.http.fetch(f"{nginx.url}/busy", retries=0)
    assert busy.value.code == 503


async def test_if_changed_since(nginx):
    page = await asyncnet.http.fetch(f"{nginx.url}/archive.bin")
    again = await asyncnet.http.fetch(f"{nginx.url}/archive.bin", if_changed_since=page)
    assert again.status == 304
    assert again.content == ARCHIVE


@pytest.mark.parametrize("segments", [1, 4])
async def test_a_download(nginx, tmp_path, segments):
    path = tmp_path / "archive.bin"
    got = await asyncnet.http.download(
        f"{nginx.url}/archive.bin", path, known_hash=f"sha256:{SHA256}", segments=segments
    )
    assert got.size == len(ARCHIVE)
    assert path.read_bytes() == ARCHIVE


async def test_a_download_that_was_cut_goes_on(nginx, tmp_path):
    path = tmp_path / "archive.bin"
    with pytest.raises(asyncnet.OperationTimeout):
        await asyncnet.http.download(f"{nginx.url}/slow", path, timeout=1)
    assert not path.exists()
    kept = path.with_name("archive.bin.part").stat().st_size
    assert 0 < kept < len(ARCHIVE)
    got = await asyncnet.http.download(f"{nginx.url}/slow", path)
    assert got.resumed_from == kept
    assert path.read_bytes() == ARCHIVE


KILLED = """
import asyncio, sys
from asyncnet import http

async def main(url, path, segments):
    reports = []

    def progress(done, total):
        reports.append(done)
        if len(reports) > 1:  # what the first one told of is written
            print("far enough", flush=True)

    await http.download(url, path, progress=progress, segments=segments)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.mark.parametrize("segments", [1, 2])
async def test_a_download_that_was_killed_goes_on(nginx, tmp_path, segments):
    path = tmp_path / "archive.bin"
    command = [sys.executable, "-c", KILLED, f"{nginx.url}/slow", str(path), str(segments)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        await process.stdout.readline()
        process.kill()
        await process.wait()
    assert sorted(os.listdir(tmp_path)) == ["archive.bin.part", "archive.bin.part.json"]
    got = await asyncnet.http.download(f"{nginx.url}/slow", path, known_hash=f"sha256:{SHA256}")
    assert (got.size, got.sha256) == (len(ARCHIVE), SHA256)
    assert os.listdir(tmp_path) == ["archive.bin"]
    assert got.resumed_from > 0


async def test_many_downloads_with_a_manifest(nginx, tmp_path):
    urls = [f"{nginx.url}/texts/{encoding}.html?{number}" for number in range(20) for encoding in TEXTS]
    for expected in (0, 1):  # the second run finds all of them done
        outcomes = [
            outcome async for outcome in asyncnet.http.download_many(urls, tmp_path / "to", manifest=tmp_path / "m")
        ]
        assert len(outcomes) == 100
        assert all(outcome.ok for outcome in outcomes)
        assert all((outcome.value.elapsed == 0.0) == bool(expected) for outcome in outcomes)
    assert len(os.listdir(tmp_path / "to")) == 100


async def test_ten_thousand_cancelled_requests(nginx):
    async with testing.no_leaks():
        async with http.Client(base_url=nginx.url, per_host=100) as client:
            tasks = [asyncio.create_task(client.fetch("/slow")) for _ in range(10_000)]
            async with asyncio.timeout(30):
                while client.stats.opened < 50:
                    await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
            assert (client.stats.open, client.stats.waiting) == (0, 0)
            assert (await client.fetch("/index.html")).text == PAGE


async def test_connections_are_kept(nginx):
    async with asyncnet.http.Client(base_url=nginx.url) as client:
        for _ in range(5):
            await client.fetch("/index.html")
        assert client.stats.opened == 1


async def test_https(nginx, dialer):
    page = await asyncnet.http.fetch(f"{nginx.tls}/index.html", dialer=dialer)
    assert page.title == "Über nginx"


async def test_a_certificate_for_another_name(nginx, pki):
    dialer = asyncnet.Dialer(ssl_context=pki.context, hosts={"other.example": "127.0.0.1"})
    with pytest.raises(asyncnet.TLSError):
        await asyncnet.http.fetch(f"https://other.example:{nginx.tls_port}/", dialer=dialer)


async def test_http_spoken_to_the_tls_port(nginx):
    with pytest.raises(asyncnet.ReplyError) as refused:
        await asyncnet.http.fetch(f"http://127.0.0.1:{nginx.tls_port}/")
    assert refused.value.code == 400
