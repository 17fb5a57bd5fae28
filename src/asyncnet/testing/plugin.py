"""Fixtures for pytest, found by its entry point: the servers of this package, ready to be asked.

All are plain synchronous fixtures whose servers run in their own thread, so
they serve synchronous and asynchronous tests in every loop scope.  Nothing is
loaded before the first fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from . import (
        CertificateAuthority,
        DNSServer,
        FTPServer,
        HTTPServer,
        NNTPServer,
        POP3Server,
        SMTPServer,
        TCPServer,
        UDPServer,
    )

__all__: list[str] = []


@pytest.fixture
def asyncnet_dns_server() -> Iterator[DNSServer]:
    """A `DNSServer` without records; fill ``.records``."""
    from .dns_server import DNSServer

    with DNSServer() as server:
        yield server


@pytest.fixture
def asyncnet_ftp_server() -> Iterator[FTPServer]:
    """An `FTPServer` without files that takes any login; ``.put`` adds some."""
    from .ftp_server import FTPServer

    with FTPServer() as server:
        yield server


@pytest.fixture
def asyncnet_http_server() -> Iterator[HTTPServer]:
    """An `HTTPServer` without routes; fill ``.routes``."""
    from .http_server import HTTPServer

    with HTTPServer() as server:
        yield server


@pytest.fixture
def asyncnet_https_server(asyncnet_ca: CertificateAuthority) -> Iterator[HTTPServer]:
    """An `HTTPServer` with a certificate for ``localhost`` from ``asyncnet_ca``."""
    from .http_server import HTTPServer

    with HTTPServer(ssl=asyncnet_ca.server_context()) as server:
        yield server


@pytest.fixture
def asyncnet_nntp_server() -> Iterator[NNTPServer]:
    """An `NNTPServer` with the empty group ``misc.test``; fill ``.groups``."""
    from .nntp_server import NNTPServer

    with NNTPServer({"misc.test": []}) as server:
        yield server


@pytest.fixture
def asyncnet_pop3_server(asyncnet_ca: CertificateAuthority) -> Iterator[POP3Server]:
    """A `POP3Server` with STLS and the user ``user`` with the password ``secret``; ``.deliver`` adds messages."""
    from .pop3_server import POP3Server

    with POP3Server(starttls=asyncnet_ca.server_context(), users={"user": "secret"}) as server:
        yield server


@pytest.fixture
def asyncnet_smtp_server(asyncnet_ca: CertificateAuthority) -> Iterator[SMTPServer]:
    """An `SMTPServer` with STARTTLS and the user ``user`` with the password ``secret``."""
    from .smtp_server import SMTPServer

    with SMTPServer(starttls=asyncnet_ca.server_context(), users={"user": "secret"}) as server:
        yield server


@pytest.fixture
def asyncnet_tcp_server() -> Iterator[TCPServer]:
    """A `TCPServer` that echoes; set ``.script`` for anything else."""
    from .tcp_server import TCPServer

    with TCPServer() as server:
        yield server


@pytest.fixture
def asyncnet_udp_server() -> Iterator[UDPServer]:
    """A `UDPServer` that echoes."""
    from .udp_server import UDPServer

    with UDPServer() as server:
        yield server


@pytest.fixture(scope="session")
def asyncnet_ca() -> CertificateAuthority:
    """One `CertificateAuthority` for the whole run."""
    from .certificates import CertificateAuthority

    return CertificateAuthority()


@pytest.fixture
def asyncnet_no_leaks() -> Iterator[None]:
    """Fails the test that leaves a descriptor or a thread behind."""
    from .leaks import no_leaks

    with no_leaks():
        yield
