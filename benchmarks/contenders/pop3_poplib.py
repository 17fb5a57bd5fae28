"""Reading mail by poplib, from the standard library."""

from __future__ import annotations

import email
import email.policy
import poplib

from ..jobs_mail import ReadJob


def messages(job: ReadJob) -> None:
    """One RETR after the other, parsed."""
    client = poplib.POP3(job.host, job.port, timeout=30)
    client.user("user")
    client.pass_("secret")
    job.phase("fetch")
    for number in range(1, len(client.list()[1]) + 1):
        _, lines, _ = client.retr(number)
        message = email.message_from_bytes(b"\r\n".join([*lines, b""]), policy=email.policy.default)
        job.subjects.append(message["Subject"])
        job.bodies.append(message.get_content())
    job.phase("")
    client.quit()
