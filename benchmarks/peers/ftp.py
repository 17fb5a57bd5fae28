"""The stand-in for ftp.c: `python -m benchmarks.peers.ftp BYTES`."""

from __future__ import annotations

import contextlib
import select
import socket
import sys

from .sides import BLOCK, PATTERN_PERIOD, end_with_runner, pattern_block, say

FEATURES = "211-Features:\r\n EPSV\r\n MDTM\r\n MLST type*;size*;modify*;\r\n REST STREAM\r\n SIZE\r\n UTF8\r\n211 End"


class Session:
    """One client at a time."""

    def __init__(self, control: socket.socket, total: int) -> None:
        self.control = control
        self.total = total
        self.passive: socket.socket | None = None
        self.restart = self.sent = 0
        self.facts = f"type=file;size={total};modify=20260101000000;"

    def say(self, text: str) -> None:
        self.control.sendall(text.encode() + b"\r\n")

    def run(self) -> None:
        """Answer commands until the client goes."""
        self.say("220 here")
        fixed = {
            "USER": "331 password, please", "PASS": "230 welcome", "FEAT": FEATURES, "SIZE": f"213 {self.total}",
            "MLST": f"250-Here\r\n {self.facts} /big\r\n250 End", "MDTM": "213 20260101000000", "PWD": '257 "/"',
            "SYST": "215 UNIX Type: L8", "AUTH": "502 no TLS", "PBSZ": "502 no TLS", "PROT": "502 no TLS",
        }  # fmt: skip
        with self.control.makefile("rb") as lines:
            for line in lines:
                word, _, argument = line.decode().strip().partition(" ")
                match word.upper():
                    case "EPSV" | "PASV" as kind:
                        self.listen(kind == "EPSV")
                    case "REST":
                        self.restart = int(argument)
                        self.say("350 ok")
                    case "RETR":
                        self.transfer()
                    case "MLSD":
                        self.transfer(f"{self.facts} big\r\n".encode())
                    case "LIST":
                        self.transfer(f"-rw-r--r-- 1 ftp ftp {self.total} Jan 01 2026 big\r\n".encode())
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case other:
                        self.say(fixed.get(other, "200 ok"))

    def listen(self, extended: bool) -> None:
        """Announce a data channel."""
        if self.passive:
            self.passive.close()
        self.passive = socket.create_server(("127.0.0.1", 0))
        port = self.passive.getsockname()[1]
        self.say(f"229 here (|||{port}|)" if extended else f"227 here (127,0,0,1,{port >> 8},{port & 255})")

    def transfer(self, listing: bytes | None = None) -> None:
        """Send a listing, or the file, over the data channel."""
        if self.passive is None:
            return self.say("425 no data connection")
        self.say("150 coming")
        data, _ = self.passive.accept()
        self.passive.close()
        self.passive = None
        with data:
            if listing is not None:
                data.sendall(listing)
            else:
                at, self.restart = self.restart, 0
                block = pattern_block()
                while at < self.total:
                    start = at % PATTERN_PERIOD
                    sent = data.send(block[start : start + min(BLOCK, self.total - at)])
                    at += sent
                    self.sent += sent
        return self.say("226 done")


def main(total: int) -> None:
    """Serve until standard input ends."""
    connections = sent = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        say("ready", port=listener.getsockname()[1])
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            control, _ = listener.accept()
            connections += 1
            with control:
                session = Session(control, total)
                with contextlib.suppress(ConnectionError):
                    session.run()
                sent += session.sent
    say("result", connections=connections, bytes=sent)


if __name__ == "__main__":
    end_with_runner()
    main(int(sys.argv[1]))
