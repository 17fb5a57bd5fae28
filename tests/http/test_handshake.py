"""The handshake of the loop's own TLS: what is left of one that is cancelled."""

from __future__ import annotations

import asyncio

import pytest

import asyncnet
from asyncnet import Dialer, http, testing

pytestmark = pytest.mark.asyncio

CA = testing.CertificateAuthority()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("silent", [False, True])
async def test_cancelled_at_any_moment_it_leaves_nothing(silent: bool, again: bool) -> None:
    """The loop's exception handler is not called either: the suite looks after that in every test."""
    dialer = Dialer(ssl_context=CA.client_context())
    answering = testing.HTTPServer({"/": b"hello"}, ssl=CA.server_context())
    with testing.TCPServer([testing.Stall()]) if silent else answering as server:
        async with testing.no_leaks():
            for turns in range(30):
                connections = server.connections.total
                task = asyncio.create_task(http.fetch(f"https://127.0.0.1:{server.port}/", retries=0, dialer=dialer))
                while server.connections.total == connections:
                    await asyncio.sleep(0)
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.sleep(0)
                if again:
                    task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() or task.result().content == b"hello"
                await asyncnet.close()  # a connection that came about is not used by the next one
