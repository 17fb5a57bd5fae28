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
FOLDER = pathlib.Path(tempfile.gettempdir()) / f"asyncnet-contract-{os.getpid()}"


def server() -> testing.FTPServer:
    FOLDER.mkdir(exist_ok=True)
    return testing.FTPServer(FILES)


def client(target: Target) -> asyncnet.ftp.Client:
    return asyncnet.ftp.Client(target.host, target.port, timeout=target.timeout, dialer=target.dialer)


def method(name: str, *arguments: Any) -> Case:
    return Case(f"ftp.Client.{name}", server, lambda _: (arguments, {}), client)


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
