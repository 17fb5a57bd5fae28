"""Where a server can be reached."""

from __future__ import annotations

import os
import socket

import pytest

import asyncnet
from asyncnet.core.listen import check_listen, listening_sockets
from asyncnet.core.operation import Operation
from tests.core.network import needs_ipv6

pytestmark = pytest.mark.asyncio


async def listen(host=None, port=0, path=None, *, reuse_port=False) -> list[socket.socket]:
    async with Operation("tcp", "open", timeout=10) as operation:
        return await listening_sockets(operation, host, port, path, backlog=5, reuse_port=reuse_port)


def names(sockets: list[socket.socket]) -> list[tuple[str, int]]:
    return [sock.getsockname()[:2] for sock in sockets]


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((None, 0, None), "*:0"),
        (("127.0.0.1", 80, None), "127.0.0.1:80"),
        (("::1", 80, None), "[::1]:80"),
        (("Localhost", 80, None), "localhost:80"),
        ((None, None, "/run/x"), "/run/x"),
    ],
)
async def test_where_to_listen_is_named_as_errors_name_it(arguments, wanted):
    assert check_listen(*arguments) == wanted


@pytest.mark.parametrize("arguments", [("a b", 80, None), (None, 65536, None), (None, "80", None), (None, None, "")])
async def test_where_nobody_can_listen_is_refused(arguments):
    with pytest.raises(ValueError, match=r"host|port|path"):
        check_listen(*arguments)


async def test_an_address_is_listened_on_and_does_not_block():
    sockets = await listen("127.0.0.1")
    try:
        ((host, port),) = names(sockets)
        assert host == "127.0.0.1"
        assert sockets[0].getblocking() is False
        socket.create_connection((host, port), 5).close()
    finally:
        close(sockets)


@needs_ipv6
@pytest.mark.parametrize(("host", "hosts"), [(None, {"0.0.0.0", "::"}), ("localhost", {"127.0.0.1", "::1"})])
async def test_all_addresses_have_the_same_port(host, hosts):
    sockets = await listen(host)
    try:
        assert {name for name, _ in names(sockets)} == hosts
        assert len({port for _, port in names(sockets)}) == 1
    finally:
        close(sockets)


@needs_ipv6
async def test_a_port_that_is_taken_at_one_of_the_addresses_is_refused():
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(("::", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(asyncnet.ConnectError, match=rf"cannot listen on \[::\]:{port}: Address already in use"):
            await listen(None, port)


async def test_a_port_that_is_taken_is_refused_with_its_number():
    sockets = await listen("127.0.0.1")
    try:
        with pytest.raises(asyncnet.ConnectError, match="Address already in use") as caught:
            await listen("127.0.0.1", names(sockets)[0][1])
        assert caught.value.errno == 98
        assert caught.value.phase == "listen"
    finally:
        close(sockets)


async def test_an_address_that_this_machine_does_not_have_is_refused():
    with pytest.raises(asyncnet.ConnectError, match=r"on 192\.0\.2\.1:0: Cannot assign requested address"):
        await listen("192.0.2.1")


async def test_a_zone_that_there_is_not_is_refused():
    with pytest.raises(asyncnet.ConnectError, match="No such device: nowhere"):
        await listen("fe80::1%nowhere")


async def test_a_name_without_address_is_refused():
    with pytest.raises(asyncnet.NameNotFound):
        await listen("name.invalid")


async def test_several_may_share_a_port_if_they_all_say_so():
    first = await listen("127.0.0.1", reuse_port=True)
    try:
        close(await listen("127.0.0.1", names(first)[0][1], reuse_port=True))
    finally:
        close(first)


async def test_a_path_is_listened_on_and_a_dead_one_replaced(tmp_path):
    path = str(tmp_path / "socket")
    (first,) = await listen(path=path, port=None)
    with pytest.raises(asyncnet.ConnectError, match="Address already in use"):
        await listen(path=path, port=None)  # it is alive
    first.close()
    (second,) = await listen(path=path, port=None)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    second.close()


async def test_what_is_no_socket_is_never_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"precious")
    with pytest.raises(asyncnet.ConnectError, match="Address already in use"):
        await listen(path=str(path), port=None)
    assert path.read_bytes() == b"precious"


async def test_a_living_socket_with_a_full_queue_is_never_replaced(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(path)
        busy.listen(0)
        waiting.connect(path)  # the queue holds one more than its backlog
        with pytest.raises(asyncnet.ConnectError, match="Address already in use"):
            await listen(path=path, port=None)
    assert os.path.exists(path)


@pytest.mark.parametrize("name", ["x" * 200, "no folder/socket"])
async def test_a_path_that_cannot_be_is_refused(tmp_path, name):
    with pytest.raises(asyncnet.ConnectError, match="cannot listen on"):
        await listen(path=str(tmp_path / name), port=None)
