"""Datagrams as coroutines: client, server, one exchange."""

from .client import Client
from .datagram import MAX_DATAGRAM, Datagram, Stats
from .exchange import exchange
from .server import Server

__all__ = ["MAX_DATAGRAM", "Client", "Datagram", "Server", "Stats", "exchange"]
