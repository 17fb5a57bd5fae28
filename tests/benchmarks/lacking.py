"""A contender whose library is there but lacks something that it needs itself."""

from __future__ import annotations

import no_such_package.inside  # type: ignore[import-not-found]  # that is the point

from benchmarks.job import Job


def client(job: Job) -> None:
    """Never called."""
    no_such_package.inside.do(job)
