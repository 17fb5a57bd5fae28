"""Happy Eyeballs v2, on a clock that is turned by hand: who is tried when, who wins, and what is left."""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import selectors
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

import asyncnet
from asyncnet import Attempt
from asyncnet.core.address import Endpoint
from asyncnet.core.attempts import Hopeless
from asyncnet.core.favourites import Favourites
from asyncnet.core.happy_eyeballs import connect_any, connect_one, in_order, resolve_all, source_address
from asyncnet.core.operation import Operation

# The addresses are written down only; whoever "dials" them is `World`.
A6, B6, C6 = "::1", "::ffff:127.0.0.6", "::ffff:127.0.0.7"
A4, B4, C4 = "127.0.0.1", "127.0.0.2", "127.0.0.3"
NEVER = 1e6


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on which waiting takes no time."""

    def __init__(self) -> None:
        loop = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> Any:
                found = super().select(0)
                if not found and timeout is not None:
                    loop.now += timeout
                return found

        self.now = 1000.0
        super().__init__(Selector())

    def time(self) -> float:
        return self.now


class World:
    """Name servers and hosts that answer when and what the test says.

    Args:
        ipv6, ipv4: after how many seconds which addresses are known, or the error.
        hosts: after how many seconds an address answers: with ``None`` for a connection, or with an error.
    """

    def __init__(self, ipv6: Any = None, ipv4: Any = None, hosts: dict[str, tuple[float, Any]] | None = None) -> None:
        self.names = {6: ipv6, 4: ipv4}
        self.hosts = hosts or {}
        self.started: list[tuple[str, float]] = []
        self.sockets: list[socket.socket] = []
        self.cancelled: list[str] = []
        self.favourites = Favourites()
        self.operation: Operation | None = None
        self.forbidden: set[str] = set()
        self.delay = 0.25

    def resolve(self) -> dict[int, Coroutine[Any, Any, Any]]:
        return {version: self._answer(said) for version, said in self.names.items() if said is not None}

    async def _answer(self, said: tuple[float, Any]) -> Any:
        after, result = said
        await asyncio.sleep(after)
        if isinstance(result, Exception):
            raise result
        return tuple(map(ipaddress.ip_address, result))

    async def connect(self, endpoint: Endpoint) -> socket.socket:
        loop = asyncio.get_running_loop()
        self.started.append((endpoint.host, round(loop.time() - 1000.0, 6)))
        after, result = self.hosts.get(endpoint.host, (0.0, None))
        sock = socket.socket()
        self.sockets.append(sock)
        try:
            await asyncio.sleep(after)
            if result is not None:
                raise result
        except asyncio.CancelledError:
            self.cancelled.append(endpoint.host)
            sock.close()
            raise
        except BaseException:
            sock.close()
            raise
        return sock

    def refuse(self, endpoint: Endpoint) -> asyncnet.ConnectError | None:
        return asyncnet.ForbiddenAddress(f"{endpoint} is forbidden") if endpoint.host in self.forbidden else None

    async def dial(self, timeout: float | None = 60.0) -> socket.socket:
        async with Operation("tcp", "connect", peer="example.org:80", timeout=timeout) as operation:
            self.operation = operation
            return await connect_any(
                operation, ("example.org", 80), self.connect,
                resolve=self.resolve(), refuse=self.refuse, favourites=self.favourites, delay=self.delay,
            )  # fmt: skip

    def run(self, work: Coroutine[Any, Any, Any] | None = None) -> Any:
        """Do it on a fresh virtual loop; nothing may be left but the winner."""

        async def main() -> Any:
            try:
                return await (work if work is not None else self.dial())
            finally:
                await asyncio.sleep(0)
                assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            winner = runner.run(main())
        if isinstance(winner, socket.socket):
            assert winner.fileno() >= 0
            winner.close()
        assert [sock for sock in self.sockets if sock.fileno() >= 0] == []
        return winner

    def fails(self) -> Any:
        with pytest.raises(asyncnet.AsyncNetError) as caught:
            self.run()
        return caught.value

    @property
    def attempts(self) -> list[Attempt]:
        assert self.operation is not None
        return self.operation.attempts


REFUSED = ConnectionRefusedError(111, "Connection refused")


# ---- when dialling starts (RFC 8305 section 3)


def test_ipv6_is_dialled_as_soon_as_it_is_known():
    world = World(ipv6=(0.01, [A6]), ipv4=(NEVER, []))
    world.run()
    assert world.started == [(A6, 0.01)]


def test_an_ipv4_answer_waits_fifty_milliseconds_for_the_ipv6_one():
    world = World(ipv6=(0.04, [A6]), ipv4=(0.01, [A4]), hosts={A6: (1.0, None), A4: (1.0, None)})
    world.run()
    assert world.started == [(A6, 0.04), (A4, 0.29)]


def test_it_waits_no_longer():
    world = World(ipv6=(NEVER, [A6]), ipv4=(0.01, [A4]))
    world.run()
    assert world.started == [(A4, 0.06)]


@pytest.mark.parametrize("answer", [[], asyncnet.NoData("no AAAA"), asyncnet.ResolveError("SERVFAIL")])
def test_it_waits_for_nothing_when_there_is_no_ipv6(answer):
    world = World(ipv6=(0.02, answer), ipv4=(0.01, [A4]))
    world.run()
    assert world.started == [(A4, 0.02)]


def test_an_answer_that_comes_later_joins_at_the_next_turn():
    world = World(ipv6=(0.1, [A6]), ipv4=(0.01, [A4]), hosts={A4: (NEVER, None)})
    world.run()
    assert world.started == [(A4, 0.06), (A6, 0.31)]


def test_an_answer_that_comes_when_all_else_has_failed_is_tried_at_once():
    world = World(ipv6=(0.1, [A6]), ipv4=(0.01, [A4]), hosts={A4: (0.0, REFUSED)})
    world.run()
    assert world.started == [(A4, 0.06), (A6, 0.1)]


def test_one_family_only_waits_for_nobody():
    world = World(ipv4=(0.01, [A4]))
    world.run()
    assert world.started == [(A4, 0.01)]


# ---- in which order (section 4)


def test_the_families_take_turns():
    hosts = dict.fromkeys((A6, B6, A4, B4), (NEVER, None))
    world = World(ipv6=(0.0, [A6, B6]), ipv4=(0.0, [A4, B4, C4]), hosts=hosts)
    world.run()
    assert world.started == [(A6, 0.0), (A4, 0.25), (B6, 0.5), (B4, 0.75), (C4, 1.0)]


def test_those_who_come_late_get_the_places_they_would_have_had():
    hosts = dict.fromkeys((A6, B6, A4), (NEVER, None))
    world = World(ipv6=(0.0, [A6, B6]), ipv4=(0.1, [A4, B4]), hosts=hosts)
    world.run()
    assert world.started == [(A6, 0.0), (A4, 0.25), (B6, 0.5), (B4, 0.75)]


def test_an_address_that_is_named_twice_is_tried_once():
    world = World(ipv6=(0.0, [A6, A6]), ipv4=(0.1, [A4, A4]), hosts={A6: (0.0, REFUSED), A4: (0.0, REFUSED)})
    assert [attempt.target for attempt in world.fails().attempts] == ["[::1]:80", "127.0.0.1:80"]


def test_a_hostile_answer_does_not_make_us_dial_thousands():
    many = [f"127.1.{n // 250}.{n % 250}" for n in range(2_000)]
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, many), hosts=dict.fromkeys([A6, *many], (0.0, REFUSED)))
    error = world.fails()
    assert len(world.started) == len(error.attempts) == 33
    assert len(str(error)) < 400
    assert "; and 29 more (connect, " in str(error)


def test_the_order_asks_the_kernel_which_way_it_would_take():
    assert source_address(ipaddress.ip_address("127.0.0.9")) == ipaddress.ip_address("127.0.0.1")
    unreachable, reachable = map(ipaddress.ip_address, ("fe80::1%99999", "127.0.0.1"))
    assert source_address(unreachable) is None
    assert in_order([unreachable, reachable]) == [reachable, unreachable]
    assert in_order([unreachable, reachable], unreachable) == [unreachable, reachable]


def test_an_order_is_found_also_when_the_kernel_cannot_be_asked():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as lowest:
        number = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        assert source_address(ipaddress.ip_address("127.0.0.1")) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- how many at once (section 5)


def test_the_next_starts_after_a_quarter_of_a_second():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts={A6: (0.4, None), A4: (0.1, None)})
    world.run()
    assert world.started == [(A6, 0.0), (A4, 0.25)]
    assert [attempt.target for attempt in world.attempts] == ["[::1]:80", "127.0.0.1:80"]
    assert world.cancelled == [A6]


def test_the_delay_can_be_chosen():
    world = World(ipv4=(0.0, [A4, B4]), hosts={A4: (NEVER, None)})
    world.delay = 1.5
    world.run()
    assert world.started == [(A4, 0.0), (B4, 1.5)]


def test_a_failure_starts_the_next_at_once():
    world = World(ipv4=(0.0, [A4, B4, C4]), hosts={A4: (0.1, REFUSED), B4: (0.0, REFUSED)})
    world.run()
    assert world.started == [(A4, 0.0), (B4, 0.1), (C4, 0.1)]


def test_an_older_attempt_may_win():
    world = World(ipv4=(0.0, [A4, B4, C4]), hosts={A4: (0.6, None), B4: (NEVER, None), C4: (0.3, None)})
    world.run()
    assert [(attempt.target, bool(attempt.error)) for attempt in world.attempts] == [
        ("127.0.0.2:80", True), ("127.0.0.3:80", True), ("127.0.0.1:80", False),
    ]  # fmt: skip
    assert world.cancelled == [B4, C4]


def test_attempts_tell_how_it_came_about():
    hosts = {A6: (0.1, REFUSED), A4: (NEVER, None), B4: (0.05, None)}
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4, B4]), hosts=hosts)
    world.run()
    refused, silent, winner = world.attempts
    assert refused == Attempt("[::1]:80", "Connection refused", 111, pytest.approx(0.1))
    assert silent == Attempt(
        "127.0.0.1:80", "no answer yet when another address had answered", None, pytest.approx(0.3)
    )
    assert winner == Attempt("127.0.0.2:80", "", None, pytest.approx(0.05))


def test_of_two_that_win_in_the_same_moment_one_is_closed():
    world = World(ipv4=(0.0, [A4, B4]), hosts={A4: (0.5, None), B4: (0.25, None)})
    world.run()
    assert world.started == [(A4, 0.0), (B4, 0.25)]
    assert len(world.sockets) == 2
    assert world.cancelled == []


# ---- the last winner


def test_the_last_winner_is_tried_first_and_waits_for_nobody():
    hosts = {A6: (NEVER, None), A4: (0.1, None)}
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts=hosts)
    world.run()
    world.started.clear()
    world.names = {6: (0.03, [A6]), 4: (0.02, [A4])}
    world.run()
    assert world.started == [(A4, 0.02)]


def test_the_last_winner_is_tried_at_once_when_its_family_answers_late():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts={A6: (NEVER, None), A4: (0.1, None)})
    world.run()
    world.started.clear()
    world.names = {6: (0.01, [A6]), 4: (0.03, [A4])}
    world.run()
    assert world.started == [(A6, 0.01), (A4, 0.03)]


def test_after_the_favourite_the_families_take_turns():
    world = World(ipv6=(0.0, [A6, B6]), ipv4=(0.0, [A4, B4]))
    world.hosts = dict.fromkeys((A6, B6, A4), (NEVER, None))
    world.run()
    world.hosts = dict.fromkeys((A6, B4, B6), (NEVER, None))
    world.started.clear()
    world.run()
    assert world.started == [(B4, 0.0), (A6, 0.25), (A4, 0.5)]


def test_a_winner_that_fails_is_forgotten():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts={A6: (0.0, REFUSED), A4: (0.0, None)})
    world.run()
    world.hosts = {A6: (0.0, REFUSED), A4: (0.0, REFUSED)}
    world.fails()
    world.started.clear()
    world.run(expect_failure(world))
    assert [host for host, _ in world.started] == [A6, A4]


async def expect_failure(world: World) -> None:
    with pytest.raises(asyncnet.ConnectError):
        await world.dial()


def test_a_favourite_that_is_no_address_of_the_name_any_more_is_not_dialled():
    world = World(ipv4=(0.0, [A4]))
    world.run()
    world.names[4] = (0.0, [B4])
    world.started.clear()
    world.run()
    assert world.started == [(B4, 0.0)]


# ---- policy


def test_what_is_refused_is_never_dialled_and_delays_nobody():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4, B4]))
    world.forbidden = {A6, A4}
    world.run()
    assert world.started == [(B4, 0.0)]
    assert [attempt.error for attempt in world.attempts] == [
        "[::1]:80 is forbidden", "127.0.0.1:80 is forbidden", "",
    ]  # fmt: skip


def test_all_refused_is_forbidden():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]))
    world.forbidden = {A6, A4}
    error = world.fails()
    assert type(error) is asyncnet.ForbiddenAddress
    assert len(error.attempts) == 2
    assert world.started == []
    world = World(ipv4=(0.0, [A4]))
    world.forbidden = {A4}
    assert world.fails().args == ("127.0.0.1:80 is forbidden",)


def test_some_refused_and_some_failed_is_no_connection():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts={A4: (0.0, REFUSED)})
    world.forbidden = {A6}
    error = world.fails()
    assert type(error) is asyncnet.ConnectError
    assert error.errno is None
    assert "[::1]:80 is forbidden; 127.0.0.1:80: Connection refused" in str(error)


def test_a_policy_that_raises_ends_it():
    world = World(ipv4=(0.0, [A4]))
    world.refuse = lambda endpoint: 1 / 0
    with pytest.raises(ZeroDivisionError):
        world.run()


# ---- failures


def test_when_all_fail_the_error_names_them_all():
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts={A6: (0.0, REFUSED), A4: (0.0, REFUSED)})
    error = world.fails()
    assert type(error) is asyncnet.ConnectError
    assert error.errno == 111
    assert error.args == ("could not connect: [::1]:80: Connection refused; 127.0.0.1:80: Connection refused",)
    assert [(attempt.target, attempt.errno) for attempt in error.attempts] == [("[::1]:80", 111), ("127.0.0.1:80", 111)]
    assert isinstance(error.__cause__, ConnectionRefusedError)


def test_attempts_that_all_took_too_long_are_a_timeout():
    late = TimeoutError(110, "no answer within 10 s")
    world = World(ipv6=(0.0, [A6]), ipv4=(0.0, [A4]), hosts={A6: (10.0, late), A4: (10.0, late)})
    error = world.fails()
    assert type(error) is asyncnet.OperationTimeout
    assert error.args[0].startswith("no address answered: [::1]:80: no answer within 10 s; 127.0.0.1:80: ")
    assert error.errno == 110


@pytest.mark.parametrize(
    ("ipv6", "ipv4", "kind", "words"),
    [
        (asyncnet.NameNotFound("no such"), asyncnet.NameNotFound("no such"), asyncnet.NameNotFound, "no such"),
        (asyncnet.NoData("no AAAA"), asyncnet.NoData("no A"), asyncnet.NoData, "the name has no address"),
        (asyncnet.NoData("no AAAA"), asyncnet.ResolveError("SERVFAIL"), asyncnet.ResolveError, "SERVFAIL"),
        (asyncnet.OperationTimeout("silence"), asyncnet.NoData("no A"), asyncnet.OperationTimeout, "silence"),
        (asyncnet.ResolveError("x"), asyncnet.OperationTimeout("silence"), asyncnet.OperationTimeout, "silence"),
        ([], [], asyncnet.ResolveError, "no address of the family asked for"),
        (asyncnet.NoData("no AAAA"), [], asyncnet.NoData, "the name has no address"),
    ],
)
def test_a_name_without_address_is_told_by_the_error_that_says_most(ipv6, ipv4, kind, words):
    error = World(ipv6=(0.0, ipv6), ipv4=(0.01, ipv4)).fails()
    assert type(error) is kind
    assert words in str(error)
    assert error.phase == "resolve"
    assert error.attempts == ()


def test_the_defect_of_a_resolver_is_no_answer():
    with pytest.raises(ZeroDivisionError):
        World(ipv6=(0.0, [A6]), ipv4=(0.0, ZeroDivisionError()), hosts={A6: (1.0, None)}).run()


@pytest.mark.parametrize("kind", [asyncnet.ProtocolError, asyncnet.AuthenticationError, asyncnet.LimitExceeded])
def test_what_no_other_address_would_mend_ends_it(kind):
    world = World(ipv4=(0.0, [A4, B4]), hosts={A4: (0.0, kind("final"))})
    error = world.fails()
    assert type(error) is kind
    assert [attempt.error for attempt in error.attempts] == ["final"]
    assert world.started == [(A4, 0.0)]


def test_what_is_called_hopeless_ends_it():
    world = World(ipv4=(0.0, [A4, B4]), hosts={A4: (0.0, Hopeless(asyncnet.ConnectError("no proxy")))})
    error = world.fails()
    assert type(error) is asyncnet.ConnectError
    assert error.args == ("no proxy",)
    assert [attempt.error for attempt in error.attempts] == ["no proxy"]


# ---- time and cancellation


@pytest.mark.parametrize(
    ("world", "phase", "errors"),
    [
        (World(ipv6=(NEVER, []), ipv4=(NEVER, [])), "resolve", []),
        (World(ipv6=(NEVER, []), ipv4=(0.0, [A4]), hosts={A4: (NEVER, None)}), "connect", ["no answer yet"]),
        (
            World(ipv4=(0.0, [A4, B4, C4]), hosts={A4: (0.1, REFUSED), B4: (NEVER, None), C4: (NEVER, None)}),
            "connect",
            ["Connection refused", "no answer yet", "no answer yet"],
        ),
    ],
)
def test_a_deadline_names_the_phase_and_the_attempts(world, phase, errors):
    with pytest.raises(asyncnet.OperationTimeout) as caught:
        world.run(world.dial(timeout=0.5))
    assert caught.value.phase == phase
    assert [attempt.error for attempt in caught.value.attempts] == errors
    assert caught.value.elapsed == pytest.approx(0.5)


def scene() -> World:
    hosts = {A6: (0.3, REFUSED), A4: (0.6, REFUSED), B6: (NEVER, None), B4: (0.4, None)}
    return World(ipv6=(0.02, [A6, B6]), ipv4=(0.01, [A4, B4]), hosts=hosts)


def test_a_cancellation_at_any_moment_leaves_nothing():
    moments = [round(0.005 + 0.01 * n, 3) for n in range(120)]
    won = 0
    for moment in moments:
        world = scene()

        async def main(world: World = world, moment: float = moment) -> socket.socket | None:
            task = asyncio.create_task(world.dial())
            asyncio.get_running_loop().call_later(moment, task.cancel)
            await asyncio.wait([task])
            return None if task.cancelled() else task.result()

        won += world.run(main()) is not None
    assert 0 < won < len(moments)


@pytest.mark.parametrize("turns", range(8))
def test_two_cancellations_leave_nothing(turns):
    # The second one comes while what the first one stopped is still ending.
    world = scene()

    async def main() -> None:
        task = asyncio.create_task(world.dial())
        await asyncio.sleep(0.9)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)

    world.run(main())


def test_a_winner_is_closed_if_the_call_is_cancelled_while_the_losers_end():
    class Slow(World):
        async def connect(self, endpoint: Endpoint) -> socket.socket:
            try:
                return await super().connect(endpoint)
            except asyncio.CancelledError:
                await asyncio.sleep(5)  # it takes its time to end
                raise

    world = Slow(ipv4=(0.0, [A4, B4]), hosts={A4: (NEVER, None), B4: (0.1, None)})

    async def main() -> None:
        task = asyncio.create_task(world.dial())
        await asyncio.sleep(1.0)  # the winner is there, the loser still ends
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.sleep(10)

    world.run(main())
    assert len(world.sockets) == 2


def test_a_loser_that_connects_although_it_was_cancelled_is_closed():
    class Stubborn(World):
        async def connect(self, endpoint: Endpoint) -> socket.socket:
            if endpoint.host == B4:
                return await super().connect(endpoint)
            sock = socket.socket()
            self.sockets.append(sock)
            try:
                await asyncio.sleep(NEVER)
            except asyncio.CancelledError:
                return sock
            raise AssertionError("nobody waits that long")

    world = Stubborn(ipv4=(0.0, [A4, B4]))
    world.run()
    assert len(world.sockets) == 2


def test_a_query_that_fails_after_the_race_is_not_reported_as_lost():
    class Stubborn(World):
        async def _answer(self, said: tuple[float, Any]) -> Any:
            try:
                return await super()._answer(said)
            except asyncio.CancelledError:
                raise asyncnet.ResolveError("too late") from None

    complaints: list[Any] = []

    async def main() -> socket.socket:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        return await world.dial()

    world = Stubborn(ipv6=(0.0, [A6]), ipv4=(NEVER, []))
    world.run(main())
    assert complaints == []


# ---- a literal


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (REFUSED, asyncnet.ConnectError, "could not connect: 127.0.0.1:80: Connection refused"),
        (TimeoutError(110, "late"), asyncnet.OperationTimeout, "no address answered: 127.0.0.1:80: late"),
        (asyncnet.ProtocolError("strange"), asyncnet.ProtocolError, "strange"),
        (asyncnet.ConnectError("proxy says no"), asyncnet.ConnectError, "proxy says no"),
        (Hopeless(asyncnet.ConnectError("no proxy")), asyncnet.ConnectError, "no proxy"),
    ],
)
def test_an_address_that_fails_is_told_as_one_of_many_would_be(outcome, kind, words):
    world = World(hosts={A4: (0.5, outcome)})
    with pytest.raises(asyncnet.AsyncNetError) as caught:
        world.run(dial_one(world))
    assert type(caught.value) is kind
    assert caught.value.args == (words,)
    (attempt,) = caught.value.attempts
    assert (attempt.target, attempt.elapsed) == ("127.0.0.1:80", pytest.approx(0.5))


def test_an_address_that_answers_is_one_attempt():
    world = World(hosts={A4: (0.5, None)})
    world.run(dial_one(world))
    assert world.attempts == [Attempt("127.0.0.1:80", "", None, pytest.approx(0.5))]


def test_an_address_that_is_forbidden_is_not_dialled():
    world = World()
    world.forbidden = {A4}
    with pytest.raises(asyncnet.ForbiddenAddress, match="forbidden"):
        world.run(dial_one(world))
    assert world.started == []


def test_an_address_that_is_silent_is_an_attempt_without_answer():
    world = World(hosts={A4: (NEVER, None)})
    with pytest.raises(asyncnet.OperationTimeout) as caught:
        world.run(dial_one(world, timeout=2.0))
    assert caught.value.attempts == (Attempt("127.0.0.1:80", "no answer yet", None, pytest.approx(2.0)),)


async def dial_one(world: World, timeout: float = 60.0) -> socket.socket:
    async with Operation("tcp", "connect", timeout=timeout) as operation:
        world.operation = operation
        return await connect_one(operation, Endpoint(A4, 80), world.connect, refuse=world.refuse)


# ---- all addresses, for datagrams


async def resolved(world: World, timeout: float = 60.0) -> tuple[list[str], float]:
    async with Operation("udp", "endpoints", timeout=timeout) as operation:
        found = await resolve_all(operation, world.resolve())
        return [str(address) for address in found], operation.elapsed


def test_both_families_are_waited_for():
    world = World(ipv6=(0.2, [A6]), ipv4=(0.1, [A4, B4]))
    assert world.run(resolved(world)) == ([A6, A4, B4], pytest.approx(0.2))


def test_a_family_that_lags_far_behind_is_left_out():
    world = World(ipv6=(NEVER, [A6]), ipv4=(0.1, [A4]))
    assert world.run(resolved(world)) == ([A4], pytest.approx(0.35))


def test_a_family_is_waited_for_as_long_as_the_other_gave_nothing():
    world = World(ipv6=(0.1, asyncnet.NoData("none")), ipv4=(5.0, [A4]))
    assert world.run(resolved(world)) == ([A4], pytest.approx(5.0))


def test_no_address_at_all_is_an_error():
    world = World(ipv6=(0.1, asyncnet.NoData("none")), ipv4=(0.2, asyncnet.NoData("none")))
    with pytest.raises(asyncnet.NoData, match="the name has no address"):
        world.run(resolved(world))
    with pytest.raises(ZeroDivisionError):
        world = World(ipv6=(0.1, [A6]), ipv4=(0.2, ZeroDivisionError()))
        world.run(resolved(world))
    with pytest.raises(asyncnet.OperationTimeout):
        world = World(ipv6=(NEVER, [A6]), ipv4=(NEVER, [A4]))
        world.run(resolved(world, timeout=1.0))
