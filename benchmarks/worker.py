"""The process of one contender: `python -m benchmarks.worker TASK`, TASK being JSON made by `roles.task`."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
from importlib import import_module
from typing import Any

LONGEST = 120  # seconds; the runner's own deadline comes earlier


def end_with_runner() -> None:
    """Let the kernel end this process when the runner is gone, however that ended.

    The runner alone has the other end of our standard input and writes nothing: the only event there can be is its end,
    and the default action of the signal that tells it is to end the process, whatever this is doing, and whatever it
    has become by exec.  No thread and no import that would be measured too.
    """
    signal.alarm(LONGEST)  # where pipes send no signals
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it was gone before
        raise SystemExit(1)


def named(path: str) -> Any:
    """What `module:name` stands for."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def main(text: str) -> None:
    """Prepare the heap, call the contender, report."""
    given = json.loads(text)
    try:
        function = named(given["function"])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("asyncnet", "benchmarks"):
            raise  # ours: a fault, not a peer that is not there
        print(json.dumps({"event": "missing", "name": error.name}), flush=True)
        return
    job = named(given["job"])(given["settings"], given["loop"], given["port"])
    if given["heap"] == "used":
        # glibc takes each block of 256 KiB from the kernel anew until a larger one has once been freed.
        block = bytearray(1 << 20)
        del block
    function(job)
    if given["reports"]:
        job.report()


if __name__ == "__main__":
    end_with_runner()
    main(sys.argv[1])
