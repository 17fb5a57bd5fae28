"""What the tests of POP3 share: a maildrop."""

from __future__ import annotations

import pytest


@pytest.fixture
def maildrop():
    return [b"Subject: number %d\r\n\r\n.dot\r\nmessage %d\r\n" % (number, number) for number in range(1, 6)]
