"""The table: every public coroutine, and every class that is opened and closed."""

from __future__ import annotations

import importlib

from tests.contract.case import PROTOCOLS, Case, Life

CASES: list[Case] = []
LIVES: list[Life] = []

for _protocol in PROTOCOLS:
    _module = importlib.import_module(f"tests.contract.cases.{_protocol}")
    CASES += _module.CASES
    LIVES += _module.LIVES
