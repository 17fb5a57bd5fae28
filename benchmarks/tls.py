"""TLS: new connections, bulk both ways; the contender as client and as server."""

from __future__ import annotations

from dataclasses import replace

from .model import Contender, Goal, Metric, Scenario
from .tcp import BULK_METRICS, LATENCY, PEAK, bulk_roles, connections_sample, echo_roles

__all__ = ["SCENARIOS"]

BOTH = ("client", "server")
OTHER_SIDE = 'The other side is Python\'s ssl module without any event loop above it, as in the row "raw OpenSSL".'


def _contenders(work: str = "") -> tuple[Contender, ...]:
    """Everybody who speaks TLS; `work` begins the names of the functions ("", "bulk_" or "send_")."""

    def one(name: str, module: str, *needs: str, on_asyncio: bool = True, limit: bool = False) -> Contender:
        functions = {role: f"benchmarks.contenders.{module}:{work}{role}" for role in BOTH}
        return Contender(name, functions, ("trustme", *needs), on_asyncio, limit)

    return (
        one("asyncnet", "tcp_asyncnet", "asyncnet.tcp"),
        one("asyncio streams", "tcp_asyncio"),
        one("anyio", "tcp_anyio", "anyio"),
        one("trio", "tcp_trio", "trio", on_asyncio=False),
        one("Twisted", "tcp_twisted", "twisted", "OpenSSL", "service_identity", on_asyncio=False),
        one("raw OpenSSL", "tls_raw", on_asyncio=False, limit=True),
    )


CONNECTIONS = Scenario(
    name="tls-connections",
    summary="TLS connections opened 50 at once, each echoed on once (64 B), all closed",
    operation="connection",
    roles=echo_roles(connections_sample),
    grid=({"connections": 50, "messages": 1, "size": 64, "warm": 0, "cycles": 10, "batch": 50, "tls": 1},),
    contenders=_contenders(),
    metrics=(
        Metric("rate", "handshakes/s", more_is_better=True),
        Metric("cpu", "CPU µs/conn.", 1e6, compared=True),
        *LATENCY,
        PEAK,
    ),
    notes="TLS 1.3, ECDSA P-256, no session is resumed.  Clients verify chain and address.  " + OTHER_SIDE,
)

SEND = Scenario(
    name="tls-bulk-send",
    summary="128 MiB sent on one TLS connection, 64 KiB a call",
    operation="byte",
    roles=bulk_roles("send"),
    grid=({"total": 128 << 20, "tls": 1},),
    contenders=_contenders("send_"),
    metrics=BULK_METRICS,
    most_rounds=3,
    notes=OTHER_SIDE,
)

RECEIVE = replace(
    SEND,
    name="tls-bulk-receive",
    summary="128 MiB received on one TLS connection",
    roles=bulk_roles("receive"),
    contenders=_contenders("bulk_"),
    heaps=("fresh", "used"),
    goals=(Goal("asyncio streams", None, 1.2, when={"loop": "asyncio", "role": "client"}),),
)

SCENARIOS = (CONNECTIONS, RECEIVE, SEND)
