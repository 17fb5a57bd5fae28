"""The file that a download grows in."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from asyncnet import StateError
from asyncnet.core.partial import PartFile, Progressed, part_name

URL = "http://h/x"


@pytest.fixture
def part(tmp_path):
    made = PartFile(tmp_path / "x.part")
    made.open(URL, resume=True)
    yield made
    made.close()


def reopened(part: PartFile, url: str = URL, resume: bool = True) -> PartFile:
    part.close()
    other = PartFile(part.path)
    other.open(url, resume=resume)
    return other


def test_written_and_put_in_place(part, tmp_path):
    hasher = hashlib.sha256()
    part.restart(Progressed(URL, '"tag"', 4))
    part.append([b"ab", b"c"], [hasher])
    part.append([b"d"], [hasher])
    assert part.size == 4
    part.sync()
    assert part.finish(tmp_path / "x") == tmp_path / "x"
    assert (tmp_path / "x").read_bytes() == b"abcd"
    assert os.listdir(tmp_path) == ["x"]
    assert hasher.hexdigest() == hashlib.sha256(b"abcd").hexdigest()


def test_what_is_left_is_found_again(part):
    part.restart(Progressed(URL, '"tag"', 10, [[0, 2, 5], [5, 5, 10]]))
    part.append([b"abc"])
    again = reopened(part)
    try:
        assert again.size == 3
        assert again.state == Progressed(URL, '"tag"', 10, [[0, 2, 5], [5, 5, 10]])
        hasher = hashlib.md5(usedforsecurity=False)
        again.feed([hasher], 3)
        assert hasher.hexdigest() == hashlib.md5(b"abc", usedforsecurity=False).hexdigest()
        with pytest.raises(OSError, match="shorter"):
            again.feed([], 4)
    finally:
        again.close()


@pytest.mark.parametrize("reason", ["other url", "no resume", "broken notes", "no notes", "odd notes", "no validator"])
def test_what_is_left_counts_only_with_its_notes(part, reason):
    part.restart(Progressed(URL, None if reason == "no validator" else '"tag"'))
    part.append([b"abc"])
    notes = part.path.with_name("x.part.json")
    if reason == "broken notes":
        notes.write_text("{")
    elif reason == "no notes":
        notes.unlink()
    elif reason == "odd notes":
        notes.write_text(json.dumps({"url": URL, "validator": None, "total": [], "segments": []}))
    again = reopened(part, "http://other/" if reason == "other url" else URL, reason != "no resume")
    assert (again.size, again.state is None) == ((3, False) if reason == "no validator" else (0, True))
    again.close()


def test_nothing_is_left_of_nothing(part, tmp_path):
    part.close()
    part.close()
    assert os.listdir(tmp_path) == []


def test_segments_are_written_in_any_order(part, tmp_path):
    part.reserve(6)
    assert part.write_at(3, [b"def"]) == 6
    assert part.write_at(0, [b"ab", b"c"]) == 3
    part.finish(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"abcdef"


def test_a_folder_never_loses_a_file(tmp_path):
    for number, name in enumerate(["a.txt", "a (1).txt", "a (2).txt"]):
        part = PartFile(tmp_path / "p.part")
        part.open(URL, resume=False)
        part.append([b"%d" % number])
        assert part.finish_in(tmp_path, "a.txt").name == name
    assert (tmp_path / "a.txt").read_bytes() == b"0"
    part = PartFile(tmp_path / "p.part")
    part.open(URL, resume=False)
    (tmp_path / "bare").write_bytes(b"")
    assert part.finish_in(tmp_path, "bare").name == "bare (1)"


def test_two_downloads_do_not_mix(part):
    other = PartFile(part.path)
    with pytest.raises(StateError, match="another download"):
        other.open(URL, resume=True)
    other.close()
    assert part.path.exists()  # empty so far, and the first one's


def test_a_part_that_was_finished_in_between(tmp_path):
    class Late(PartFile):
        def _lock(self, descriptor: int) -> None:
            os.rename(self.path, f"{self.path}.done")  # what another download did in between
            super()._lock(descriptor)

    with pytest.raises(StateError, match="just finished"):
        Late(tmp_path / "x.part").open(URL, resume=True)


def test_discard(part, tmp_path):
    part.restart(Progressed(URL))
    part.append([b"abc"])
    part.discard()
    assert os.listdir(tmp_path) == []


def test_space(part):
    part.check_space(0)
    with pytest.raises(OSError, match="are to come"):
        part.check_space(1 << 60)


def test_names_of_parts():
    assert part_name("http://h/a", "a") == part_name("http://h/a", "a") != part_name("http://h/b", "a")
    assert part_name("http://h/a", "a").endswith(".part")


WITHOUT_LOCKS = """
import os, sys
sys.modules["fcntl"] = None
def refuse(*arguments):
    raise PermissionError("no hard links here")
os.link = refuse
from pathlib import Path
from asyncnet.core.partial import PartFile
folder = Path(sys.argv[1])
for name in ("a.txt", "a (1).txt"):
    part = PartFile(folder / "p.part")
    part.open("http://h/", resume=True)
    part.append([b"x"])
    assert part.finish_in(folder, "a.txt").name == name
"""


def test_where_there_are_neither_locks_nor_links(tmp_path):
    subprocess.run([sys.executable, "-c", WITHOUT_LOCKS, str(tmp_path)], check=True, timeout=60)
    assert sorted(os.listdir(tmp_path)) == ["a (1).txt", "a.txt"]


def test_a_folder_that_has_all_the_numbered_names(part, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    for number in range(10_000):
        (folder / ("a.txt" if number == 0 else f"a ({number}).txt")).touch()
    with pytest.raises(FileExistsError, match="10,000"):
        part.finish_in(folder, "a.txt")
    part.close()
