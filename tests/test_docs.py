"""Every ```python block of README and docs runs, against servers on loopback.

The blocks of one page share a namespace and run from top to bottom; ``await``
is allowed at the top level.  Names such as example.org lead to the servers
below, with their usual ports: see `Loopback`.  A block ```output right after
one is what it prints; ``...`` in it stands for anything.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import contextvars
import doctest
import inspect
import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import pytest

import asyncnet
from asyncnet import testing
from house import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```(\w+)?[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
TEXTS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]

HTML = """<!doctype html>
<html><head><meta charset="utf-8"><title>Example Domain</title></head>
<body><h1>Example Domain</h1><p>For use in examples. <a href="/more">More information</a>
<a href="https://www.example.org/">www</a></p><img src="/logo.png" alt="logo"></body></html>
"""


@dataclass
class Block:
    """One fenced block."""

    language: str
    code: str
    line: int
    output: str | None = None


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        indent = len(match.group(1))
        code = "".join(line[indent:] if line.strip() else "\n" for line in match.group(3).splitlines(keepends=True))
        block = Block(match.group(2) or "", code, text[: match.start()].count("\n") + 2)
        if block.language == "output":
            assert found, "an output block before any other"
            assert not text[end : match.start()].strip(), f"line {block.line}: output has to follow its block"
            found[-1].output = code
        found.append(block)
        end = match.end()
    return found


# ---- the servers


class Loopback(asyncnet.Dialer):
    """Leads well-known names and ports to servers on loopback; what it does not know goes where it says."""

    def __init__(self, places: dict[tuple[str, int], tuple[str, int]], **options: Any) -> None:
        super().__init__(**options)
        self.places = places

    async def dial(self, operation, host, port, *, local_address=None):
        host, port = self.places.get((host, port), (host, port))
        return await super().dial(operation, host, port, local_address=local_address)

    async def targets(self, operation, host, port):
        return await super().targets(operation, *self.places.get((host, port), (host, port)))


def picture(kind: str) -> bytes:
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(data, kind)
    return data.getvalue()


def routes() -> dict[str, Any]:
    html = testing.Response(200, {"Content-Type": "text/html; charset=utf-8"}, HTML)
    return {
        "/": html,
        "/static/img/python-logo.png": testing.Response(200, {"Content-Type": "image/png"}, picture("PNG")),
        "POST /v1/items": testing.Response(201, {"Content-Type": "application/json"}, '{"id": 1}'),
        "/more": html,
        "/logo.png": testing.Response(200, {"Content-Type": "image/png"}, picture("PNG")),
        "/photo.jpg": testing.Response(200, {"Content-Type": "image/jpeg"}, picture("JPEG")),
        "/data.json": testing.Response(200, {"Content-Type": "application/json"}, '{"answer": 42}'),
        "/archive.tar.gz": testing.Resource(bytes(range(256)) * 4096),
        "POST /form": lambda request: testing.Response(
            200, {"Content-Type": "application/json"}, f'{{"received": {len(request.body)}}}'
        ),
    }


RECORDS: dict[tuple[str, str], Any] = {
    ("example.org", "A"): ["127.0.0.1"],
    ("example.org", "MX"): [(10, "mail.example.org"), (20, "backup.example.org")],
    ("example.org", "TXT"): "v=spf1 -all",
    ("example.org", "NS"): ["ns1.example.org", "ns2.example.org"],
    ("www.example.org", "CNAME"): "example.org",
    ("mail.example.org", "A"): ["127.0.0.1"],
    ("backup.example.org", "A"): ["127.0.0.1"],
    ("smtp.example.org", "A"): ["127.0.0.1"],
    ("pop.example.org", "A"): ["127.0.0.1"],
    ("news.example.org", "A"): ["127.0.0.1"],
    ("ftp.example.org", "A"): ["127.0.0.1"],
    ("1.0.0.127.in-addr.arpa", "PTR"): "example.org",
}

USERS = {"me@example.org": "secret", "ann": "secret"}
MAILDROP = [b"From: bob@example.org\r\nSubject: Lunch\r\n\r\nAt noon?\r\n", b"Subject: Tea\r\n\r\nAt five.\r\n"]
NEWS = [
    b"Message-ID: <%b@example.org>\r\nNewsgroups: misc.test\r\nFrom: bob@example.org\r\nSubject: %b\r\n\r\nHello\r\n"
    % (name, name)
    for name in (b"one", b"two", b"three")
]
WEB = ("example.org", "www.example.org", "api.example.org", "www.python.org")


@pytest.fixture(scope="module")
def servers() -> Iterator[SimpleNamespace]:
    ca = testing.CertificateAuthority()
    others = ("smtp.example.org", "pop.example.org", "news.example.org", "ftp.example.org")
    context = ca.server_context(*WEB, *others, "localhost", "127.0.0.1")
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        yield SimpleNamespace(
            ca=ca,
            dns=start(testing.DNSServer(RECORDS)),
            http=start(testing.HTTPServer(routes())),
            https=start(testing.HTTPServer(routes(), ssl=context)),
            tcp=start(testing.TCPServer()),
            udp=start(testing.UDPServer()),
            smtp=start(testing.SMTPServer(starttls=context, users=USERS)),
            smtps=start(testing.SMTPServer(ssl=context, users=USERS)),
            ftp=start(
                testing.FTPServer({"/pub/readme.txt": b"hello\n", "/pub/data.bin": bytes(1000)}, starttls=context)
            ),
            nntps=start(testing.NNTPServer({"misc.test": NEWS}, ssl=context)),
            pop3s=start(testing.POP3Server(MAILDROP, ssl=context, users=USERS)),
        )


def loopback(servers: SimpleNamespace) -> Loopback:
    places = {}
    for name in WEB:
        places[name, 80] = servers.http.address
        places[name, 443] = servers.https.address
    places["smtp.example.org", 587] = servers.smtp.address
    places["smtp.example.org", 465] = servers.smtps.address
    places["pop.example.org", 995] = servers.pop3s.address
    places["news.example.org", 563] = servers.nntps.address
    places["ftp.example.org", 21] = servers.ftp.address
    resolver = asyncnet.dns.Resolver(nameservers=[servers.dns.nameserver], hosts_file=False)
    return Loopback(places, resolver=resolver, ssl_context=servers.ca.client_context())


# ---- running a page


async def run_block(block: Block, place: str, namespace: dict[str, Any]) -> str:
    """Run one block and return what it printed."""
    source = "\n" * (block.line - 1) + block.code  # so that a traceback shows the page's line
    code = compile(source, place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, namespace)
        elif "asyncio.run(" in block.code:
            await in_a_thread(lambda: eval(code, namespace))
        else:
            eval(code, namespace)
    return printed.getvalue()


async def in_a_thread(work: Callable[[], None]) -> None:
    """Run a script that wants to have no loop; it sees this task's context."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def target() -> None:
        try:
            context.run(work)
            loop.call_soon_threadsafe(done.set_result, None)
        except BaseException as error:
            loop.call_soon_threadsafe(done.set_exception, error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=target)
    thread.start()
    try:
        await done
    finally:
        thread.join()


