"""Real servers for the tests beside this: each a program of the system, on loopback, for the length of a module.

A program that is not installed is named in the skip; with ``ASYNCNET_INTEROP=1``, as in continuous integration, it is a
failure.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

import asyncnet

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
START = 15.0  # seconds for a server to listen


def absent(words: str) -> None:
    if os.environ.get("ASYNCNET_INTEROP") == "1":
        pytest.fail(words)
    pytest.skip(words)


def program(name: str) -> str:
    """The path of a server program, or the end of the tests that need it."""
    found = shutil.which(name, path=PATH)
    if found is None:
        absent(f"{name} is not installed")
        raise AssertionError  # absent() has raised; this tells the type checker
    return found


_given: set[int] = set()


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody has at the moment; never the same one twice."""
    while True:
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


def listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(command: list[str], *ports: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; inside, it accepts connections on its ports."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until = time.monotonic() + START
        while not all(map(listening, ports)):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{command[0]} does not listen: {log.read_text(errors='replace')[-2000:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that servers which change their user can read, too."""
    with tempfile.TemporaryDirectory(prefix="asyncnet-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture(scope="module")
def pki(folder: Path) -> SimpleNamespace:
    """A certificate for localhost and its authority as files, and the context of a client that trusts them."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    key.chmod(0o600)
    trusted = folder / "authority.pem"
    trusted.write_bytes(authority.cert_pem.bytes())
    import ssl

    context = ssl.create_default_context(cafile=trusted)
    return SimpleNamespace(certificate=certificate, key=key, authority=trusted, context=context)


@pytest.fixture
def dialer(pki: SimpleNamespace) -> asyncnet.Dialer:
    return asyncnet.Dialer(ssl_context=pki.context)
