"""The system's files about names, read again when they change."""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from asyncnet.core.name_files import NameFiles

pytestmark = pytest.mark.asyncio


class Changes:
    """Counts how often it is told that something has changed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def again(files: NameFiles) -> None:
    """Look now, as if the time had come."""
    files.due = 0.0
    await files.look()


async def test_read_again_when_changed(tmp_path: Path) -> None:
    hosts, config, changes = tmp_path / "hosts", tmp_path / "resolv.conf", Changes()
    files = NameFiles(str(hosts), str(config), changes)
    await files.look()
    assert (files.hosts.addresses, files.config.domains, changes.count) == ({}, (), 0)
    hosts.write_text("192.0.2.1 a\n")
    await files.look()  # too early
    assert files.hosts.addresses == {}
    await again(files)
    assert (files.hosts.addresses, changes.count) == ({"a": (ip_address("192.0.2.1"),)}, 1)
    await again(files)
    assert changes.count == 1
    config.write_text("search example\n")
    await again(files)
    assert (files.config.domains, changes.count) == (("example",), 2)
    assert "a" in files.hosts.addresses
    hosts.unlink()
    await again(files)
    assert (files.hosts.addresses, files.config.domains, changes.count) == ({}, ("example",), 3)


async def test_what_is_there_at_the_first_look_is_no_change(tmp_path: Path) -> None:
    hosts, changes = tmp_path / "hosts", Changes()
    hosts.write_text("192.0.2.1 a\n")
    files = NameFiles(str(hosts), None, changes)
    await files.look()
    assert (list(files.hosts.addresses), changes.count) == (["a"], 0)


async def test_a_file_that_takes_anothers_place(tmp_path: Path) -> None:
    hosts, changes = tmp_path / "hosts", Changes()
    hosts.write_text("192.0.2.1 a\n")
    files = NameFiles(str(hosts), None, changes)
    await files.look()
    (tmp_path / "new").write_text("192.0.2.2 a\n")  # as long, and perhaps as old
    os.replace(tmp_path / "new", hosts)
    await again(files)
    assert files.hosts.addresses == {"a": (ip_address("192.0.2.2"),)}


async def test_no_files() -> None:
    changes = Changes()
    files = NameFiles(None, None, changes)
    await files.look()
    assert (files.hosts.addresses, files.config.nameservers, changes.count) == ({}, (), 0)


async def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    files = NameFiles(str(tmp_path), str(tmp_path / "none" / "none"), Changes())
    await files.look()
    assert files.hosts.addresses == {}


async def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_bytes(b"192.0.2.1 a # caf\xe9\n\xff\xff\n192.0.2.2 b\n")
    files = NameFiles(str(hosts), None, Changes())
    await files.look()
    assert set(files.hosts.addresses) == {"a", "b"}


async def test_one_look_for_all_who_come(tmp_path: Path) -> None:
    hosts, changes = tmp_path / "hosts", Changes()
    files = NameFiles(str(hosts), None, changes)
    await files.look()
    hosts.write_text("192.0.2.1 a\n")
    files.due = 0.0
    first, *others = (asyncio.ensure_future(files.look()) for _ in range(100))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait(others)
    assert first.cancelled()
    assert "a" in files.hosts.addresses
    assert changes.count == 1


async def test_closing_while_it_looks(tmp_path: Path) -> None:
    fifo = tmp_path / "hosts"
    os.mkfifo(fifo)  # opening it for reading blocks until somebody writes
    files = NameFiles(str(fifo), None, Changes())
    looking = asyncio.ensure_future(files.look())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await files.close()
    await asyncio.wait([looking])
    assert files.hosts.addresses == {}
    os.close(os.open(fifo, os.O_WRONLY))  # lets the file thread go
    await files.close()
    files.drop()
