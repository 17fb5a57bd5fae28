"""UDP: receiving out of a flood, sending many."""

from __future__ import annotations

from .model import Case, Contender, Goal, Metric, Sample, Scenario, WrongResult
from .peers import HAVE_COMPILER, program
from .roles import AgainstServer, Message, UnderFlood

__all__ = ["SCENARIOS"]

CONTENDERS = "benchmarks.contenders.udp_"
JOB = "benchmarks.job:DatagramJob"
STOCK_USED = {"loop": "asyncio", "heap": "used", "sender": None}
ITERATED = "asyncnet async for"

RATE = Metric("rate", "datagrams/s", more_is_better=True)
CPU = Metric("cpu", "CPU µs each", 1e6, compared=True)
PEAK = Metric("peak", "peak MiB", 1 / 2**20)


def _receiver(
    name: str, module: str, *needs: str, way: str = "", on_asyncio: bool = True, limit: bool = False
) -> Contender:
    functions = {
        "client": f"{CONTENDERS}{module}:receive_client{way}",
        "server": f"{CONTENDERS}{module}:receive_server{way}",
    }
    if limit:
        del functions["client"]
    return Contender(name, functions, needs, on_asyncio, limit)


# --- receiving ------------------------------------------------------------------------------------


def _received(case: Case, report: Message) -> Sample:
    phase = report["phases"]["receive"]
    datagrams = report["datagrams"]
    return {
        "rate": datagrams / phase["wall"],
        "cpu": phase["cpu"] / datagrams,
        "peak": report["peak_kib"] * 1024.0,
    }


def _answering(case: Case) -> list[str]:
    return program("datagrams", "answer", case.number("size"), int("sender" in case.settings))


def _flood(case: Case, port: int) -> list[str]:
    return program("datagrams", "flood", port, case.number("size"), int("sender" in case.settings))


RECEIVE = Scenario(
    name="udp-receive",
    summary="datagrams received out of a flood: by a connected client, by a server",
    operation="datagram",
    roles={
        "client": AgainstServer(JOB, _answering, lambda case, report, counted: _received(case, report)),
        "server": UnderFlood(JOB, _flood, _received),
    },
    grid=(
        {"size": 200, "count": 40_000},
        {"size": 1200, "count": 40_000},
        {"size": 1200, "count": 40_000, "sender": "from a sender with GSO"},
    ),
    contenders=(
        _receiver("asyncnet", "asyncnet", "asyncnet.udp", way="_many"),
        _receiver(ITERATED, "asyncnet", "asyncnet.udp", way="_for"),
        _receiver("asyncio DatagramProtocol", "asyncio"),
        _receiver("anyio", "anyio", "anyio"),
        _receiver("asyncudp", "asyncudp", "asyncudp"),
        _receiver("asyncio-dgram", "dgram", "asyncio_dgram"),
        _receiver("trio sockets", "trio", "trio", on_asyncio=False),
        _receiver("Twisted", "twisted", "twisted", on_asyncio=False),
        *((_receiver("C recvmmsg", "c", on_asyncio=False, limit=True),) if HAVE_COMPILER else ()),
    ),
    metrics=(RATE, CPU, PEAK),
    goals=(
        Goal("asyncio DatagramProtocol", 2.0, 2.5, when=STOCK_USED),
        Goal("asyncio DatagramProtocol", 1.3, 2.0, ours=ITERATED, when=STOCK_USED),
        Goal("anyio", 3.0, when=STOCK_USED),
        Goal("anyio", 3.0, ours=ITERATED, when=STOCK_USED),
    ),
    most_rounds=3,
    notes="asyncnet: receive_many.  The flood never waits; what nobody has room for is lost and not counted.  An "
    "ordinary sender manages hardly more than the C receiver here: of contenders that fast CPU time tells more.",
)

# --- sending --------------------------------------------------------------------------------------

ORDINARY, WITH_GRO = "an ordinary receiver", "a receiver with GRO"
ONE_BUFFER = "asyncnet, one buffer"
MERGED = 64  # how many datagrams can be one block to a receiver with GRO


def _sink(case: Case) -> list[str]:
    return program("datagrams", "sink", int(case.settings["to"] == WITH_GRO))


def _sent(case: Case, report: Message, counted: Message) -> Sample:
    count, size = report["datagrams"] or case.number("count"), case.number("size")
    received, dropped = counted["datagrams"], counted["dropped"]
    merging = MERGED if case.settings["to"] == WITH_GRO else 1
    # Each datagram sent was received, or the receiver's kernel had no room for it.
    if not received + dropped <= count <= received + dropped * merging or counted["bytes"] != received * size:
        raise WrongResult(f"the receiver counted {counted} where {count} datagrams of {size} bytes were sent")
    phase = report["phases"]["send"]
    return {
        "rate": count / phase["wall"],
        "cpu": phase["cpu"] / count,
        "delivered": received / count,
        "peak": report["peak_kib"] * 1024.0,
    }


def _sender(name: str, module: str, *needs: str, on_asyncio: bool = True, limit: bool = False) -> Contender:
    return Contender(name, {"client": f"{CONTENDERS}{module}:send"}, needs, on_asyncio, limit)


SEND = Scenario(
    name="udp-send-many",
    summary="1,200 B datagrams sent to one receiver as fast as they go",
    operation="datagram",
    roles={"client": AgainstServer(JOB, _sink, _sent)},
    grid=tuple({"size": 1200, "count": 100_000, "to": receiver} for receiver in (ORDINARY, WITH_GRO)),
    contenders=(
        _sender("asyncnet", "asyncnet", "asyncnet.udp"),
        Contender(ONE_BUFFER, {"client": f"{CONTENDERS}asyncnet:send_buffer"}, ("asyncnet.udp",)),
        Contender("one sendto each", {"client": f"{CONTENDERS}socket:send"}, on_asyncio=False),
        _sender("asyncio transport", "asyncio"),
        _sender("anyio", "anyio", "anyio"),
        _sender("asyncio-dgram", "dgram", "asyncio_dgram"),
        _sender("trio sockets", "trio", "trio", on_asyncio=False),
        _sender("Twisted", "twisted", "twisted", on_asyncio=False),
        *((_sender("C with GSO", "c", on_asyncio=False, limit=True),) if HAVE_COMPILER else ()),
    ),
    metrics=(RATE, CPU, Metric("delivered", "delivered %", 100.0, more_is_better=True), PEAK),
    goals=(
        Goal("one sendto each", 4.0, 5.0, when={"loop": "asyncio", "to": ORDINARY}),
        Goal("one sendto each", 12.0, 20.0, when={"loop": "asyncio", "to": WITH_GRO}),
        Goal("one sendto each", 4.0, 5.0, ours=ONE_BUFFER, when={"loop": "asyncio", "to": ORDINARY}),
        Goal("one sendto each", 12.0, 20.0, ours=ONE_BUFFER, when={"loop": "asyncio", "to": WITH_GRO}),
    ),
    notes="asyncnet: send_many of a thousand at a time.  Delivered: what the receiver's buffer had room for.",
)

SCENARIOS = (RECEIVE, SEND)
