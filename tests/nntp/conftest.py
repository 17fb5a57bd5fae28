"""What the tests of NNTP share: articles."""

from __future__ import annotations

import pytest


@pytest.fixture
def news():
    return [
        b"Message-ID: <%d@example.org>\r\nNewsgroups: misc.test\r\nSubject: number %d\r\nFrom: ann@example.org\r\n"
        b"Date: Thu, 29 Feb 2024 12:00:00 +0000\r\nReferences: <0@example.org>\r\n\r\n.dot\r\narticle %d\r\n"
        % (number, number, number)
        for number in range(1, 6)
    ]
