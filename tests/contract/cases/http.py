"""http."""

from __future__ import annotations

from tests.contract.case import Case, Life

CASES: list[Case] = []
LIVES: list[Life] = []
