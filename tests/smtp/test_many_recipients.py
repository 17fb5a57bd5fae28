"""More recipients than the server takes in one transaction (LIMITS, RFC 9422)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

import asyncnet
from asyncnet import smtp
from asyncnet.testing import SMTPServer

pytestmark = pytest.mark.asyncio

RAW = b"From: ann@example.org\r\nMessage-ID: <1@example.org>\r\n\r\ntext\r\n"
EVERYBODY = [f"r{number}@example.org" for number in range(25)]
LIMITED = ("PIPELINING", "LIMITS RCPTMAX=10")


async def send(server: SMTPServer, recipients: Sequence[str] = EVERYBODY, **more: object) -> smtp.SendReport:
    return await smtp.send(RAW, "127.0.0.1", server.port, sender="ann@example.org", recipients=recipients, **more)  # type: ignore[arg-type]  # keywords of the case


@pytest.mark.parametrize("extensions", [LIMITED, ("LIMITS RCPTMAX=10",)])
async def test_the_message_goes_out_in_parts(extensions):
    with SMTPServer(extensions=extensions) as server:
        report = await send(server)
    assert report.accepted == tuple(EVERYBODY)
    assert report.refused == {}
    assert report.message_id == "<1@example.org>"
    assert [len(mail.recipients) for mail in server.messages] == [10, 10, 5]
    assert {mail.data for mail in server.messages} == {RAW}
    assert server.connections.total == 1


async def test_no_more_parts_than_it_takes():
    with SMTPServer(extensions=LIMITED) as server:
        await send(server, EVERYBODY[:10])
        assert [len(mail.recipients) for mail in server.messages] == [10]


@pytest.mark.parametrize("extensions", [LIMITED, ("LIMITS RCPTMAX=10",)])
async def test_some_are_refused(extensions):
    with SMTPServer(
        extensions=extensions, replies={"RCPT TO:<r3@": "550 unknown", "RCPT TO:<r24@": "550 gone"}
    ) as server:
        report = await send(server)
    assert set(report.refused) == {"r3@example.org", "r24@example.org"}
    assert len(report.accepted) == 23


async def test_a_part_of_which_nobody_is_taken():
    with SMTPServer(extensions=LIMITED, replies={"RCPT TO:<r2": "550 unknown"}) as server:  # r2, and r20 to r24
        report = await send(server)
    assert set(report.refused) == {"r2@example.org", *EVERYBODY[20:]}
    assert all(error.code == 550 for error in report.refused.values())


async def test_nobody_at_all():
    with SMTPServer(extensions=LIMITED, replies={"RCPT": "550 unknown"}) as server:
        with pytest.raises(asyncnet.ReplyError, match="unknown") as caught:
            await send(server)
        assert not caught.value.maybe_done
        assert server.messages == []


@pytest.mark.parametrize("first", [True, False])
async def test_a_server_that_dies_in_between(first):
    drop = "RCPT TO:<r5@" if first else "RCPT TO:<r15@"
    with SMTPServer(extensions=LIMITED, drop_at=drop) as server:
        if first:
            with pytest.raises(asyncnet.ConnectionLost) as caught:
                await send(server)
            assert not caught.value.maybe_done
            return
        report = await send(server)
        assert report.accepted == tuple(EVERYBODY[:10])
        assert set(report.refused) == set(EVERYBODY[10:])
        assert [len(mail.recipients) for mail in server.messages] == [10]


async def test_an_answer_that_is_lost_in_between():
    with SMTPServer(extensions=LIMITED, stall_at="RCPT TO:<r15@") as server:
        with pytest.raises(asyncnet.OperationTimeout) as caught:
            await send(server, timeout=0.4)
        assert caught.value.maybe_done, "ten have it"


async def test_a_pool_sends_to_all_and_to_none_twice():
    with SMTPServer(
        extensions=("PIPELINING", "LIMITS RCPTMAX=4"), replies={"RCPT TO:<r6@": ["450 busy", None]}
    ) as server:
        async with smtp.Pool("127.0.0.1", server.port, size=1, retry_delay=0.01) as pool:
            reports = await asyncio.gather(
                *(
                    pool.send(RAW, sender="ann@example.org", recipients=EVERYBODY[start : start + count])
                    for start, count in ((0, 9), (9, 1), (10, 15))
                )
            )
        assert [report.refused for report in reports] == [{}, {}, {}]
        assert sorted(to for mail in server.messages for to in mail.recipients) == sorted(EVERYBODY)
        assert max(len(mail.recipients) for mail in server.messages) == 4
