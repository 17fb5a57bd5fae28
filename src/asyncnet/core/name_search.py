"""What a name may mean, and who knows: the name itself, the hosts file, the name servers.

What needs no server never sees one: address literals, ``localhost`` and
``invalid`` (RFC 6761 sections 6.3 and 6.4), and the hosts file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from ipaddress import IPv4Address, IPv6Address
from math import inf
from typing import Any, TypeAlias

from ..errors import NameNotFound, NoData, ResolveError
from .address import check_host, parse_literal
from .dns_answer import Answer
from .dns_questions import Limit, Questions, Result
from .dns_records import AAAA, A
from .dns_result import Failure
from .name_files import NameFiles
from .operation import Operation
from .resolv_conf import candidates

__all__ = ["FILE_TTL", "IPAddress", "NameSearch"]

IPAddress: TypeAlias = "IPv4Address | IPv6Address"

FILE_TTL = 86_400.0  # seconds: what needs no server holds until the files change
_SECOND_FAMILY = 3.0  # seconds that the other family may lag behind the first that gave addresses
_NOT_PLAIN = ("localhost", "invalid", ".", *"0123456789")
_LOOPBACK: dict[str, tuple[IPAddress, ...]] = {"A": (IPv4Address("127.0.0.1"),), "AAAA": (IPv6Address("::1"),)}


class NameSearch:
    """Finds addresses and records for checked names.

    Args:
        questions: the cache and the name servers.
        files: the hosts file and resolv.conf.
        search: domains that complete a name; ``None`` for those of resolv.conf.
        ndots: as in resolv.conf; ``None`` for what it says.
    """

    def __init__(
        self,
        questions: Questions,
        files: NameFiles,
        *,
        search: tuple[str, ...] | None,
        ndots: int | None,
    ) -> None:
        self.questions = questions
        self._files = files
        self._search = search
        self._ndots = ndots

    async def addresses(
        self, operation: Operation, name: str, types: tuple[str, ...]
    ) -> tuple[tuple[IPAddress, ...], float]:
        """The addresses of a host, and the seconds for which they hold: for ever if nobody was asked.

        Args:
            operation: whose deadline is kept.
            name: as `check_host` returns it.
            types: ``A``, ``AAAA`` or both.
        """
        known = _without_query(name, types)
        if known is not None:
            return known, inf
        await self._look_at_files(operation)
        known = self._from_hosts_file(name, types)
        if known is not None:
            return known, FILE_TTL
        failures: list[Failure] = []
        names = self._candidates(name)
        for whole in names:
            both = len(types) == 2
            results = await self._ask_both(operation, whole) if both else [await self._ask(operation, whole, types[0])]
            answers = [result for result in results if isinstance(result, Answer)]
            failures += (result for result in results if isinstance(result, Failure))
            if answers:
                complete = len(results) == len(types) and all(failure.negative for failure in failures)
                # Times to live are told in whole seconds, rounded up: one less is never too long.
                lifetime = min(answer.ttl for answer in answers) - 1 if complete else 0
                return tuple(record.address for answer in answers for record in answer), lifetime
            if not all(failure.negative for failure in failures):
                break
            # The other family says whether this is the name that was meant; a dialer is asking for it anyway.
            if whole != names[-1] and not both and await self._has_other_family(operation, whole, types[0]):
                break
        raise _telling(failures).error()

    async def records(self, operation: Operation, name: str, type: str) -> Answer[Any]:
        """The records of a name, from the name servers only."""
        local = _without_query(name, (type,))
        if local is not None:
            records = tuple(A(a) if isinstance(a, IPv4Address) else AAAA(a) for a in local)
            return Answer(name.rstrip("."), type, records, name.rstrip("."), 0)
        await self._look_at_files(operation)
        failures: list[Failure] = []
        for whole in self._candidates(name):
            result = await self._ask(operation, whole, type)
            if isinstance(result, Answer):
                return result
            failures.append(result)
            if not result.negative:
                break
        raise _telling(failures).error()

    async def reverse(self, operation: Operation, address: IPAddress) -> tuple[str, ...]:
        """The names of an address."""
        if isinstance(address, IPv6Address):
            # The zone of a link-local address is no part of its name.
            address = address.ipv4_mapped or IPv6Address(int(address))
        await self._look_at_files(operation)
        listed = self._files.hosts.names.get(address)
        if listed is not None:
            return listed
        if address in (*_LOOPBACK["A"], *_LOOPBACK["AAAA"]):
            return ("localhost",)
        answer = await self.records(operation, f"{address.reverse_pointer}.", "PTR")
        names = tuple(record.target for record in answer if _is_host(record.target))
        if not names:
            said = answer[0].target
            raise ResolveError(f"the name given for {address} can be no host's: {said!r}", phase="resolve")
        return names

    # ---- inside

    async def _has_other_family(self, operation: Operation, whole: str, type: str) -> bool:
        return isinstance(await self._ask(operation, whole, "AAAA" if type == "A" else "A"), Answer)

    def _ask(self, operation: Operation, whole: str, type: str) -> Coroutine[Any, Any, Result]:
        return self.questions.answer(whole, type, _limit(operation), operation.place)

    def is_plain(self, name: str) -> bool:
        """Whether a name can only mean one question: no address, no special name, nothing to complete it with."""
        return (
            time.monotonic() < self._files.due
            and not (self._files.config.domains if self._search is None else self._search)
            and not name.endswith(_NOT_PLAIN)
            and ":" not in name
        )

    async def _ask_both(self, operation: Operation, whole: str) -> list[Result]:
        """The results of both families; one may be missing that lags behind the other with addresses."""
        asked = [self.questions.ask(whole, type, operation.place) for type in ("A", "AAAA")]
        pending = {result for result in asked if isinstance(result, asyncio.Future)}
        found = any(isinstance(result, Answer) for result in asked)
        timers = [self.questions.limit(future, _limit(operation)) for future in pending]
        try:
            await _all_or_enough(operation, pending, found)
        except BaseException:
            for result, type in zip(asked, ("A", "AAAA"), strict=True):
                if isinstance(result, asyncio.Future):
                    self.questions.leave(result, whole, type)
            raise
        finally:
            for timer in timers:
                if timer is not None:
                    timer.cancel()
        results = (result if not isinstance(result, asyncio.Future) else _value(result) for result in asked)
        return [result for result in results if result is not None]

    def _from_hosts_file(self, name: str, types: tuple[str, ...]) -> tuple[IPAddress, ...] | None:
        listed = self._files.hosts.addresses.get(name.rstrip("."))
        if listed is None:
            return None
        addresses = tuple(address for address in listed if _type_of(address) in types)
        if not addresses:
            # A name that is in the file at all is answered by it: else half of it would come from elsewhere.
            raise NoData(f"{name} has no {types[0]} address in {self._files.hosts_path}", phase="resolve")
        return addresses

    async def _look_at_files(self, operation: Operation) -> None:
        if time.monotonic() < self._files.due:
            return
        try:
            async with asyncio.timeout_at(operation.deadline):
                await self._files.look()
        except TimeoutError:
            raise operation.timed_out() from None

    def _candidates(self, name: str) -> tuple[str, ...]:
        system = self._files.config
        search = system.domains if self._search is None else self._search
        return candidates(name, search, system.ndots if self._ndots is None else self._ndots)


async def _all_or_enough(operation: Operation, pending: set[asyncio.Future[Result]], found: bool) -> None:
    """Wait for all results, but not for long once there is one with records: some servers know one family only."""
    while pending:
        limit = None
        if found:
            left = operation.remaining
            limit = _SECOND_FAMILY if left is None else min(_SECOND_FAMILY, left / 2)
        done, pending = await asyncio.wait(pending, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return
        found = found or any(isinstance(future.result(), Answer) for future in done)


def _limit(operation: Operation) -> Limit | None:
    return None if operation.timeout is None else Limit(operation.started, operation.timeout)


def _value(future: asyncio.Future[Result]) -> Result | None:
    return future.result() if future.done() else None


def _without_query(name: str, types: tuple[str, ...]) -> tuple[IPAddress, ...] | None:
    """Addresses that no server is asked for, or ``None`` if one has to be."""
    # A checked host is an address only if it ends in a digit or has a colon; most are names.
    if (name[-1].isdigit() or ":" in name) and (literal := parse_literal(name)) is not None:
        if _type_of(literal) not in types:
            raise NoData(f"{name} is an address, and has no {types[0]} record", phase="resolve")
        return (literal,)
    top = name.rstrip(".").rpartition(".")[2]
    if top == "localhost":
        addresses = tuple(address for type in types for address in _LOOPBACK.get(type, ()))
        if not addresses:
            raise NoData(f"{name} has no {types[0]} record", phase="resolve")
        return addresses
    if top == "invalid":
        raise NameNotFound(f"{name} does not exist", phase="resolve")
    return None


def _telling(failures: Sequence[Failure]) -> Failure:
    """The failure that says most: a server's before a missing record, that before a missing name."""
    return min(failures, key=lambda failure: (failure.negative, failure.kind is not NoData))


def _type_of(address: IPAddress) -> str:
    return "A" if address.version == 4 else "AAAA"


def _is_host(name: str) -> bool:
    try:
        return parse_literal(check_host(name)) is None
    except ValueError:
        return False