def check_output(wanted: str, printed: str, place: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(wanted, printed, flags), f"{place} printed\n{printed}\nnot\n{wanted}"


def has_code(path: Path) -> bool:
    return any(block.language == "python" for block in blocks(path.read_text(encoding="utf-8")))


WRITTEN = [path for path in PAGES if path.parent.name != "reference" and has_code(path)]


@pytest.mark.asyncio
@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
async def test_the_blocks_of_a_page_run(path, servers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dialer = loopback(servers)
    namespace: dict[str, Any] = {"__name__": "page"}
    ran = 0
    try:
        with asyncnet.use(dialer):
            for block in blocks(path.read_text(encoding="utf-8")):
                if block.language != "python":
                    continue
                place = f"{path.relative_to(ROOT)}:{block.line}"
                printed = await run_block(block, place, namespace)
                if block.output is not None:
                    check_output(block.output, printed, place)
                ran += 1
    finally:
        await dialer.resolver.close()
    assert ran


def test_pages_with_code_were_found():
    names = {str(path.relative_to(ROOT)) for path in WRITTEN}
    assert "README.md" in names
    assert {name.split("/")[1] for name in names if name.startswith("docs/")} >= {"tutorial", "howto", "explanation"}


# ---- the examples of docstrings, as the reference pages show them


def examples() -> Iterator[Any]:
    for path in sorted((ROOT / "docs" / "reference").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for block in blocks(text):
            if block.language == "python":
                heading = re.findall(r"^##+ `([\w.]+)", text[: text.index(block.code)], re.MULTILINE)
                yield pytest.param(block, id=f"{path.stem}-{heading[-1] if heading else block.line}")


# Examples that go on until somebody ends them; the rest has to end by itself.
ENDLESS = {"udp-Server"}


def example_names(place: str, servers: SimpleNamespace, dialer: Loopback) -> dict[str, Any]:
    """What an example may take for granted, by the page that it is on."""
    message = asyncnet.smtp.compose(sender="me@example.org", to="you@example.org", subject="Hi", text="Hello")
    server = {"udp": servers.udp, "smtp": servers.smtp, "ftp": servers.ftp}.get(place.partition("-")[0], servers.tcp)
    return {
        "aiohttp": aiohttp,
        "asyncnet": asyncnet,
        "asyncio": asyncio,
        "testing": testing,
        "ca": servers.ca,
        "dialer": dialer,
        "folder": Path.cwd(),
        "message": message,
        "messages": [message, message],
        "port": server.port,
        "secret": "secret",
        "server": server,
        "url": "https://www.example.org/archive.tar.gz",
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("block", list(examples()))
async def test_the_examples_of_docstrings_run(block, servers, tmp_path, monkeypatch, request):
    place = "-".join(request.node.callspec.id.split("-")[-2:])  # without the event loop
    monkeypatch.chdir(tmp_path)
    dialer = loopback(servers)
    namespace = example_names(place, servers, dialer)
    try:
        with asyncnet.use(dialer):
            async with asyncnet.http.Client() as namespace["client"]:
                if place in ENDLESS:
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.2):
                            await run_block(block, place, namespace)
                else:
                    await run_block(block, place, namespace)
    finally:
        await dialer.resolver.close()


def test_the_reference_is_what_the_docstrings_say():
    command = [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"run `make reference`: {done.stdout}{done.stderr}"


# ---- the rest of a page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("name", TEXTS)
def test_the_project_papers_are_there(name):
    assert len((ROOT / name).read_text(encoding="utf-8")) > 200


def test_the_index_leads_to_every_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [str(path.relative_to(ROOT / "docs")) for path in PAGES[1:] if path.parent.name != "reference"]
    assert not [page for page in pages if f"]({page})" not in text and page != "index.md"]
    text = (ROOT / "docs" / "reference" / "index.md").read_text(encoding="utf-8")
    names = {path.name for path in PAGES if path.parent.name == "reference"} - {"index.md"}
    assert not [name for name in names if f"]({name})" not in text]


def test_the_readme_shows_the_five_jobs():
    found = [block for block in blocks((ROOT / "README.md").read_text()) if block.language == "python"]
    code = "\n".join(block.code for block in found)
    for call in ("dns.resolve", "http.fetch", "fetch_image", ".save(", "tcp.Server", "udp.exchange", "smtp.send"):
        assert call in code
    assert len(found) == 5


def test_the_readme_names_the_namespaces_that_there_are():
    state = (ROOT / "README.md").read_text(encoding="utf-8").partition("## State")[2].partition("What is here")[0]
    there = {name for name in asyncnet.__all__ if isinstance(getattr(asyncnet, name), ModuleType)} - {"errors"}
    assert set(re.findall(r"`(\w+)`", state)) == there


def test_the_changelog_names_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[(Unreleased|{re.escape(asyncnet.__version__)})\]", text, re.MULTILINE)
