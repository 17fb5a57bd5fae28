"""Mail by asyncnet: `smtp.Pool`, `smtp.send`."""

from __future__ import annotations

from asyncnet import smtp

from ..jobs_mail import MailJob


async def _pool(job: MailJob) -> None:
    async with smtp.Pool(job.host, job.port, size=job.connections) as pool:
        job.phase("send")
        async for outcome in pool.send_many(job.messages):
            if outcome.error is not None:
                raise outcome.error
        job.phase("")


def pool(job: MailJob) -> None:
    """`send_many` of a pool; with one connection, a pool of one."""
    job.run(_pool(job))


async def _one_shots(job: MailJob) -> None:
    await job.spread(lambda message: smtp.send(message, job.host, job.port))


def one_shots(job: MailJob) -> None:
    """`send`: a connection for each message."""
    job.run(_one_shots(job))


async def _one_by_one(job: MailJob) -> None:
    async with smtp.Client(job.host, job.port) as client:
        job.phase("send")
        for message in job.messages:
            await client.send(message)
        job.phase("")


def one_by_one(job: MailJob) -> None:
    """`Client.send`, each awaited before the next."""
    job.run(_one_by_one(job))
