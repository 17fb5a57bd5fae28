"""Where a caller wants to connect to or from."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncnet.core.address import Endpoint
from asyncnet.core.target import check_local_address, check_path, check_target


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("Example.ORG", 80), "example.org:80"),
        (("0x7f.1", 0), "127.0.0.1:0"),
        (("::1", 65535), "[::1]:65535"),
        ((None, None, "/run/x.sock"), "/run/x.sock"),
        ((None, None, Path("/run/x.sock")), "/run/x.sock"),
    ],
)
def test_a_target_is_named_as_errors_name_it(arguments, wanted):
    assert check_target(*arguments) == wanted


@pytest.mark.parametrize("port", [65536, -1, "80x", "80"])
def test_a_bad_port_is_refused(port):
    with pytest.raises(ValueError, match="port"):
        check_target("example.org", port)


@pytest.mark.parametrize("host", ["", "a b", "a\nb", "x" * 64, "user@host"])
def test_a_bad_host_is_refused(host):
    with pytest.raises(ValueError, match="host"):
        check_target(host, 80)


@pytest.mark.parametrize("arguments", [(None, 80), ("a", None), (b"a", 80), ("a", 80.0)])
def test_a_target_of_another_type_is_refused(arguments):
    with pytest.raises(TypeError):
        check_target(*arguments)


@pytest.mark.parametrize("arguments", [("a", 80, "/x"), ("a", None, "/x"), (None, 80, "/x")])
def test_a_target_is_a_host_or_a_path(arguments):
    with pytest.raises(ValueError, match="either host and port, or path"):
        check_target(*arguments)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_path_without_sense_is_refused(path):
    with pytest.raises(ValueError, match="path"):
        check_path(path)


@pytest.mark.parametrize("path", [b"/x", 3, None])
def test_a_path_of_another_type_is_refused(path):
    with pytest.raises(TypeError, match="path"):
        check_path(path)


def test_a_path_of_bytes_behind_pathlike_is_refused():
    class Odd:
        def __fspath__(self):
            return b"/x"

    with pytest.raises(ValueError, match="path must be text"):
        check_path(Odd())


def test_a_local_address_is_an_address_and_a_port():
    assert check_local_address(None) is None
    assert check_local_address(("0x7f.1", 0)) == ("127.0.0.1", 0)
    assert check_local_address(Endpoint("::1", 53)) == ("::1", 53)


@pytest.mark.parametrize("bad", ["127.0.0.1", ["127.0.0.1", 0], ("127.0.0.1",), 3, ("127.0.0.1", "0", 1), (b"x", 0)])
def test_a_local_address_of_another_shape_is_refused(bad):
    with pytest.raises(TypeError):
        check_local_address(bad)


@pytest.mark.parametrize("bad", [("localhost", 0), ("127.0.0.1", 65536), ("", 0), ("a\nb", 0), ("127.0.0.1", "0")])
def test_a_local_address_that_cannot_be_bound_is_refused(bad):
    with pytest.raises(ValueError, match="local_address"):
        check_local_address(bad)
