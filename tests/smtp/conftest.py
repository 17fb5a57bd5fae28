"""What the tests of mail share: a message."""

from __future__ import annotations

import pytest

from asyncnet import smtp


@pytest.fixture
def message():
    return smtp.compose(
        sender="Ann <ann@example.org>",
        to="bob@example.org",
        bcc="eve@example.org",
        subject="Lunch",
        text="At noon?\n.\n",
    )
