"""Reads the command line, runs one command, and turns errors into one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import asyncnet

from . import demo, names, streams, web
from .output import Output

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the command line without the program; ``None`` is that of the process.

    Returns:
        The exit status: 0, 1 where something went wrong, 2 for what cannot be meant.
    """
    options = _parser().parse_args(arguments)
    output = Output(json=options.json)
    try:
        status: int = options.run(options, output)
        return status
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not try to flush it again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (asyncnet.AsyncNetError, OSError, ImportError) as error:
        output.error(error)
        return 1
    except (ValueError, TypeError) as error:  # what the library calls misuse by the caller
        output.error(error)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m asyncnet", description="Networking for asyncio, from the shell.")
    parser.add_argument("--version", action="version", version=f"asyncnet {asyncnet.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (demo, names, web, streams):
        module.add_commands(commands)
    return parser
