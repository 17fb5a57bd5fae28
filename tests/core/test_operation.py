"""One public call: deadline, phases, what errors say, what the trace gets."""

from __future__ import annotations

import asyncio
import math

import pytest

import asyncnet
from asyncnet import Attempt, testing
from asyncnet.core.operation import Operation, check_timeout, choose_timeout

pytestmark = pytest.mark.asyncio


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


# ---- time


@pytest.mark.parametrize(("given", "wanted"), [(None, None), (0, 0.0), (2, 2.0), (0.5, 0.5), (math.inf, None)])
async def test_a_timeout_is_seconds_or_none(given, wanted):
    assert check_timeout(given) == wanted
    assert type(check_timeout(given)) is type(wanted)


@pytest.mark.parametrize(
    ("bad", "kind"), [(-1, ValueError), (math.nan, ValueError), ("1", TypeError), (True, TypeError)]
)
async def test_a_timeout_without_sense_is_refused(bad, kind):
    with pytest.raises(kind, match=r"^idle_timeout must"):
        check_timeout(bad, "idle_timeout")
    with pytest.raises(kind, match=r"^timeout must"):
        Operation("tcp", "exchange", timeout=bad)


async def test_a_method_has_its_own_timeout_or_its_clients():
    assert choose_timeout(..., 3.0) == 3.0
    assert choose_timeout(None, 3.0) is None
    assert choose_timeout(1, 3.0) == 1.0


async def test_without_a_limit_there_is_no_deadline():
    async with Operation("tcp", "exchange", timeout=None) as operation:
        assert operation.deadline is None
        assert operation.remaining is None
        assert operation.elapsed >= 0


async def test_what_remains_shrinks_to_nothing():
    operation = Operation("tcp", "exchange", timeout=1000)
    assert 0 < operation.remaining < 1001  # a sum of large floats is not exact
    operation.deadline = operation.started - 1
    assert operation.remaining == 0.0


@pytest.mark.parametrize("timeout", [0, 0.01])
async def test_a_deadline_that_passes_names_the_phase(timeout):
    with pytest.raises(asyncnet.OperationTimeout) as caught:
        async with Operation("smtp", "send", peer="example.org:25", timeout=timeout) as operation:
            operation.attempts.append(Attempt("192.0.2.1:25"))
            with operation.span("connect"):
                pass
            with operation.span("greeting"):
                await forever()
    error = caught.value
    assert error.args == (f"no result within {timeout:g} s",)
    assert (error.protocol, error.operation, error.peer, error.phase) == ("smtp", "send", "example.org:25", "greeting")
    assert error.attempts == (Attempt("192.0.2.1:25"),)
    assert error.elapsed is not None
    assert error.elapsed >= timeout - 0.001
    assert isinstance(error, TimeoutError)
    assert not error.maybe_done


async def test_a_cancellation_from_outside_stays_one():
    async def work() -> None:
        async with Operation("tcp", "exchange", timeout=60):
            await forever()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_outer_deadline_is_not_taken_for_the_own_one():
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.01):
            async with Operation("tcp", "exchange", timeout=60):
                await forever()
    assert not isinstance(caught.value, asyncnet.OperationTimeout)


# ---- errors


async def test_an_error_from_below_is_filled_in_where_it_knows_nothing():
    with pytest.raises(asyncnet.ConnectionLost) as caught:
        async with Operation("ftp", "store", peer="example.org:21", timeout=60) as operation:
            operation.attempts.append(Attempt("192.0.2.1:21", "refused", 111))
            operation.maybe_done = True
            with operation.span("transfer"):
                raise asyncnet.ConnectionLost("reset")
    error = caught.value
    assert (error.protocol, error.operation, error.peer, error.phase) == ("ftp", "store", "example.org:21", "transfer")
    assert error.attempts == (Attempt("192.0.2.1:21", "refused", 111),)
    assert error.maybe_done
    assert str(error).startswith("ftp store example.org:21: reset (transfer, after 0.0")


async def test_what_an_error_knows_already_stays():
    known = asyncnet.ConnectionLost(
        "reset", protocol="tcp", operation="open", peer="other:1", phase="connect",
        attempts=(Attempt("other:1"),), elapsed=9.0,
    )  # fmt: skip
    with pytest.raises(asyncnet.ConnectionLost) as caught:
        async with Operation("ftp", "store", peer="example.org:21", timeout=None) as operation:
            operation.attempts.append(Attempt("192.0.2.1:21"))
            with operation.span("transfer"):
                raise known
    error = caught.value
    assert (error.protocol, error.operation, error.peer, error.phase) == ("tcp", "open", "other:1", "connect")
    assert error.attempts == (Attempt("other:1"),)
    assert error.elapsed == 9.0


async def test_foreign_errors_pass_untouched():
    with pytest.raises(ZeroDivisionError):
        async with Operation("tcp", "exchange", timeout=60):
            raise ZeroDivisionError


