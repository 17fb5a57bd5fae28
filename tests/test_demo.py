"""The demo does its job, and notices when any part does not."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from asyncnet import testing
from asyncnet.commands import main
from asyncnet.testing import demo_servers
from house import SOURCE

# The steps in which a broken part is to be noticed.
NOTICED = {
    "dns": "resolve",
    "http": "fetch",
    "https": "fetch TLS",
    "png": "image PNG",
    "jpeg": "image JPEG",
    "download": "download",
    "tcp": "tcp read",
    "udp": "udp",
    "smtp": "smtp",
    "starttls": "smtp",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-X", "dev", "-m", "asyncnet", "demo", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_it_succeeds_without_a_warning_in_time(loop: str) -> None:
    start = time.monotonic()
    done = run("--loop", loop)
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].startswith("servers run in process ")
    assert lines[-1].endswith("all right")
    assert all(line.startswith("ok ") and " ms " in line for line in lines[1:-1])
    assert time.monotonic() - start < 20.0


def test_the_document_has_every_step() -> None:
    done = run("--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["ok"]
    steps = {step["step"]: step for step in document["steps"]}
    assert set(steps) >= set(NOTICED.values())
    assert all(step["ok"] and step["elapsed"] > 0 and step["result"] for step in steps.values())
    assert "decoded" in steps["image PNG"]["result"]
    assert "stored as sent" in steps["smtp"]["result"]


def test_every_part_can_be_broken() -> None:
    assert set(NOTICED) == set(demo_servers.PARTS)


@pytest.mark.parametrize("part", sorted(NOTICED))
def test_a_broken_part_is_noticed_by_its_step(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--break", part]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert [line for line in failed if f"ms  {NOTICED[part]} " in line]
    if part != "dns":  # without its address nothing finds the server
        assert {line.split("ms  ")[1][:10].split()[0] for line in failed} <= {NOTICED[part].split()[0], "save"}


def test_servers_that_do_not_start_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--break", "everything"]) == 1
    assert "asyncnet: the servers' process did not start" in capfd.readouterr().err


def test_the_servers_say_what_they_cannot(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo_servers.main(["--folder", str(tmp_path / "absent")]) == 1
    assert "No such file" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize("module", ["PIL", "trustme"])
def test_what_is_not_installed_is_one_line(module: str, tmp_path: pathlib.Path) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; from asyncnet.testing import demo_servers; "
        f"sys.exit(demo_servers.main(['--folder', {str(tmp_path)!r}]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "pip install 'asyncnet[" in json.loads(done.stdout)["error"]


PAGE = "<title>A page</title><a href='/next'>next</a>"


def test_a_page_of_the_real_network(capsys: pytest.CaptureFixture[str]) -> None:
    with testing.HTTPServer({"/": testing.Response(200, {"Content-Type": "text/html"}, PAGE)}) as server:
        assert main(["demo", "--url", server.url("/"), "--name", "localhost"]) == 0
        printed = capsys.readouterr().out
        assert "localhost is 127.0.0.1" in printed or "localhost is ::1" in printed
        assert "'A page'" in printed
        assert f"connected to 127.0.0.1:{server.port}" in printed
    assert main(["demo", "--url", server.url("/")]) == 1
    assert "wrong: fetch, save, tcp connect" in capsys.readouterr().out


def test_only_a_name_of_the_real_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--name", "localhost"]) == 0
    assert "1 steps" in capsys.readouterr().out


def test_a_url_without_a_host_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--url", "nothing"]) == 2
    assert capsys.readouterr().err == "asyncnet: no host in 'nothing'\n"
