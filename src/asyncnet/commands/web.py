"""``fetch``, ``download`` and ``trace``: pages, files, and how they came about."""

from __future__ import annotations

import argparse
from typing import Any

import asyncnet

from .network import common_options, connection_options, execute, network
from .output import Output

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add ``fetch``, ``download`` and ``trace``."""
    parents = [common_options(), connection_options()]
    fetch: argparse.ArgumentParser = commands.add_parser("fetch", parents=parents, help="the source of a page")
    fetch.add_argument("url", help="http or https")
    fetch.add_argument("-o", "--output", metavar="FILE", help="save it there and print what it is")
    fetch.add_argument("--head", action="store_true", help="print status and header fields in place of the content")
    fetch.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="send this field; can be given several times",
    )
    fetch.add_argument("--retries", type=int, default=2, help="after failures that may pass (2)")
    fetch.set_defaults(run=_run_fetch)
    download: argparse.ArgumentParser = commands.add_parser(
        "download",
        parents=parents,
        help="a file, whole and checked or not at all; a later try goes on with an earlier one",
    )
    download.add_argument("url", help="http or https")
    download.add_argument("path", nargs="?", default=".", help="the file, or the folder to put it in (.)")
    download.add_argument("--hash", metavar="sha256:HASH", help="what the file must have; another one is an error")
    download.add_argument("--segments", type=int, default=1, metavar="N", help="get so many ranges at once (1)")
    download.add_argument("--no-resume", action="store_true", help="begin anew")
    download.set_defaults(run=_run_download)
    trace: argparse.ArgumentParser = commands.add_parser(
        "trace", parents=parents, help="what happens, and when, on the way to a page or a server"
    )
    trace.add_argument("target", help="a URL, or host:port for a bare connection")
    trace.set_defaults(run=_run_trace)


def _run_fetch(options: argparse.Namespace, output: Output) -> int:
    headers = [_field(text) for text in options.header]
    return execute(lambda: _fetch(options, headers, output), options.loop)


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"a header is written 'Name: value', not {text!r}")
    return name.strip(), value.strip()


async def _fetch(options: argparse.Namespace, headers: list[tuple[str, str]], output: Output) -> int:
    async with network(options):
        page = await asyncnet.http.fetch(
            options.url, headers=headers, timeout=options.timeout, retries=options.retries, raise_for_status=False
        )
    if options.output:
        await page.save(options.output)
        output.line(f"{page.status} {page.url}: {len(page.content):,} bytes in {options.output}")
    elif options.head:
        output.line(f"{page.status} {page.reason}".rstrip())
        for name, value in page.headers.items():
            output.line(f"{name}: {value}")
    elif not output.json:
        output.data(page.content)
    output.document(_document(page))
    if page.ok:
        return 0
    output.complaint(f"{page.status} {page.reason}".rstrip() + f" from {page.url}")
    return 1


def _document(page: asyncnet.http.Page) -> dict[str, Any]:
    return {
        "url": page.url,
        "status": page.status,
        "reason": page.reason,
        "headers": [[name, value] for name, value in page.headers.items()],
        "encoding": page.encoding,
        "title": page.title,
        "size": len(page.content),
        "text": page.text,
        "history": [{"url": hop.url, "status": hop.status} for hop in page.history],
        "elapsed": page.elapsed,
    }


def _run_download(options: argparse.Namespace, output: Output) -> int:
    return execute(lambda: _download(options, output), options.loop)


async def _download(options: argparse.Namespace, output: Output) -> int:
    async with network(options):
        # --timeout is for what is asked and answered; a download takes as long as bytes keep coming.
        got = await asyncnet.http.download(
            options.url,
            options.path,
            resume=not options.no_resume,
            known_hash=options.hash,
            hash=True,
            segments=options.segments,
            idle_timeout=options.timeout,
        )
    resumed = f", resumed from {got.resumed_from:,}" if got.resumed_from else ""
    output.line(f"{got.path}: {got.size:,} bytes in {got.elapsed:.2f} s{resumed}, sha256 {got.sha256}")
    output.document(
        {
            "path": str(got.path),
            "size": got.size,
            "sha256": got.sha256,
            "resumed_from": got.resumed_from,
            "url": got.url,
            "elapsed": got.elapsed,
        }
    )
    return 0


def _run_trace(options: argparse.Namespace, output: Output) -> int:
    return execute(lambda: _trace(options, output), options.loop)


async def _trace(options: argparse.Namespace, output: Output) -> int:
    with asyncnet.trace() as trace:
        try:
            async with network(options):
                if "://" in options.target:
                    page = await asyncnet.http.fetch(options.target, timeout=options.timeout, raise_for_status=False)
                    result = f"{page.status} {page.url}, {len(page.content):,} bytes"
                else:
                    host, port = _host_port(options.target)
                    async with asyncnet.tcp.Client(host, port, timeout=options.timeout) as stream:
                        result = f"connected to {stream.peer}"
            document: dict[str, Any] = {"result": result}
            status = 0
        except asyncnet.AsyncNetError as error:
            result = f"failed: {error}"
            document, status = {"error": str(error), "type": type(error).__name__}, 1
    output.line(str(trace))
    output.line(result)
    output.document({**document, **trace.to_dict()})
    return status


def _host_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"a target is a URL or host:port, not {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