async def test_the_phase_of_a_failure_stays_and_that_of_a_success_goes():
    operation = Operation("tcp", "exchange", timeout=None)
    with operation.span("outer"):
        with operation.span("inner"):
            assert operation.phase == "inner"
        assert operation.phase == "outer"
    assert operation.phase is None
    with pytest.raises(ZeroDivisionError):
        with operation.span("outer"), operation.span("inner"):
            raise ZeroDivisionError
    assert operation.phase == "inner"


# ---- timings and trace


async def test_the_time_of_each_phase_is_kept_without_a_trace():
    async with Operation("tcp", "exchange", timeout=60) as operation:
        for _ in range(2):
            with operation.span("transfer"):
                await asyncio.sleep(0)
        with pytest.raises(ZeroDivisionError):
            with operation.span("failed"):
                raise ZeroDivisionError
        with operation.part("beside"):
            pass
    assert set(operation.timings) == {"transfer", "failed"}
    assert all(0 <= seconds < 60 for seconds in operation.timings.values())
    assert operation.trace is None


async def test_an_operation_is_a_span_with_its_phases_below():
    with asyncnet.trace() as trace:
        async with Operation("smtp", "send", peer="example.org:25", timeout=60) as operation:
            with operation.span("connect", host="example.org") as span:
                with operation.part("attempt", address="192.0.2.1:25"):
                    pass
                with operation.part("attempt", address="192.0.2.2:25") as part:
                    part.attributes["more"] = 1
                span.attributes["address"] = "192.0.2.2:25"
            with operation.span("transfer"):
                pass
    assert [(span.depth, span.name) for span in trace.spans] == [
        (0, "smtp send"), (1, "connect"), (2, "attempt"), (2, "attempt"), (1, "transfer"),
    ]  # fmt: skip
    root, connect, _, attempt, _ = trace.spans
    assert root.attributes == {"peer": "example.org:25"}
    assert connect.attributes == {"host": "example.org", "address": "192.0.2.2:25"}
    assert attempt.attributes == {"address": "192.0.2.2:25", "more": 1}
    assert all(span.ended is not None and span.error is None for span in trace.spans)


async def test_parts_that_run_at_the_same_time_stand_side_by_side():
    with asyncnet.trace() as trace:
        async with Operation("tcp", "exchange", timeout=60) as operation:

            async def attempt(name: str) -> None:
                with operation.part(name):
                    await asyncio.sleep(0)

            with operation.span("connect"):
                await asyncio.gather(attempt("first"), attempt("second"))
            assert operation.phase is None
    assert [(span.depth, span.name) for span in trace.spans] == [
        (0, "tcp exchange"), (1, "connect"), (2, "first"), (2, "second"),
    ]  # fmt: skip


async def test_operations_at_the_same_time_keep_their_spans_apart():
    async def one(name: str) -> None:
        async with Operation("tcp", name, timeout=60) as operation:
            for phase in ("connect", "transfer"):
                with operation.span(f"{name} {phase}"):
                    await asyncio.sleep(0)

    with asyncnet.trace() as trace:
        await asyncio.gather(one("a"), one("b"))
    assert [span.name for span in trace.spans] == [
        "tcp a", "a connect", "a transfer", "tcp b", "b connect", "b transfer",
    ]  # fmt: skip


async def test_a_failure_is_told_by_each_span_it_went_through():
    with asyncnet.trace() as trace:
        with pytest.raises(asyncnet.ConnectError):
            async with Operation("tcp", "exchange", peer="example.org:1", timeout=60) as operation:
                with operation.span("connect"):
                    raise asyncnet.ConnectError("refused")
        with pytest.raises(asyncnet.OperationTimeout):
            async with Operation("tcp", "exchange", timeout=0) as operation:
                with operation.span("connect"):
                    await forever()
    assert [span.error for span in trace.spans] == [
        "ConnectError: refused", "ConnectError: refused", "OperationTimeout: no result within 0 s", "cancelled",
    ]  # fmt: skip


async def test_the_trace_is_that_of_the_beginning():
    with asyncnet.trace() as trace:
        operation = Operation("tcp", "exchange", timeout=60)
    async with operation:
        with operation.span("connect"):
            pass
    assert [span.name for span in trace.spans] == ["tcp exchange", "connect"]


async def test_what_the_kernel_knows_of_the_connection_is_told_at_the_end():
    with testing.TCPServer() as server:
        dialer = asyncnet.Dialer()
        sock = await dialer.connect_socket("127.0.0.1", server.port)
        try:
            with asyncnet.trace() as trace:
                async with Operation("tcp", "exchange", timeout=60) as operation:
                    operation.watch(sock)
                    with operation.span("transfer"):
                        pass
                    sock.close()  # what was seen before counts
        finally:
            sock.close()
        untraced = Operation("tcp", "exchange", timeout=60)
        untraced.watch(sock)
    assert trace.operations[0].attributes.keys() == {"rtt_ms", "retransmits", "cwnd", "mss"}
    assert trace.operations[0].attributes["retransmits"] == 0
    assert trace.operations[0].attributes["mss"] > 0
