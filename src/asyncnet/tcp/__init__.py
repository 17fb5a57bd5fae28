"""TCP, TLS and Unix connections as coroutines: client, server, one exchange."""

from ..core.server import ServerStats
from ..core.stream import Stream
from ..core.tcp_info import TCPInfo
from .client import Client, exchange
from .server import Server

__all__ = ["Client", "Server", "ServerStats", "Stream", "TCPInfo", "exchange"]
