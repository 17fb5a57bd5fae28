"""What the tests of mail share: an authority, and a message."""

from __future__ import annotations

import pytest

import asyncnet
from asyncnet import smtp, testing


@pytest.fixture(scope="session")
def ca():
    return testing.CertificateAuthority()


@pytest.fixture
def dialer(ca):
    """Trusts the authority of the test servers."""
    return asyncnet.Dialer(ssl_context=ca.client_context())


@pytest.fixture
def message():
    return smtp.compose(
        sender="Ann <ann@example.org>",
        to="bob@example.org",
        bcc="eve@example.org",
        subject="Lunch",
        text="At noon?\n.\n",
    )
