"""The test authority."""

from __future__ import annotations

import os
import pathlib
import socket
import ssl
import subprocess
import sys

import pytest

from asyncnet import testing
from house import SOURCE


def shake(server_context: ssl.SSLContext, client_context: ssl.SSLContext, name: str) -> str | None:
    with testing.TCPServer(ssl=server_context) as server:
        with socket.create_connection(server.address, timeout=5.0) as plain:
            with client_context.wrap_socket(plain, server_hostname=name) as client:
                return client.version()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_the_usual_names_are_valid(ca: testing.CertificateAuthority, name: str) -> None:
    assert shake(ca.server_context(), ca.client_context(), name) in ("TLSv1.2", "TLSv1.3")


def test_another_name_an_old_certificate_and_another_authority_are_not(ca: testing.CertificateAuthority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(ca.server_context("www.example"), ca.client_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake(ca.server_context(expired=True), ca.client_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake(ca.server_context(), testing.CertificateAuthority().client_context(), "localhost")


def test_without_trustme_the_extra_is_named() -> None:
    program = "import sys; sys.modules['trustme'] = None; from asyncnet import testing; testing.CertificateAuthority()"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1] == "ImportError: a test authority needs trustme: pip install 'asyncnet[test]'"


def test_the_certificate_can_be_saved(ca: testing.CertificateAuthority, tmp_path: pathlib.Path) -> None:
    ca.save(tmp_path / "ca.pem")
    assert (tmp_path / "ca.pem").read_bytes() == ca.pem
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    assert shake(ca.server_context(), context, "localhost") is not None
