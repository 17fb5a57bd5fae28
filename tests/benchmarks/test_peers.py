"""The fixed other sides, in C and in Python: the same words, the same work, the same reports."""

from __future__ import annotations

import ftplib
import socket
import time

import pytest

from benchmarks import peers
from benchmarks.job import pattern
from benchmarks.jobs_mail import body_of
from benchmarks.model import WrongResult
from benchmarks.process import Child

KINDS = [
    pytest.param(True, id="c", marks=pytest.mark.skipif(not peers.HAVE_COMPILER, reason="no C compiler here")),
    pytest.param(False, id="python"),
]
SEGMENT = 103  # UDP_SEGMENT
BULK = 3_000_000  # almost three periods of the pattern

pytestmark = pytest.mark.parametrize("compiled", KINDS)


def child(compiled: bool, name: str, *arguments: object) -> Child:
    return Child(peers.program(name, *arguments, compiled=compiled), name=name, deadline=20)


def load_on(server: Child, compiled: bool, *amounts: int, port: int) -> Child:
    return child(compiled, "load", "echo", port, server.pid, *amounts)


@pytest.mark.parametrize("batch", [0, 2])
def test_echoes_are_served_and_counted(compiled: bool, batch: int) -> None:
    connections, messages, warm, size, cycles = 5, 4, 2, 64, 3
    with child(compiled, "serve", "echo", 0) as server:
        port = server.message("ready")["port"]
        with load_on(server, compiled, connections, messages, warm, size, cycles, batch, 0, port=port) as load:
            report = load.message("result")
        server.finish()
        counted = server.message("result")
    expected = connections * cycles
    assert (report["connections"], report["bytes"]) == (expected, expected * (messages + warm) * size)
    assert (counted["connections"], counted["bytes"]) == (report["connections"], report["bytes"])
    assert list(report["phases"]) == ["open", "warm", "echo", "close"]
    assert all(phase["wall"] > 0 for phase in report["phases"].values())
    assert sum(phase["cpu"] for phase in report["phases"].values()) > 0
    assert 0 < report["p50"] <= report["p99"]


def test_connections_are_held_until_the_runner_goes_on(compiled: bool) -> None:
    with child(compiled, "serve", "echo", 0) as server:
        port = server.message("ready")["port"]
        with load_on(server, compiled, 3, 1, 0, 64, 1, 1, 1, port=port) as load:
            load.message("held")
            assert load.ended is None
            load.go_on()
            assert load.message("result")["connections"] == 3


