"""http beside nginx: pages, compression, ranges, conditions, TLS."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import asyncnet
from tests.interop.conftest import free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("nginx")]

PAGE = "<!doctype html><title>Über nginx</title><p>" + "words " * 2000
ARCHIVE = random.Random(1).randbytes(3_000_000)

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type application/octet-stream; types {{ text/html html; }} charset utf-8;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  gzip on; gzip_min_length 100;
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    root {folder}/root;
    location /moved {{ return 301 /index.html; }}
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
    port, tls = free_port(), free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, tls=tls, certificate=pki.certificate, key=pki.key))
    with running([path, "-p", str(folder), "-c", str(config)], port, tls, folder=folder):
        yield SimpleNamespace(url=f"http://127.0.0.1:{port}", tls=f"https://localhost:{tls}", tls_port=tls)


async def test_a_page_in_gzip(nginx):
    page = await asyncnet.http.fetch(f"{nginx.url}/index.html")
    assert page.status == 200
    assert page.headers["content-encoding"] == "gzip"
    assert page.text == PAGE
    assert page.title == "Über nginx"


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
    wanted = hashlib.sha256(ARCHIVE).hexdigest()
    got = await asyncnet.http.download(
        f"{nginx.url}/archive.bin", path, known_hash=f"sha256:{wanted}", segments=segments
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
