"""A certificate authority for tests, made on the spot."""

from __future__ import annotations

import datetime
import pathlib
import ssl
from typing import Any

__all__ = ["CertificateAuthority"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CertificateAuthority:
    """An authority that nobody but its own client contexts trusts.

    Needs trustme, which the extras ``test`` and ``demo`` bring.

    Example:
        ```python
        ca = testing.CertificateAuthority()
        with testing.HTTPServer({"/": "hello"}, ssl=ca.server_context()) as server:
            dialer = asyncnet.Dialer(ssl_context=ca.client_context())
            page = await asyncnet.http.fetch(server.url("/", host="localhost"), dialer=dialer)
        ```
    """

    def __init__(self) -> None:
        """Make the authority's key and certificate.

        Raises:
            ImportError: trustme is not installed.
        """
        try:
            import trustme
        except ImportError as error:
            raise ImportError("a test authority needs trustme: pip install 'asyncnet[test]'") from error
        self._authority: Any = trustme.CA()

    @property
    def pem(self) -> bytes:
        """The authority's certificate, as PEM."""
        return bytes(self._authority.cert_pem.bytes())

    def save(self, path: str | pathlib.Path) -> None:
        """Write the authority's certificate to a file, as PEM."""
        pathlib.Path(path).write_bytes(self.pem)

    def server_context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """A context for a server, with a fresh certificate.

        Args:
            names: host names and addresses that the certificate is for; none
                means ``localhost``, ``127.0.0.1`` and ``::1``.
            expired: let it have ended yesterday.

        Returns:
            A context that offers TLS 1.2 and newer.
        """
        end = None
        begin = None
        if expired:
            now = datetime.datetime.now(datetime.UTC)
            begin, end = now - datetime.timedelta(days=30), now - datetime.timedelta(days=1)
        certificate = self._authority.issue_cert(*(names or _LOOPBACK), not_before=begin, not_after=end)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        certificate.configure_cert(context)
        return context

    def server_pem(self, *names: str) -> bytes:
        """A fresh certificate and its key as PEM, for servers that read files; names as in `server_context`."""
        certificate = self._authority.issue_cert(*(names or _LOOPBACK))
        return bytes(certificate.private_key_and_cert_chain_pem.bytes())

    def client_context(self) -> ssl.SSLContext:
        """A context for a client that verifies names and trusts this authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.pem.decode("ascii"))
        return context
