"""What commands print: lines for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["Output"]


class Output:
    """Standard output and standard error of a command.

    Attributes:
        json: whether one JSON document is wanted in place of lines.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def line(self, text: str) -> None:
        """A line for people; nothing where JSON is wanted."""
        if not self.json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def data(self, data: bytes) -> None:
        """Bytes for standard output as they are."""
        sys.stdout.flush()
        rest = memoryview(data)
        while rest:
            # Under python -u the buffer is the bare file, which may take a part only.
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()

    def document(self, value: Any) -> None:
        """A document for programs; nothing where lines are wanted."""
        if self.json:
            json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
            sys.stdout.write("\n")
            sys.stdout.flush()

    def error(self, error: BaseException) -> None:
        """One clear line on standard error, and the error as a document where JSON is wanted."""
        text = str(error) or type(error).__name__
        self.document({"error": text, "type": type(error).__name__})
        self.complaint(text)

    def complaint(self, text: str) -> None:
        """One line on standard error."""
        sys.stderr.write(f"asyncnet: {' '.join(text.split())}\n")
        sys.stderr.flush()
