"""What the tests of POP3 share: an authority, a dialer that trusts it, a maildrop."""

from __future__ import annotations

import pytest

import asyncnet
from asyncnet import testing


@pytest.fixture(scope="session")
def ca():
    return testing.CertificateAuthority()


@pytest.fixture
def dialer(ca):
    """Trusts the authority of the test servers."""
    return asyncnet.Dialer(ssl_context=ca.client_context())


@pytest.fixture
def maildrop():
    return [b"Subject: number %d\r\n\r\n.dot\r\nmessage %d\r\n" % (number, number) for number in range(1, 6)]
