"""The record of a long job."""

from __future__ import annotations

import sqlite3

import pytest

from asyncnet import StateError
from asyncnet.http.manifest import Manifest, Record


@pytest.fixture
def manifest(tmp_path):
    made = Manifest(tmp_path / "jobs.sqlite")
    made.open()
    yield made
    made.close()


def test_what_is_done_is_found_while_the_file_is_there(manifest, tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"abc")
    record = Record("http://h/x", path, 3, "00ff", "http://h/y")
    manifest.done(record, tmp_path)
    assert manifest.find("http://h/x", tmp_path) == record
    assert manifest.find("http://h/other", tmp_path) is None
    path.write_bytes(b"abcd")
    assert manifest.find("http://h/x", tmp_path) is None
    path.unlink()
    assert manifest.find("http://h/x", tmp_path) is None


def test_the_folder_may_move(manifest, tmp_path):
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "x").write_bytes(b"1")
    manifest.done(Record("http://h/x", folder / "x", 1, None, "http://h/x"), folder)
    folder.rename(tmp_path / "after")
    assert manifest.find("http://h/x", tmp_path / "after").path == tmp_path / "after" / "x"


def test_failures_are_tried_again(manifest, tmp_path):
    manifest.failed("http://h/x", "503")
    assert manifest.find("http://h/x", tmp_path) is None


def test_it_lasts(manifest, tmp_path):
    (tmp_path / "x").write_bytes(b"1")
    manifest.done(Record("http://h/x", tmp_path / "x", 1, None, "http://h/x"), tmp_path)
    manifest.close()
    manifest.close()
    again = Manifest(tmp_path / "jobs.sqlite")
    again.open()
    assert again.find("http://h/x", tmp_path) is not None
    again.close()


def test_something_else_is_refused(tmp_path):
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(StateError, match="no manifest"):
        Manifest(tmp_path / "text").open()
    newer = sqlite3.connect(tmp_path / "newer")
    newer.execute("pragma user_version = 99")
    newer.close()
    with pytest.raises(StateError, match="version 99"):
        Manifest(tmp_path / "newer").open()
