"""The servers of ``python -m asyncnet demo``, in a process of their own.

    python -m asyncnet.testing.demo_servers --folder FOLDER [--break PART]

Prints one line of JSON that says where they are and what is right, stores mail
in the folder, and runs until its standard input ends: with whoever started it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import pathlib
import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .certificates import CertificateAuthority
from .dns_server import DNSServer
from .http_message import Resource
from .http_server import HTTPServer
from .smtp_server import Mail, SMTPServer
from .tcp_server import Send, TCPServer
from .udp_server import UDPServer

__all__ = ["PARTS", "main"]

#: What can be broken with ``--break``.
PARTS = ("dns", "http", "https", "png", "jpeg", "download", "tcp", "udp", "smtp", "starttls")

_WEB, _MAIL, _DOMAIN = "www.asyncnet.test", "mail.asyncnet.test", "asyncnet.test"
_GREETING = b"hello from the other process\r\n"
_USER, _PASSWORD = "demo", "correct horse battery staple"
_BLOB_SIZE = 1 << 20

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>A page – served by the demo</title></head>
<body>
<h1>It works</h1>
<p>Names, pages, pictures, streams, datagrams and mail: Straße, naïve, 日本語.</p>
<p><img src="/picture.png" alt="a gradient"> <img src="/picture.jpg" alt="the same"></p>
<p><a href="/download.bin">a file</a></p>
</body>
</html>
"""


class _StoringServer(SMTPServer):
    """Stores what it takes in files: the demo looks at them from its own process."""

    def __init__(self, folder: pathlib.Path, change: Callable[[bytes], bytes], **settings: Any) -> None:
        super().__init__(**settings)
        self._folder = folder
        self._change = change

    def _store(self, mail: Mail) -> None:
        number = len(self.messages) + 1
        envelope = {"sender": mail.sender, "recipients": mail.recipients, "user": mail.user, "tls": mail.tls}
        (self._folder / f"mail-{number}.eml").write_bytes(self._change(mail.data))
        (self._folder / f"mail-{number}.json").write_text(json.dumps(envelope))
        super()._store(mail)


def _picture(kind: str, width: int, height: int) -> bytes:
    """A gradient as a real file of that kind."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("the demo needs Pillow: pip install 'asyncnet[demo]'") from error
    lines = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (255 * x // width, 255 * y // height, 255 * (x + y) // (width + height))
    )
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), lines).save(file, kind)
    return file.getvalue()


class _Content:
    """What is served, as it should be and as it is."""

    def __init__(self, broken: str | None) -> None:
        self.right = {
            "/": _PAGE.encode(),
            "/picture.png": _picture("PNG", 160, 120),
            "/picture.jpg": _picture("JPEG", 120, 160),
            "/download.bin": random.Random(1).randbytes(_BLOB_SIZE),
        }
        self.served = dict(self.right)
        if broken == "http":
            self.served["/"] = self.right["/"].replace(b"It works", b"It  works")
        # Pictures that are cut: their headers are right, their pixels are not there.
        if broken == "png":
            self.served["/picture.png"] = self.right["/picture.png"][:-200]
        if broken == "jpeg":
            self.served["/picture.jpg"] = self.right["/picture.jpg"][:-200]
        if broken == "download":
            self.served["/download.bin"] = self.right["/download.bin"][:-1] + b"?"

    def routes(self, *, right: bool = False) -> dict[str, Any]:
        content = self.right if right else self.served
        types = {"/": "text/html; charset=utf-8", "/picture.png": "image/png", "/picture.jpg": "image/jpeg"}
        return {path: Resource(body, types.get(path, "application/octet-stream")) for path, body in content.items()}

    def hashes(self) -> dict[str, str]:
        return {path: hashlib.sha256(body).hexdigest() for path, body in self.right.items()}


def _records(broken: str | None) -> dict[tuple[str, str], Any]:
    address = "127.0.0.99" if broken == "dns" else "127.0.0.1"
    return {
        (_WEB, "CNAME"): _DOMAIN,
        (_DOMAIN, "A"): address,
        (_DOMAIN, "MX"): (10, _MAIL),
        (_MAIL, "A"): "127.0.0.1",
    }


def _start(stack: contextlib.ExitStack, folder: pathlib.Path, broken: str | None) -> dict[str, Any]:
    """Start all servers; returns what the demo has to know."""
    ca = CertificateAuthority()
    ca.save(folder / "ca.pem")
    content = _Content(broken)
    web_context = ca.server_context("elsewhere.test" if broken == "https" else _WEB)
    starttls = None if broken == "starttls" else ca.server_context(_MAIL)
    greeting = _GREETING.upper() if broken == "tcp" else _GREETING

    def change(data: bytes) -> bytes:
        return data.replace(b"demo", b"omed") if broken == "smtp" else data

    def echo(data: bytes, peer: tuple[str, int]) -> bytes:
        return data[::-1] if broken == "udp" else data

    dns = stack.enter_context(DNSServer(_records(broken)))
    http = stack.enter_context(HTTPServer(content.routes()))
    https = stack.enter_context(HTTPServer(content.routes(right=True), ssl=web_context))
    tcp = stack.enter_context(TCPServer([Send(greeting)]))
    udp = stack.enter_context(UDPServer(echo))
    smtp = stack.enter_context(
        _StoringServer(folder, change, starttls=starttls, users={_USER: _PASSWORD}, require_auth=True)
    )
    return {
        "nameserver": dns.nameserver,
        "web": _WEB,
        "domain": _DOMAIN,
        "mail": _MAIL,
        "address": "127.0.0.1",
        "http": http.port,
        "https": https.port,
        "tcp": tcp.port,
        "udp": udp.port,
        "smtp": smtp.port,
        "hashes": content.hashes(),
        "title": "A page – served by the demo",
        "sizes": {"/picture.png": [160, 120], "/picture.jpg": [120, 160]},
        "greeting": _GREETING.decode(),
        "username": _USER,
        "password": _PASSWORD,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the servers until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m asyncnet.testing.demo_servers", description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where mail is stored")
    parser.add_argument("--break", dest="broken", choices=PARTS, help="let this part do its job wrong")
    chosen = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            told = _start(stack, chosen.folder, chosen.broken)
        except (ImportError, OSError) as error:
            print(json.dumps({"error": str(error)}), flush=True)
            return 1
        # Whoever started this may have gone already, and Ctrl-C reaches both processes.
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            print(json.dumps(told), flush=True)
            sys.stdin.buffer.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
