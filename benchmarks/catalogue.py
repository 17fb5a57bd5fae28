"""All scenarios, in the order in which they are run."""

from __future__ import annotations

from . import dns, ftp, http, nntp, pop3, smtp, start, tcp, tls, udp
from .model import Scenario

__all__ = ["scenarios"]

PROTOCOLS = (start, tcp, tls, udp, dns, http, smtp, ftp, pop3, nntp)


def scenarios() -> list[Scenario]:
    """Those of all protocol modules."""
    return [scenario for module in PROTOCOLS for scenario in module.SCENARIOS]
