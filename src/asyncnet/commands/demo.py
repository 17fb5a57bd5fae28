"""``demo``: every job of the library, against servers in another process or the real network.

Each step is one call or two of `asyncnet`, its result is checked, and a wrong
one makes the exit status 1.  Nothing but asyncnet and the standard library is
imported here.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import asyncnet

from .network import common_options, execute
from .output import Output

__all__ = ["add_commands"]

_START_TIMEOUT = 30.0  # seconds for the servers' process to come up; it imports a lot
_STEP_TIMEOUT = 10.0  # seconds for one call

Step = tuple[str, Callable[[], Awaitable[str]]]


class Wrong(Exception):
    """What came back is not what should have."""


def check(right: object, what: str) -> None:
    """Raise `Wrong` unless it is right."""
    if not right:
        raise Wrong(what)


def add_commands(commands: Any) -> None:
    """Add ``demo``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo", parents=[common_options()], help="see the library do its job, against servers that it starts itself"
    )
    parser.add_argument("--url", help="a page in the real network, in place of the embedded servers")
    parser.add_argument("--name", help="a name to resolve in the real network; without it the host of --url")
    parser.add_argument("--break", dest="broken", metavar="PART", help="let one part of the embedded servers go wrong")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace, output: Output) -> int:
    with tempfile.TemporaryDirectory(prefix="asyncnet-demo-") as name:
        folder = pathlib.Path(name)
        if options.url or options.name:
            return execute(lambda: _real(options, folder, output), options.loop)
        with _servers(folder, options.broken) as (process, told):
            output.line(f"servers run in process {process}")
            return execute(lambda: _embedded(told, folder, output), options.loop)


# -- the servers' process ---------------------------------------------------------


