"""Mail by smtplib, from the standard library, in threads."""

from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from queue import Empty, SimpleQueue

from ..jobs_mail import MailJob


def _queue(job: MailJob) -> SimpleQueue[EmailMessage | bytes]:
    queue: SimpleQueue[EmailMessage | bytes] = SimpleQueue()
    for message in job.messages:
        queue.put(message)
    return queue


def _send(client: smtplib.SMTP, job: MailJob, message: EmailMessage | bytes) -> None:
    if isinstance(message, EmailMessage):
        client.send_message(message)
    else:
        client.sendmail(job.sender, [job.recipient], message)


def _run(job: MailJob, together: bool) -> None:
    queue = _queue(job)

    def worker(_: int) -> None:
        try:
            while together:
                with smtplib.SMTP(job.host, job.port, local_hostname="localhost") as client:
                    while True:
                        _send(client, job, queue.get_nowait())
            while True:
                message = queue.get_nowait()
                with smtplib.SMTP(job.host, job.port, local_hostname="localhost") as client:
                    _send(client, job, message)
        except Empty:
            return

    with ThreadPoolExecutor(job.connections) as threads:
        job.phase("send")
        for _ in threads.map(worker, range(job.connections)):
            pass
        job.phase("")


def pool(job: MailJob) -> None:
    """So many persistent clients, each in its own thread."""
    _run(job, together=True)


def one_shots(job: MailJob) -> None:
    """A connection for each message."""
    _run(job, together=False)
