"""The other side of the TLS scenarios: `python -m benchmarks.peers.tls serve|echo|push|pull ...`, words as without TLS.

Written in Python, for a C program would want OpenSSL's headers; but it does hardly more than call OpenSSL: sockets that
do not block, one selector loop, no event loop above.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys

from ..certificates import AUTHORITY, SERVER
from . import load, serve
from .sides import end_with_runner

# What a peer does that ends before us: nothing that matters here.
GONE = (ssl.SSLError, ConnectionError)


class Server(serve.Server):
    """The same over TLS."""

    def __init__(self, mode: str, size: int) -> None:
        super().__init__(mode, size)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(str(SERVER))
        self.shaking: set[socket.socket] = set()

    def _take(self, peer: socket.socket) -> None:
        blocking = self.mode == "source"
        peer.setblocking(blocking)
        secured = self.context.wrap_socket(peer, server_side=True, do_handshake_on_connect=blocking)
        if not blocking:
            self.shaking.add(secured)
        super()._take(secured)

    def _serve(self, peer: socket.socket) -> None:
        assert isinstance(peer, ssl.SSLSocket)
        try:
            if peer in self.shaking:
                peer.do_handshake()
                self.shaking.discard(peer)
            while peer in self.counts:
                super()._serve(peer)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except GONE:
            self.shaking.discard(peer)
            self._drop(peer)

    def _drop(self, peer: socket.socket) -> None:
        self._end(peer)
        super()._drop(peer)

    def _end(self, peer: socket.socket) -> None:
        assert isinstance(peer, ssl.SSLSocket)
        with contextlib.suppress(OSError):
            peer.unwrap()


class Load(load.Load):
    """The same over TLS.  The chain is not verified: that would only make it slower, and it is our own."""

    def open_all(self) -> list[socket.socket]:
        """All handshakes at once."""
        context = client_context()
        waiting = set()
        for number in range(self.connections):
            link = load.connected(self.port)
            link.setblocking(False)
            secured = context.wrap_socket(link, do_handshake_on_connect=False)
            self.selector.register(secured, 1, number)
            waiting.add(secured)
        links = sorted(waiting, key=lambda one: int(self.selector.get_key(one).data))
        for link in links:
            with contextlib.suppress(ssl.SSLWantReadError):
                link.do_handshake()
        while waiting:
            for _, ready in self.readable():
                assert isinstance(ready, ssl.SSLSocket)
                with contextlib.suppress(ssl.SSLWantReadError):
                    ready.do_handshake()
                    waiting.discard(ready)
        self.settle()
        return list(links)

    def receive(self, link: socket.socket, size: int) -> bytes:
        """What is there; nothing, when it was only a session ticket."""
        with contextlib.suppress(ssl.SSLWantReadError):
            return link.recv(size)
        return b""

    def close_all(self) -> None:
        """Say goodbye on each and wait for the server's."""
        for link in self.links:
            self._part(link)
        while self.selector.get_map():
            for _, ready in self.readable():
                self._part(ready)

    def _part(self, link: socket.socket) -> None:
        """One step of the goodbye; the last one closes."""
        assert isinstance(link, ssl.SSLSocket)
        try:
            link.unwrap()
        except ssl.SSLWantReadError:
            return
        except GONE:
            pass
        self.selector.unregister(link)
        link.close()


def client_context() -> ssl.SSLContext:
    """One that trusts our certificate and verifies no more than TLS itself does."""
    context = ssl.create_default_context(cafile=str(AUTHORITY))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main(mode: str, words: list[str]) -> None:
    """Be the server, or a load."""
    if mode == "serve":
        return Server(words[0], int(words[1])).run()
    numbers = [int(word) for word in words]
    if mode == "echo":
        return Load(numbers).run()
    with client_context().wrap_socket(load.connected(numbers[0])) as link:
        (load.push if mode == "push" else load.pull)(link, *numbers[1:])
        if mode == "push":
            with contextlib.suppress(OSError):
                link.unwrap()
    return None


if __name__ == "__main__":
    end_with_runner()
    main(sys.argv[1], sys.argv[2:])
