"""News by nntplib: the standard library's up to Python 3.12, the package standard-nntplib from 3.13."""

from __future__ import annotations

import warnings

from ..jobs_mail import ReadJob

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import nntplib


def articles(job: ReadJob) -> None:
    """One ARTICLE after the other."""
    with nntplib.NNTP(job.host, job.port, timeout=30) as client:
        job.phase("fetch")
        for name in job.ids:
            lines = client.article(name)[1].lines
            blank = lines.index(b"")
            subject = next(line for line in lines if line.startswith(b"Subject: "))
            job.subjects.append(subject[9:].decode())
            job.bodies.append(b"\n".join([*lines[blank + 1 :], b""]).decode())
        job.phase("")
