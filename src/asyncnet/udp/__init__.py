"""Datagrams as coroutines: client, server, one exchange; media over a lossy link."""

from .client import Client
from .datagram import MAX_DATAGRAM, Datagram, Stats
from .exchange import exchange
from .media import Media, SentMedia, receive_media, send_media
from .server import Server

__all__ = [
    "MAX_DATAGRAM",
    "Client",
    "Datagram",
    "Media",
    "SentMedia",
    "Server",
    "Stats",
    "exchange",
    "receive_media",
    "send_media",
]
