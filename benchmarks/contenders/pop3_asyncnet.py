"""Reading mail by asyncnet: `pop3.Client`."""

from __future__ import annotations

from asyncnet import pop3

from ..jobs_mail import ReadJob


async def _messages(job: ReadJob) -> None:
    async with pop3.Client(job.host, job.port, username="user", password="secret", ssl=False, starttls=False) as client:
        job.phase("fetch")
        async for message in client.messages():
            job.subjects.append(message["Subject"])
            job.bodies.append(message.get_content())
        job.phase("")


def messages(job: ReadJob) -> None:
    """`messages()`: pipelined, parsed."""
    job.run(_messages(job))
