"""Mail by aiosmtplib."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import aiosmtplib

from ..jobs_mail import MailJob


async def _send(client: aiosmtplib.SMTP, job: MailJob, message: EmailMessage | bytes) -> None:
    if isinstance(message, EmailMessage):
        await client.send_message(message)
    else:
        await client.sendmail(job.sender, [job.recipient], message)


async def _pool(job: MailJob) -> None:
    messages = iter(job.messages)

    async def worker() -> None:
        async with aiosmtplib.SMTP(hostname=job.host, port=job.port) as client:
            for message in messages:
                await _send(client, job, message)

    job.phase("send")
    await asyncio.gather(*(worker() for _ in range(job.connections)))
    job.phase("")


def pool(job: MailJob) -> None:
    """So many persistent clients, each with its own task."""
    job.run(_pool(job))


async def _one_shots(job: MailJob) -> None:
    await job.spread(lambda message: aiosmtplib.send(message, hostname=job.host, port=job.port))


def one_shots(job: MailJob) -> None:
    """`send`: a connection for each message."""
    job.run(_one_shots(job))
