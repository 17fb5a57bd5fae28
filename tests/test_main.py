"""The commands of ``python -m asyncnet``: what they print, and their exit status."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from asyncnet import testing
from asyncnet.commands import main
from house import SOURCE

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}


@pytest.fixture
def dns() -> Iterator[testing.DNSServer]:
    records: dict[tuple[str, str], Any] = {
        ("www.example", "CNAME"): "example",
        ("example", "A"): ["192.0.2.1"],
        ("example", "AAAA"): "2001:db8::1",
        ("example", "MX"): (10, "mail.example"),
        ("1.2.0.192.in-addr.arpa", "PTR"): "example",
        ("web.example", "A"): "127.0.0.1",
    }
    with testing.DNSServer(records) as server:
        yield server


@pytest.fixture
def web() -> Iterator[testing.HTTPServer]:
    html = testing.Response(
        200, {"Content-Type": "text/html; charset=latin-1"}, "<title>Straße</title>".encode("latin-1")
    )
    routes = {
        "/": html,
        "/old": testing.Response(301, {"Location": "/"}),
        "/echo": lambda request: repr(request.headers),
    }
    with testing.HTTPServer(routes) as server:
        yield server


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_module_runs_and_tells_its_version() -> None:
    command = [sys.executable, "-m", "asyncnet", "--version"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith("asyncnet ")
    assert done.returncode == 0


@pytest.mark.parametrize("arguments", [["resolve", "x", "--timeout", "0"], ["resolve", "x", "--timeout", "inf"]])
def test_a_wrong_option_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "invalid number of seconds value" in capsys.readouterr().err


def test_uvloop_that_is_not_installed_is_one_line() -> None:
    program = (
        "import sys; sys.modules['uvloop'] = None; from asyncnet.commands import main; "
        "sys.exit(main(['resolve', 'localhost', '--loop', 'uvloop']))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "asyncnet: --loop uvloop needs uvloop: pip install 'asyncnet[speed]'\n"


# ---- resolve


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_resolve_addresses(dns: testing.DNSServer, loop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "www.example", "--family", "4", "--loop", loop, "--nameserver", dns.nameserver]) == 0
    assert capsys.readouterr().out == "192.0.2.1\n"


def test_resolve_records(dns: testing.DNSServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "www.example", "--type", "mx", "--nameserver", dns.nameserver]) == 0
    assert capsys.readouterr().out == "example  60  MX  10 mail.example\n"
    assert main(["resolve", "example", "--type", "MX", "--nameserver", dns.nameserver, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["example"]["records"] == [{"preference": 10, "exchange": "mail.example"}]


def test_resolve_names(dns: testing.DNSServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "192.0.2.1", "--reverse", "--nameserver", dns.nameserver, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"192.0.2.1": ["example"]}


def test_one_of_several_names_may_fail(dns: testing.DNSServer, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["resolve", "example", "absent.example", "--family", "4", "--nameserver", dns.nameserver]
    assert main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "example  192.0.2.1"
    assert lines[1].startswith("absent.example  error: ")
    assert main([*arguments, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["example"] == ["192.0.2.1"]
    assert "absent.example" in document["absent.example"]["error"]


def test_an_error_is_one_line(dns: testing.DNSServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "absent.example", "--nameserver", dns.nameserver]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("asyncnet: dns resolve absent.example: ")
    assert main(["resolve", "absent.example", "--nameserver", dns.nameserver, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["type"] == "NameNotFound"


@pytest.mark.parametrize("name", ["a b", "a\nb", "", "user@host", "x" * 64])
def test_what_cannot_be_meant_is_a_usage_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", name]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("asyncnet: ")
    assert printed.err.count("\n") == 1


# ---- fetch


def test_fetch_prints_the_content(web: testing.HTTPServer, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["fetch", web.url("/old")]) == 0
    assert capsysbinary.readouterr().out == "<title>Straße</title>".encode("latin-1")
    assert [request.path for request in web.requests] == ["/old", "/"]


def test_fetch_the_document(
    web: testing.HTTPServer, dns: testing.DNSServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = web.url("/old", host="web.example")
    assert main(["fetch", url, "--json", "--nameserver", dns.nameserver]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["title"]) == (200, "Straße")
    assert document["url"] == web.url("/", host="web.example")
    assert document["history"] == [{"url": url, "status": 301}]


def test_fetch_head_header_and_file(
    web: testing.HTTPServer, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", web.url("/"), "--head"]) == 0
    assert capsys.readouterr().out.startswith("200 OK\ncontent-type: text/html; charset=latin-1\n")
    file = tmp_path / "page"
    assert main(["fetch", web.url("/echo"), "--header", "X-Mine: yes", "-o", str(file)]) == 0
    assert "('X-Mine', 'yes')" in file.read_text()
    assert capsys.readouterr().out.startswith(f"200 {web.url('/echo')}: ")


def test_fetch_tells_a_no_by_its_status(web: testing.HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", web.url("/absent")]) == 1
    said = capsys.readouterr()
    assert said.out == "no /absent here\n"
    assert said.err == f"asyncnet: 404 Not Found from {web.url('/absent')}\n"


def test_fetch_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "http://127.0.0.1/", "--header", "nothing"]) == 2
    assert "a header is written 'Name: value'" in capsys.readouterr().err
    assert main(["fetch", "gopher://127.0.0.1/"]) == 2
    assert main(["fetch", "http://127.0.0.1:1/", "--ca", "/absent"]) == 1
    assert main(["fetch", "http://127.0.0.1:1/", "--public-only", "--retries", "0"]) == 1
    assert "127.0.0.1" in capsys.readouterr().err


def test_fetch_trusts_the_given_authority(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    ca = testing.CertificateAuthority()
    ca.save(tmp_path / "ca.pem")
    with testing.HTTPServer({"/": "secret"}, ssl=ca.server_context("127.0.0.1")) as server:
        assert main(["fetch", server.url("/"), "--ca", str(tmp_path / "ca.pem")]) == 0
        assert capsys.readouterr().out == "secret"
        assert main(["fetch", server.url("/"), "--retries", "0"]) == 1
        assert "certificate" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_traceback(web: testing.HTTPServer) -> None:
    web.routes["/big"] = bytes(1 << 24)
    command = [sys.executable, "-m", "asyncnet", "fetch", web.url("/big")]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


# ---- download


def test_download_into_a_folder(
    web: testing.HTTPServer, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytes(range(256)) * 4096
    web.routes["/file.bin"] = testing.Resource(content)
    right = hashlib.sha256(content).hexdigest()
    arguments = ["download", web.url("/file.bin"), str(tmp_path), "--hash", f"sha256:{right}", "--segments", "3"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'file.bin'}: 1,048,576 bytes in ")
    assert (tmp_path / "file.bin").read_bytes() == content
    assert main(["download", web.url("/file.bin"), str(tmp_path / "other"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["size"], document["sha256"], document["resumed_from"]) == (len(content), right, 0)


def test_download_another_hash_is_an_error(
    web: testing.HTTPServer, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.routes["/file.bin"] = testing.Resource(b"content")
    assert main(["download", web.url("/file.bin"), str(tmp_path / "f"), "--hash", "sha256:" + "0" * 64]) == 1
    assert not (tmp_path / "f").exists()
    assert capsys.readouterr().err.startswith("asyncnet: http download ")
    assert main(["download", web.url("/file.bin"), str(tmp_path / "f"), "--hash", "nonsense"]) == 2


# ---- trace


def test_trace_a_page(web: testing.HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", web.url("/")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("http fetch")
    assert any("connect" in line for line in lines)
    assert lines[-1] == f"200 {web.url('/')}, 21 bytes"


def test_trace_a_connection(capsys: pytest.CaptureFixture[str]) -> None:
    with testing.TCPServer(host="::1") as server:
        assert main(["trace", f"[::1]:{server.port}", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["result"] == f"connected to [::1]:{server.port}"
        assert document["spans"][0]["name"] == "tcp open"
    assert main(["trace", f"[::1]:{server.port}"]) == 1
    assert "failed: tcp open" in capsys.readouterr().out
    assert main(["trace", "nothing"]) == 2


# ---- connect and serve


def run_connect(*arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "asyncnet", "connect", *arguments]
    return subprocess.run(command, env=ENVIRONMENT, input=data, capture_output=True, timeout=60, check=False)


def test_connect_sends_its_input_and_prints_what_comes(tmp_path: pathlib.Path) -> None:
    data = bytes(range(256)) * 1000
    with testing.TCPServer() as server:
        done = run_connect("127.0.0.1", str(server.port), data=data)
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", data)
    ca = testing.CertificateAuthority()
    ca.save(tmp_path / "ca.pem")
    with testing.TCPServer([testing.Send(b"secret\n")], ssl=ca.server_context()) as server:
        options = ["--tls", "--ca", str(tmp_path / "ca.pem")]
        done = run_connect("localhost", str(server.port), *options, data=b"")
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"secret\n")


def test_connect_ends_with_the_server_though_its_input_goes_on() -> None:
    with testing.TCPServer([testing.Send(b"bye")]) as server:
        command = [sys.executable, "-m", "asyncnet", "connect", "127.0.0.1", str(server.port), "--json"]
        with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            document = json.loads(process.stdout.read())
            assert process.wait(30) == 0
    assert document == {"peer": f"127.0.0.1:{server.port}", "sent": 0, "received": 3}


def test_connect_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "127.0.0.1", "65536"]) == 2
    with testing.TCPServer() as server:
        pass
    assert main(["connect", "127.0.0.1", str(server.port)]) == 1
    assert "refused" in capsys.readouterr().err


@contextlib.contextmanager
def serve(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "asyncnet", "serve", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line.startswith("listening on 127.0.0.1:"), line + process.stderr.read()
            yield process, int(line.rpartition(":")[2])
        finally:
            process.kill()


def test_serve_echoes_until_it_is_told_to_end() -> None:
    with serve() as (process, port):
        with socket.create_connection(("127.0.0.1", port), timeout=10.0) as client:
            client.sendall(b"hello")
            assert client.recv(10) == b"hello"
            local = client.getsockname()[1]
        assert process.stdout is not None
        assert process.stdout.readline() == f"127.0.0.1:{local}: 5 bytes in, 5 out\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_serve_a_text_to_so_many() -> None:
    with serve("--text", "Grüße", "--count", "2", "--json", "--loop", "uvloop") as (process, port):
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), timeout=10.0) as client:
                with client.makefile("rb") as file:
                    assert file.read().decode() == "Grüße\n"
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert json.loads(process.stdout.read()) == {"address": f"127.0.0.1:{port}", "connections": 2}


def test_serve_with_tls(tmp_path: pathlib.Path) -> None:
    ca = testing.CertificateAuthority()
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(ca.server_pem("localhost"))
    with serve("--certificate", str(certificate), "--count", "1") as (process, port):
        with socket.create_connection(("127.0.0.1", port), timeout=10.0) as plain:
            with ca.client_context().wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
        assert process.wait(30) == 0


def test_ctrl_c_is_no_traceback() -> None:
    with testing.TCPServer([testing.Stall()]) as server:
        command = [sys.executable, "-m", "asyncnet", "connect", "127.0.0.1", str(server.port)]
        with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            server.block_until(lambda: server.connections.open == 1, timeout=30.0)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert process.stderr is not None
            assert process.stderr.read() == b""
