"""ftp: the client, and transfers by URL."""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any

import asyncnet
from asyncnet import testing
from tests.contract.case import Case, Life, Target

FILES = {"/pub/file": b"hello", "/pub/deep/file": b"world"}
# The same call is made many times: what it changes must not be changed.
SAID = {"MKD": "257 made", "RMD": "250 gone", "DELE": "250 gone", "RNFR": "350 go on", "RNTO": "250 renamed"}
FOLDER = pathlib.Path(tempfile.gettempdir()) / f"asyncnet-contract-{os.getpid()}"


def server() -> testing.FTPServer:
    FOLDER.mkdir(exist_ok=True)
    return testing.FTPServer(FILES, replies=SAID)


def client(target: Target) -> asyncnet.ftp.Client:
    return asyncnet.ftp.Client(target.host, target.port, timeout=target.timeout, dialer=target.dialer)


def method(name: str, *arguments: Any) -> Case:
    # A local file may have any name that the system allows.
    return Case(f"ftp.Client.{name}", server, lambda _: (arguments, {}), client, free_text=frozenset({"local"}))


def url(target: Target) -> str:
    return f"ftp://{target.host}:{target.port}/pub/file"


CASES = [
    method("list", "/pub"),
    method("walk", "/"),
    method("stat", "/pub/file"),
    method("fetch", "/pub/file"),
    method("store", "/new", b"data"),
    method("download", "/pub/file", FOLDER / "downloaded"),
    method("upload", pathlib.Path(__file__), "/uploaded"),
    method("make_directory", "/made"),
    method("remove_directory", "/none"),
    method("delete", "/pub/file"),
    method("rename", "/pub/file", "/pub/renamed"),
    Case("ftp.download", server, lambda t: ((url(t), FOLDER / "one-shot"), {})),
    Case("ftp.upload", server, lambda t: ((pathlib.Path(__file__), url(t)), {})),
]


def made(target: Target, **changes: Any) -> asyncnet.ftp.Client:
    keywords = {"host": target.host, "port": target.port, "timeout": target.timeout, "dialer": target.dialer, **changes}
    return asyncnet.ftp.Client(**keywords)


LIVES = [Life("ftp.Client", made, server)]
