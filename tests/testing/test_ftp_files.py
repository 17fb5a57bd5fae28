"""The tree of the FTP server, without a socket."""

from __future__ import annotations

import pytest

from asyncnet.testing.ftp_files import Tree


def make() -> Tree:
    return Tree({"/a/b/one.txt": b"1", "two.txt": b"22"})


def test_folders_follow_from_files() -> None:
    tree = make()
    assert tree.folders == {"/", "/a", "/a/b"}
    assert list(tree.children("/")) == ["/a", "/two.txt"]
    assert tree.exists("/a/b")
    assert tree.exists("/two.txt")
    assert not tree.exists("/three")


@pytest.mark.parametrize(
    ("folder", "path", "resolved"),
    [
        ("/", "x", "/x"),
        ("/a", "x", "/a/x"),
        ("/a", "/x", "/x"),
        ("/a", "..", "/"),
        ("/a", "../../..", "/"),
        ("/a", "", "/a"),
        ("/", "//x", "/x"),
    ],
)
def test_paths_stay_below_the_root(folder: str, path: str, resolved: str) -> None:
    assert make().resolve(folder, path) == resolved


def test_store() -> None:
    tree = make()
    assert tree.store("/a/new", b"x")
    assert tree.files["/a/new"] == b"x"
    assert not tree.store("/a", b"x")
    assert not tree.store("/absent/new", b"x")


def test_rename() -> None:
    tree = make()
    assert tree.rename("/two.txt", "/a/two.txt")
    assert not tree.rename("/a/two.txt", "/absent/two.txt")
    assert not tree.rename("/a/two.txt", "/a/b")
    assert not tree.rename("/absent", "/there")
    assert not tree.rename("/a", "/c")  # not empty
    assert not tree.rename("/", "/c/d")
    tree.folders.add("/empty")
    assert tree.rename("/empty", "/full")
    assert "/empty" not in tree.folders


def test_remove_folder() -> None:
    tree = make()
    tree.folders.add("/empty")
    assert tree.remove_folder("/empty")
    assert not tree.remove_folder("/empty")
    assert not tree.remove_folder("/a")
    assert not tree.remove_folder("/")


def test_lists() -> None:
    tree = make()
    assert tree.facts("/two.txt") == "type=file;size=2;modify=20240229120000;perm=rwad; "
    assert tree.facts("/a").startswith("type=dir;")
    assert tree.row("/two.txt") == "-rw-r--r--   1 owner    group               2 Feb 29  2024 two.txt"
    assert tree.row("/a").startswith("drwxr-xr-x ")


def test_a_file_can_be_added_with_its_folders() -> None:
    tree = make()
    tree.add("/a/new/er/three.txt", b"3")
    tree.add("two.txt", b"two")
    assert tree.files["/a/new/er/three.txt"] == b"3"
    assert tree.files["/two.txt"] == b"two"
    assert {"/a/new", "/a/new/er"} <= tree.folders