@contextlib.contextmanager
def _servers(folder: pathlib.Path, broken: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    command = [sys.executable, "-m", "asyncnet.testing.demo_servers", "--folder", str(folder)]
    if broken:
        command += ["--break", broken]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        guard = threading.Timer(_START_TIMEOUT, process.kill)
        guard.start()
        try:
            _preload()
            line = process.stdout.readline()
        finally:
            guard.cancel()
            guard.join()
        try:
            told = json.loads(line) if line else {"error": "the servers' process did not start"}
            if "error" in told:
                raise OSError(told["error"])
            yield process.pid, told
        finally:
            process.stdin.close()  # their sign to end
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()


def _preload() -> None:
    """Load the namespaces while the servers start, and not in the middle of the first step."""
    for namespace in (asyncnet.dns, asyncnet.http, asyncnet.tcp, asyncnet.udp, asyncnet.smtp):
        assert namespace.__all__


# -- steps ------------------------------------------------------------------------


async def _take(steps: list[Step], output: Output) -> int:
    """Take all steps, print a line for each, and return the exit status."""
    begun, results = time.perf_counter(), []
    for name, step in steps:
        start = time.perf_counter()
        try:
            said, ok = await step(), True
        except Exception as error:  # whatever it is: this step has failed, the next ones are tried all the same
            said, ok = f"{type(error).__name__}: {error}", False
        elapsed = time.perf_counter() - start
        output.line(f"{'ok  ' if ok else 'FAIL'} {elapsed * 1000:8.1f} ms  {name:<14} {said}")
        results.append({"step": name, "ok": ok, "result": said, "elapsed": elapsed})
    wrong = [str(result["step"]) for result in results if not result["ok"]]
    elapsed = time.perf_counter() - begun
    verdict = f"wrong: {', '.join(wrong)}" if wrong else "all right"
    output.line(f"{len(results)} steps in {elapsed:.2f} s, {verdict}")
    output.document({"steps": results, "elapsed": elapsed, "ok": not wrong})
    return 1 if wrong else 0


async def _embedded(told: dict[str, Any], folder: pathlib.Path, output: Output) -> int:
    async with asyncnet.dns.Resolver(nameservers=[told["nameserver"]], timeout=_STEP_TIMEOUT) as resolver:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        with asyncnet.use(asyncnet.Dialer(resolver=resolver, ssl_context=context)):
            return await _take(_Embedded(told, folder).steps(), output)


async def _real(options: argparse.Namespace, folder: pathlib.Path, output: Output) -> int:
    if options.url is None:
        return await _take([("resolve", _Real("", options.name, folder).resolve)], output)
    name = options.name or urlsplit(options.url).hostname
    if not name:
        raise ValueError(f"no host in {options.url!r}")
    return await _take(_Real(options.url, str(name), folder).steps(), output)


class _Embedded:
    """The steps against the embedded servers, which told what is right."""

    def __init__(self, told: dict[str, Any], folder: pathlib.Path) -> None:
        self.told = told
        self.folder = folder
        self.http = f"http://{told['web']}:{told['http']}"
        self.https = f"https://{told['web']}:{told['https']}"

    def steps(self) -> list[Step]:
        """All steps in order."""
        return [
            ("resolve", self.resolve),
            ("lookup MX", self.lookup),
            ("fetch", self.fetch),
            ("save", self.save),
            ("fetch TLS", self.fetch_tls),
            ("image PNG", lambda: self.image("/picture.png", "png")),
            ("image JPEG", lambda: self.image("/picture.jpg", "jpeg")),
            ("download", self.download),
            ("tcp read", self.tcp_read),
            ("tcp serve", self.tcp_serve),
            ("udp", self.udp),
            ("smtp", self.smtp),
        ]

    def check_hash(self, path: str, content: bytes) -> str:
        """Check that it is the content of that path; returns the beginning of its hash."""
        found = hashlib.sha256(content).hexdigest()
        check(found == self.told["hashes"][path], f"the content of {path} is not what the server meant to send")
        return f"sha256 {found[:12]}"

    async def resolve(self) -> str:
        name = self.told["web"]
        addresses = [str(address) for address in await asyncnet.dns.resolve(name, timeout=_STEP_TIMEOUT)]
        check(addresses == [self.told["address"]], f"{name} is {', '.join(addresses)}")
        return f"{name} is {', '.join(addresses)}"

    async def lookup(self) -> str:
        answer = await asyncnet.dns.lookup(self.told["domain"], "MX", timeout=_STEP_TIMEOUT)
        found = [(record.preference, record.exchange) for record in answer]
        check(found == [(10, self.told["mail"])], f"{found}")
        return f"{answer.name} takes its mail at {found[0][1]}"

    async def fetch(self) -> str:
        page = await asyncnet.http.fetch(f"{self.http}/", timeout=_STEP_TIMEOUT)
        check(page.title == self.told["title"], f"the title is {page.title!r}")
        return f"{page.status} {page.title!r}, {len(page.content)} bytes, {self.check_hash('/', page.content)}"

    async def save(self) -> str:
        page = await asyncnet.http.fetch(f"{self.http}/", timeout=_STEP_TIMEOUT)
        path = self.folder / "page.html"
        await page.save(path)
        return f"{path.name}, {path.stat().st_size} bytes, {self.check_hash('/', path.read_bytes())}"

    async def fetch_tls(self) -> str:
        page = await asyncnet.http.fetch(f"{self.https}/", timeout=_STEP_TIMEOUT)
        return f"{page.status} {page.url}, {self.check_hash('/', page.content)}"

    async def image(self, path: str, kind: str) -> str:
        image = await asyncnet.http.fetch_image(self.http + path, timeout=_STEP_TIMEOUT)
        size = tuple(self.told["sizes"][path])
        check(image.format == kind, f"the format is {image.format}")
        check((image.width, image.height) == size, f"the size is {image.width}x{image.height}")
        picture = image.open()
        picture.load()  # decodes every pixel
        check(picture.size == size, f"decoded to {picture.size}")
        saved = self.folder / path.removeprefix("/")
        await image.save(saved)
        return f"{image.format} {image.width}x{image.height}, decoded, {self.check_hash(path, saved.read_bytes())}"

    async def download(self) -> str:
        path, right = self.folder / "download.bin", self.told["hashes"]["/download.bin"]
        got = await asyncnet.http.download(
            f"{self.http}/download.bin", path, known_hash=f"sha256:{right}", segments=4, timeout=_STEP_TIMEOUT
        )
        return f"{got.size:,} bytes in four ranges, {self.check_hash('/download.bin', path.read_bytes())}"

    async def tcp_read(self) -> str:
        async with asyncnet.tcp.Client(self.told["web"], self.told["tcp"], timeout=_STEP_TIMEOUT) as stream:
            line = await stream.receive_line()
            rest = await stream.receive()
        check(line.decode() + "\r\n" == self.told["greeting"], f"the greeting is {line!r}")
        check(rest == b"", f"then came {rest!r}")
        return f"{line.decode()!r} from {stream.peer}"

    async def tcp_serve(self) -> str:
        async def shout(stream: asyncnet.tcp.Stream) -> None:
            async for line in stream.lines():
                await stream.send(line.upper() + b"\n")

        async with asyncnet.tcp.Server(shout) as server:
            answer = await asyncnet.tcp.exchange("127.0.0.1", server.port, b"one\ntwo\n", timeout=_STEP_TIMEOUT)
            check(answer == b"ONE\nTWO\n", f"the answer is {answer!r}")
            return f"served {server.stats.accepted} connection on port {server.port}, answered {answer!r}"

    async def udp(self) -> str:
        data = bytes(range(256)) * 4
        answer = await asyncnet.udp.exchange(self.told["web"], self.told["udp"], data, timeout=_STEP_TIMEOUT)
        check(answer == data, "the echo is not what was sent")
        return f"{len(answer)} bytes there and back"

    async def smtp(self) -> str:
        message = asyncnet.smtp.compose(
            sender="Demo <demo@asyncnet.test>",
            to="Everybody <all@asyncnet.test>",
            subject="Greetings – from the demo",
            text="Every byte there is, attached.\n.\nEven a lone dot arrives.\n",
            attachments=[("bytes.bin", bytes(range(256)) * 16)],
        )
        report = await asyncnet.smtp.send(
            message,
            self.told["mail"],
            self.told["smtp"],
            username=self.told["username"],
            password=self.told["password"],
            timeout=_STEP_TIMEOUT,
        )
        check(report.accepted == ("all@asyncnet.test",), f"accepted for {report.accepted}")
        stored = (self.folder / "mail-1.eml").read_bytes()
        envelope = json.loads((self.folder / "mail-1.json").read_text())
        check(envelope["tls"] and envelope["user"] == self.told["username"], f"it came with {envelope}")
        _compare(message, stored)
        return f"{report.reply.code} {report.reply.text}: {len(stored)} bytes over STARTTLS, stored as sent"


def _compare(sent: EmailMessage, stored: bytes) -> None:
    """Compare a stored mail with the one sent: fields, text and attachment."""
    found = message_from_bytes(stored, policy=policy.default)
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        check(found[name] == sent[name], f"the stored {name} is {found[name]!r}")
    texts = [message.get_body(("plain",)) for message in (sent, found)]
    check(texts[1] is not None, "the stored mail has no text")
    contents = [text.get_content().replace("\r\n", "\n") for text in texts if text is not None]
    check(contents[0] == contents[1], f"the stored text is {contents[1:]!r}")
    files = [[part.get_content() for part in message.iter_attachments()] for message in (sent, found)]
    check(files[0] == files[1], "the stored attachment is not the one sent")


class _Real:
    """The steps that the real network allows: names, a page, its pictures, a connection."""

    def __init__(self, url: str, name: str, folder: pathlib.Path) -> None:
        self.url = url
        self.name = name
        self.folder = folder

    def steps(self) -> list[Step]:
        """All steps in order."""
        return [("resolve", self.resolve), ("fetch", self.fetch), ("save", self.save), ("tcp connect", self.connect)]

    async def resolve(self) -> str:
        addresses = await asyncnet.dns.resolve(self.name, timeout=_STEP_TIMEOUT)
        return f"{self.name} is {', '.join(map(str, addresses))}"

    async def fetch(self) -> str:
        page = await asyncnet.http.fetch(self.url, timeout=3 * _STEP_TIMEOUT)
        check(page.content, "the page is empty")
        return f"{page.status} {page.url}: {page.title!r}, {len(page.content):,} bytes, {len(page.links)} links"

    async def save(self) -> str:
        page = await asyncnet.http.fetch(self.url, timeout=3 * _STEP_TIMEOUT)
        path = self.folder / "page.html"
        await page.save(path)
        check(path.read_bytes() == page.content, "the file is not the page")
        return f"{path.stat().st_size:,} bytes"

    async def connect(self) -> str:
        parts = urlsplit(self.url)
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        async with asyncnet.tcp.Client(str(parts.hostname), port, ssl=tls, timeout=_STEP_TIMEOUT) as stream:
            version = f" over {stream.ssl_object.version()}" if stream.ssl_object is not None else ""
            return f"connected to {stream.peer}{version}"
