"""A real FTP server with one file, /big: `python -m benchmarks.peers.vsftpd BYTES`, until standard input ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from ..jobs_files import memory_folder
from ..model import program_path
from .sides import PARENT_DEATH_SIGNAL, PATTERN_PERIOD, end_with_runner, pattern_block, say

PATIENCE = 10.0  # seconds for it to listen


def main(total: int) -> None:
    """Serve, say so, wait."""
    path = program_path("vsftpd")
    if path is None or os.getuid() != 0:
        say("missing", name="vsftpd, which wants to be started by root,")
        return
    with memory_folder() as name:
        folder = Path(name)
        _write_file(folder, total)
        (folder / "empty").mkdir()
        port = _free_port()
        config = folder / "vsftpd.conf"
        config.write_text(_settings(folder, port))
        with subprocess.Popen([path, str(config)], stdin=subprocess.DEVNULL, preexec_fn=_die_with_us) as server:
            try:
                _wait_for(port, server)
                say("ready", port=port)
                sys.stdin.read()
            finally:
                server.kill()
    say("result", bytes=None)  # it does not count; what arrived is compared by who got it


def _die_with_us() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _write_file(folder: Path, total: int) -> None:
    served = folder / "served"
    served.mkdir()
    with (served / "big").open("wb") as file:
        period = pattern_block()[:PATTERN_PERIOD]
        while file.tell() < total:
            file.write(period[: total - file.tell()])
    served.chmod(0o555)
    folder.chmod(0o755)


def _settings(folder: Path, port: int) -> str:
    settings = {
        "listen": "YES", "listen_address": "127.0.0.1", "listen_port": port, "background": "NO",
        "anonymous_enable": "YES", "local_enable": "NO", "anon_root": folder / "served", "no_anon_password": "NO",
        "secure_chroot_dir": folder / "empty", "seccomp_sandbox": "NO", "xferlog_enable": "NO", "use_sendfile": "YES",
    }  # fmt: skip
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and server.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.02)
    raise SystemExit("vsftpd does not listen")


if __name__ == "__main__":
    end_with_runner(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the folder goes
    main(int(sys.argv[1]))