def test_load_refuses_a_server_that_alters_bytes(compiled: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with child(compiled, "load", "echo", listener.getsockname()[1], 0, 1, 1, 0, 64, 1, 0, 0) as load:
            link, _ = listener.accept()
            with link:
                link.sendall(link.recv(64, socket.MSG_WAITALL)[::-1])
                with pytest.raises(WrongResult, match=r"echo: wrong|is not what was sent"):
                    load.message("result")


def test_source_sends_the_pattern(compiled: bool) -> None:
    with child(compiled, "serve", "source", BULK) as server:
        with socket.create_connection(("127.0.0.1", server.message("ready")["port"])) as link:
            received = bytearray()
            while data := link.recv(1 << 20):
                received += data
        server.finish()
        assert server.message("result")["bytes"] == BULK
    assert received == pattern(0, BULK)


def test_push_sends_the_pattern_and_wants_the_count(compiled: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with child(compiled, "load", "push", listener.getsockname()[1], 0, BULK) as load:
            link, _ = listener.accept()
            with link:
                received = bytearray()
                while data := link.recv(1 << 20):
                    received += data
                link.sendall((BULK - 1).to_bytes(8, "little"))
            with pytest.raises(WrongResult, match="count"):
                load.message("result")
    assert received == pattern(0, BULK)


def test_sink_counts_what_is_pushed(compiled: bool) -> None:
    with child(compiled, "serve", "sink", BULK) as server:
        port = server.message("ready")["port"]
        with child(compiled, "load", "push", port, server.pid, BULK) as load:
            report = load.message("result")
    assert report["bytes"] == BULK
    assert report["phases"]["bulk"]["wall"] > 0


def has_segmentation() -> bool:
    """Whether this kernel cuts datagrams out of larger blocks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            udp.setsockopt(socket.IPPROTO_UDP, SEGMENT, 1200)
        except OSError:
            return False
        return True


needs_segmentation = pytest.mark.skipif(not has_segmentation(), reason="this kernel has no UDP segmentation offload")
MERGE = pytest.mark.parametrize("merge", [0, pytest.param(1, marks=needs_segmentation)])


def check_flood(udp: socket.socket, size: int) -> None:
    """Numbers grow, and every datagram is of that size and content."""
    last = -1
    for _ in range(100):
        data = udp.recv(65536)
        number = int.from_bytes(data[:8], "little")
        assert number > last
        assert data[8:] == b"x" * (size - 8)
        last = number


@MERGE
def test_flood_numbers_its_datagrams(compiled: bool, merge: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(10)
        with child(compiled, "datagrams", "flood", udp.getsockname()[1], 200, merge) as flood:
            check_flood(udp, 200)
            flood.finish()
            assert flood.message("result")["datagrams"] >= 100


@MERGE
def test_answer_floods_who_has_asked(compiled: bool, merge: int) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        child(compiled, "datagrams", "answer", 1200, merge) as answer,
    ):
        udp.settimeout(10)
        udp.connect(("127.0.0.1", answer.message("ready")["port"]))
        udp.send(b"go")
        check_flood(udp, 1200)


@needs_segmentation
@pytest.mark.parametrize("merging", [0, 1])
def test_sink_accounts_for_every_datagram(compiled: bool, merging: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        with child(compiled, "datagrams", "sink", merging) as sink:
            udp.connect(("127.0.0.1", sink.message("ready")["port"]))
            for _ in range(10):
                udp.send(b"x" * 1200)
            udp.setsockopt(socket.IPPROTO_UDP, SEGMENT, 1200)  # 20 datagrams in one call
            udp.send(b"x" * 24000)
            sink.finish()
            counted = sink.message("result")
    assert (counted["datagrams"], counted["bytes"], counted["dropped"]) == (30, 36000, 0)


def question(name: str, kind: int) -> bytes:
    """A DNS question as it travels."""
    labels = b"".join(len(label).to_bytes() + label.encode() for label in name.split("."))
    return b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + labels + b"\0" + kind.to_bytes(2) + b"\0\1"


@pytest.mark.parametrize(
    ("kind", "data"),
    [(1, bytes([198, 18, 1, 2])), (28, b"\x20\x01\x0d\xb8" + bytes(10) + b"\1\2"), (15, None)],
    ids=["A", "AAAA", "MX"],
)
def test_names_are_answered_with_their_number(compiled: bool, kind: int, data: bytes | None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, child(compiled, "names", 300) as names:
        udp.settimeout(10)
        udp.connect(("127.0.0.1", names.message("ready")["port"]))
        udp.send(question("hang1.example.org", kind))
        asked = question("n258.example.org", kind)
        udp.send(asked)
        answer = udp.recv(512)
        names.finish()
        assert names.message("result") == {"event": "result", "questions": 2, "silent": 1}
    assert answer[:2] == asked[:2]
    assert answer[2] & 0x80
    assert answer[12 : len(asked)] == asked[12:]
    head = b"\xc0\x0c" + kind.to_bytes(2) + b"\0\1" + (300).to_bytes(4)
    assert answer[len(asked) :] == (head + len(data).to_bytes(2) + data if data else b"")


def read_answer(link: socket.socket) -> tuple[dict[str, str], bytes]:
    """One HTTP answer with its length."""
    with link.makefile("rb") as file:
        lines = [file.readline().decode().strip()]
        while lines[-1]:
            lines.append(file.readline().decode().strip())
        fields = dict(line.lower().split(": ") for line in lines[1:-1])
        return fields, file.read(int(fields["content-length"]))


def test_web_answers_each_path(compiled: bool) -> None:
    with child(compiled, "web", 1, 0) as web:
        port = web.message("ready")["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.sendall(b"GET /page/7 HTTP/1.1\r\nHost: x\r\n\r\n")
            fields, page = read_answer(link)
            assert fields["content-type"] == "text/html; charset=utf-8"
            assert page.startswith(b"<!doctype html><html><head><title>7</title>")
            assert len(page) == 1024
            link.sendall(f"GET /big/{BULK} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert read_answer(link)[1] == pattern(0, BULK)
            link.sendall(b"GET /image/12 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            fields, image = read_answer(link)
            assert fields["connection"] == "close"
            assert (len(image), image[:8], image[67:69]) == (4096, b"\x89PNG\r\n\x1a\n", b"12")
            assert link.recv(1) == b""
        web.finish()
        assert web.message("result")["connections"] == 1


def test_dead_hosts_never_accept(compiled: bool) -> None:
    with child(compiled, "web", 3, 1) as web:
        port = web.message("ready")["port"]
        for live in ("127.0.1.1", "127.0.1.2"):
            socket.create_connection((live, port), timeout=10).close()
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.1.3", port), timeout=0.3)


def dialogue(link: socket.socket, commands: bytes) -> bytes:
    """Everything that comes back until the end."""
    link.sendall(commands)
    received = b""
    while data := link.recv(65536):
        received += data
    return received


def mailbox_body() -> bytes:
    """What the mail servers send for a body, dots doubled."""
    return body_of().replace("\n", "\r\n").replace("\r\n.dot", "\r\n..dot").encode()


def test_smtp_counts_different_messages(compiled: bool) -> None:
    message = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nX-Number: %d\r\n\r\n..dot\r\n.\r\n"
    with child(compiled, "lines", "smtp", 10) as lines:
        with socket.create_connection(("127.0.0.1", lines.message("ready")["port"]), timeout=10) as link:
            said = dialogue(link, b"EHLO x\r\n" + b"".join(message % number for number in (3, 4, 3)) + b"QUIT\r\n")
        lines.finish()
        counted = lines.message("result")
    assert said.startswith(b"220 bench.test ESMTP\r\n250-bench.test\r\n250-PIPELINING\r\n")
    assert said.count(b"250 ok, taken\r\n") == 3
    assert said.endswith(b"221 bye\r\n")
    assert (counted["connections"], counted["messages"], counted["distinct"]) == (1, 3, 2)


def test_pop3_serves_numbered_messages(compiled: bool) -> None:
    commands = b"USER x\r\nPASS y\r\nLIST\r\nRETR 2\r\nRETR 9\r\nQUIT\r\n"
    with child(compiled, "lines", "pop3", 2) as lines:
        with socket.create_connection(("127.0.0.1", lines.message("ready")["port"]), timeout=10) as link:
            said = dialogue(link, commands)
        lines.finish()
        assert lines.message("result")["served"] == 1
    greeting, _, rest = said.partition(b"\r\n1 ")
    assert greeting.endswith(b"+OK\r\n+OK\r\n+OK")
    listed, _, message = rest.partition(b"\r\n.\r\n+OK\r\n")
    size = int(listed.split()[-1])
    head, _, body = message.partition(b"\r\n\r\n")
    assert b"Subject: message 2\r\n" in head
    assert body == mailbox_body() + b".\r\n-ERR no\r\n+OK\r\n"
    assert size == len(head) + 4 + len(mailbox_body()) - 1


def test_nntp_serves_articles_by_id(compiled: bool) -> None:
    with child(compiled, "lines", "nntp", 5) as lines:
        with socket.create_connection(("127.0.0.1", lines.message("ready")["port"]), timeout=10) as link:
            said = dialogue(link, b"ARTICLE <3@bench.test>\r\nARTICLE <9@bench.test>\r\nQUIT\r\n")
    assert said.startswith(b"201 here\r\n220 0 <3@bench.test>\r\nFrom: ")
    assert b"Subject: message 3\r\n" in said
    assert said.endswith(mailbox_body() + b".\r\n430 no such article\r\n205 bye\r\n")


def test_relay_delays_both_ways(compiled: bool) -> None:
    delay = 0.02  # seconds each way
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with child(compiled, "relay", listener.getsockname()[1], int(delay * 1e6)) as relay:
            near = socket.create_connection(("127.0.0.1", relay.message("ready")["port"]), timeout=10)
            with near:
                far, _ = listener.accept()
                with far:
                    start = time.monotonic()
                    near.sendall(b"there")
                    assert far.recv(100) == b"there"
                    far.sendall(b"and back")
                    assert near.recv(100) == b"and back"
                    assert time.monotonic() - start >= 2 * delay
                    near.shutdown(socket.SHUT_WR)
                    assert far.recv(100) == b""
            relay.finish()
            assert relay.message("result")["bytes"] == len(b"thereand back")


def test_ftp_sends_its_file(compiled: bool) -> None:
    with child(compiled, "ftp", BULK) as server:
        with ftplib.FTP() as client:
            client.connect("127.0.0.1", server.message("ready")["port"], timeout=10)
            client.login()
            assert client.size("/big") == BULK
            assert [name for name, _ in client.mlsd()] == ["big"]
            for start in (0, 1_000_000):
                received = bytearray()
                client.retrbinary("RETR /big", received.extend, rest=start or None)
                assert received == pattern(start, BULK - start)
        server.finish()
        assert server.message("result")["connections"] == 1
