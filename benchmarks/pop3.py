"""POP3: a maildrop over a long link."""

from __future__ import annotations

from .model import Contender, Goal, Scenario
from .reading import METRICS, raw, roles

__all__ = ["SCENARIOS"]

FETCH = Scenario(
    name="pop3-fetch",
    summary="200 messages of 20 KiB over a link with a round trip of 20 ms, subject and body read",
    operation="message",
    roles=roles("pop3"),
    grid=({"count": 200, "rtt": 20},),
    contenders=(
        Contender("asyncnet", {"client": "benchmarks.contenders.pop3_asyncnet:messages"}, ("asyncnet.pop3",)),
        Contender("poplib", {"client": "benchmarks.contenders.pop3_poplib:messages"}, on_asyncio=False),
        raw("messages"),
    ),
    metrics=METRICS,
    loops=("asyncio",),
    goals=(Goal("poplib", 10.0, 25.0),),
    most_rounds=3,
    notes="On one loop only: round trips decide, not the loop.",
)

SCENARIOS = (FETCH,)
