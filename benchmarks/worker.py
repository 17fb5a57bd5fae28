"""The process of one contender: `python -m benchmarks.worker TASK`, TASK being JSON made by `roles.task`."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any


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
    main(sys.argv[1])
