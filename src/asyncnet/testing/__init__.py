"""Scripted servers on loopback, a faulty link and leak checks: for asyncnet's users and its own tests.

The servers stand on plain asyncio streams and raw sockets, never on asyncnet's
own core, so that a defect there cannot hide itself.  Each is a context manager
that runs in a thread with an event loop of its own, and so serves synchronous
and asynchronous tests alike; ``async with`` runs it on the test's own loop.

Everything is loaded at first use: the pytest plugin must cost nothing to those
who have asyncnet installed and test something else.
"""

# Type checkers take this name for typing.TYPE_CHECKING; importing typing itself would cost more than this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .black_hole import BlackHole
    from .certificates import CertificateAuthority
    from .dns_server import NODATA, NXDOMAIN, REFUSED, SERVFAIL, SILENCE, Answer, DNSServer, Query
    from .faulty_link import FaultyLink
    from .ftp_server import FTPServer
    from .gate import Gate
    from .http_message import Raw, Request, Resource, Response
    from .http_server import HTTPServer
    from .leaks import no_leaks
    from .line_server import Login
    from .nntp_server import NNTPServer
    from .pop3_server import POP3Server
    from .server import Connections, Server, StreamServer
    from .smtp_server import Mail, SMTPServer
    from .sockets import cut, flush, reset, until_gone
    from .tcp_server import Close, Cut, Expect, Reset, Send, Stall, Step, TCPServer, Wait
    from .udp_server import ReceivedDatagram, UDPServer

_HOMES = {
    "black_hole": ("BlackHole",),
    "certificates": ("CertificateAuthority",),
    "dns_server": ("NODATA", "NXDOMAIN", "REFUSED", "SERVFAIL", "SILENCE", "Answer", "DNSServer", "Query"),
    "faulty_link": ("FaultyLink",),
    "ftp_server": ("FTPServer",),
    "gate": ("Gate",),
    "http_message": ("Raw", "Request", "Resource", "Response"),
    "http_server": ("HTTPServer",),
    "leaks": ("no_leaks",),
    "line_server": ("Login",),
    "nntp_server": ("NNTPServer",),
    "pop3_server": ("POP3Server",),
    "server": ("Connections", "Server", "StreamServer"),
    "sockets": ("cut", "flush", "reset", "until_gone"),
    "smtp_server": ("Mail", "SMTPServer"),
    "tcp_server": ("Close", "Cut", "Expect", "Reset", "Send", "Stall", "Step", "TCPServer", "Wait"),
    "udp_server": ("ReceivedDatagram", "UDPServer"),
}

__all__ = [
    "NODATA",
    "NXDOMAIN",
    "REFUSED",
    "SERVFAIL",
    "SILENCE",
    "Answer",
    "BlackHole",
    "CertificateAuthority",
    "Close",
    "Connections",
    "Cut",
    "DNSServer",
    "Expect",
    "FTPServer",
    "FaultyLink",
    "Gate",
    "HTTPServer",
    "Login",
    "Mail",
    "NNTPServer",
    "POP3Server",
    "Query",
    "Raw",
    "ReceivedDatagram",
    "Request",
    "Reset",
    "Resource",
    "Response",
    "SMTPServer",
    "Send",
    "Server",
    "Stall",
    "Step",
    "StreamServer",
    "TCPServer",
    "UDPServer",
    "Wait",
    "cut",
    "flush",
    "no_leaks",
    "reset",
    "until_gone",
]

if not TYPE_CHECKING:  # a type checker that sees __getattr__ would believe any name

    def __getattr__(name):
        for home, names in _HOMES.items():
            if name in names:
                from importlib import import_module

                value = getattr(import_module(f".{home}", __name__), name)
                globals()[name] = value  # the next time it is an ordinary attribute
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
