"""The stand-in for lines.c: `python -m benchmarks.peers.lines smtp|pop3|nntp COUNT`."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from typing import ClassVar, cast

from .sides import end_with_runner, serve

BODY = b"".join(f"line {line} ".ljust(76, "x").encode() + b"\r\n" for line in range(260)) + b"..dot\r\nend\r\n.\r\n"


def head(number: int) -> bytes:
    """The head of a message or article."""
    lines = [
        "From: sender@bench.test", "To: someone@bench.test", "Newsgroups: bench.test", f"Subject: message {number}",
        f"Message-ID: <{number}@bench.test>", "Date: Thu, 01 Jan 2026 00:00:00 +0000", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def size_of(number: int) -> int:
    """Without the doubled dot and the terminator."""
    return len(head(number)) + len(BODY) - 4


class Peer(asyncio.Protocol):
    """One connection; subclasses answer a line."""

    greeting = b""
    count = 0
    counted: ClassVar[Counter[str]] = Counter()
    distinct: ClassVar[set[int]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.input = b""
        self.in_data = False
        self.counted["connections"] += 1
        self.transport.write(self.greeting)

    def data_received(self, data: bytes) -> None:
        self.input += data
        answers = []
        while True:
            whole, mark, rest = self.input.partition(b"\r\n.\r\n" if self.in_data else b"\n")
            if not mark:
                break
            self.input = rest
            if self.in_data:
                answers.append(self.message(whole))
            else:
                self.counted["commands"] += 1
                answers.append(self.command(whole.decode().strip()))
        self.transport.write(b"".join(answers))
        if self.closing:
            self.transport.close()

    closing = False

    def message(self, data: bytes) -> bytes:
        self.in_data = False
        self.counted["messages"] += 1
        if found := re.search(rb"X-Number: (\d+)", data):
            self.distinct.add(int(found[1]))
        return b"250 ok, taken\r\n"

    def command(self, line: str) -> bytes:
        raise NotImplementedError

    def served(self, number: int) -> bytes:
        self.counted["served"] += 1
        return head(number) + BODY


class Smtp(Peer):
    greeting = b"220 bench.test ESMTP\r\n"

    def command(self, line: str) -> bytes:
        word = line.upper()[:4]
        self.in_data = word == "DATA"
        self.closing = word == "QUIT"
        answers = {
            "EHLO": b"250-bench.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 52428800\r\n",
            "DATA": b"354 go on\r\n",
            "QUIT": b"221 bye\r\n",
        }
        return answers.get(word, b"250 ok\r\n")


class Pop3(Peer):
    greeting = b"+OK here\r\n"

    def command(self, line: str) -> bytes:
        word, *arguments = line.upper().split()
        numbers = range(1, self.count + 1)
        self.closing = word == "QUIT"
        match word:
            case "CAPA":
                return b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\n.\r\n"
            case "STAT":
                return f"+OK {self.count} {sum(map(size_of, numbers))}\r\n".encode()
            case "LIST":
                return b"+OK\r\n" + b"".join(f"{n} {size_of(n)}\r\n".encode() for n in numbers) + b".\r\n"
            case "UIDL":
                return b"+OK\r\n" + b"".join(f"{n} u{n}\r\n".encode() for n in numbers) + b".\r\n"
            case "RETR" if int(arguments[0]) in numbers:
                return b"+OK\r\n" + self.served(int(arguments[0]))
            case "RETR" | "TOP" | "AUTH" | "STLS":
                return b"-ERR no\r\n"
        return b"+OK\r\n"


class Nntp(Peer):
    greeting = b"201 here\r\n"

    def command(self, line: str) -> bytes:
        word, *arguments = line.upper().split()
        self.closing = word == "QUIT"
        match word:
            case "CAPABILITIES":
                return b"101 here\r\nVERSION 2\r\nREADER\r\nOVER\r\n.\r\n"
            case "MODE":
                return b"201 no posting\r\n"
            case "GROUP":
                return f"211 {self.count} 1 {self.count} bench.test\r\n".encode()
            case "ARTICLE" if (found := re.search(r"\d+", arguments[0])) and 1 <= int(found[0]) <= self.count:
                return f"220 0 <{found[0]}@bench.test>\r\n".encode() + self.served(int(found[0]))
            case "ARTICLE":
                return b"430 no such article\r\n"
            case "QUIT":
                return b"205 bye\r\n"
        return b"500 what?\r\n"


def report() -> dict[str, int]:
    """What was counted."""
    names = ("connections", "commands", "messages", "served")
    return {name: Peer.counted[name] for name in names} | {"distinct": len(Peer.distinct)}


if __name__ == "__main__":
    end_with_runner()
    Peer.count = int(sys.argv[2])
    serve({"smtp": Smtp, "pop3": Pop3, "nntp": Nntp}[sys.argv[1]], report)
