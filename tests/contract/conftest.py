"""Prints what the cancellation sweep counted."""

from __future__ import annotations

import pytest

from tests.contract import sweep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if sweep.points:
        terminalreporter.write_sep("-", "suspension points at which each call was cancelled, nothing left")
        for name, count in sorted(sweep.points.items()):
            terminalreporter.write_line(f"{count:5d}  {name}")
        terminalreporter.write_line(f"{sum(sweep.points.values()):5d}  in all")
