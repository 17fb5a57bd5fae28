"""NNTP: articles by id over a long link."""

from __future__ import annotations

from .model import Contender, Goal, Scenario
from .reading import METRICS, raw, roles

__all__ = ["SCENARIOS"]

FETCH = Scenario(
    name="nntp-fetch",
    summary="500 articles of 20 KiB by id over one connection with a round trip of 20 ms, subject and body read",
    operation="message",
    roles=roles("nntp"),
    grid=({"count": 500, "rtt": 20},),
    contenders=(
        Contender("asyncnet", {"client": "benchmarks.contenders.nntp_asyncnet:articles"}, ("asyncnet.nntp",)),
        Contender("nntplib", {"client": "benchmarks.contenders.nntp_nntplib:articles"}, ("nntplib",), on_asyncio=False),
        raw("articles"),
    ),
    metrics=METRICS,
    loops=("asyncio",),
    goals=(Goal("nntplib", 20.0, 80.0),),
    most_rounds=3,
    notes="On one loop only: round trips decide, not the loop.",
)

SCENARIOS = (FETCH,)
