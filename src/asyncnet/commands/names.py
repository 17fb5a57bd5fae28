"""``resolve``: addresses, records and names."""

from __future__ import annotations

import argparse
import dataclasses
import socket
from typing import Any

import asyncnet

from .network import common_options, connection_options, execute, network
from .output import Output

__all__ = ["add_commands"]

_FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}


def add_commands(commands: Any) -> None:
    """Add ``resolve``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "resolve", parents=[common_options(), connection_options()], help="the addresses or records of names"
    )
    parser.add_argument("name", nargs="+", help="a name, or an address together with --reverse")
    parser.add_argument(
        "--type", help="records of this type, such as MX; without it addresses as they would be dialled"
    )
    parser.add_argument("--family", choices=sorted(_FAMILIES), help="only addresses of IPv4 or IPv6")
    parser.add_argument("--reverse", action="store_true", help="the names of addresses")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace, output: Output) -> int:
    return execute(lambda: _resolve(options, output), options.loop)


async def _resolve(options: argparse.Namespace, output: Output) -> int:
    found, status = {}, 0
    async with network(options):
        for name in options.name:
            try:
                lines, found[name] = await _one(name, options)
            except asyncnet.AsyncNetError as error:
                if len(options.name) == 1:
                    raise
                lines, found[name], status = [f"error: {error}"], {"error": str(error)}, 1
            for line in lines:
                output.line(line if len(options.name) == 1 else f"{name}  {line}")
    output.document(found)
    return status


async def _one(name: str, options: argparse.Namespace) -> tuple[list[str], Any]:
    """The lines and the document for one name."""
    if options.reverse:
        names = list(await asyncnet.dns.reverse(name, timeout=options.timeout))
        return names, names
    if options.type:
        answer = await asyncnet.dns.lookup(name, options.type.upper(), timeout=options.timeout)
        records = [dataclasses.asdict(record) for record in answer]
        document = {"canonical_name": answer.canonical_name, "type": answer.type, "ttl": answer.ttl, "records": records}
        return [f"{answer.canonical_name}  {answer.ttl}  {answer.type}  {record}" for record in answer], document
    family = _FAMILIES.get(options.family or "")
    addresses = [str(address) for address in await asyncnet.dns.resolve(name, family, timeout=options.timeout)]
    return addresses, addresses
