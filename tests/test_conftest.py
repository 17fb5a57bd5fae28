"""The guard of the suite is itself tried on tests that leave things behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).parent

LEAKY = """
    import asyncio, socket, threading
    import pytest

    keep = []

    @pytest.mark.asyncio
    async def test_clean():
        await asyncio.sleep(0)

    @pytest.mark.asyncio
    async def test_task():
        keep.append(asyncio.create_task(asyncio.Event().wait()))

    @pytest.mark.asyncio
    async def test_socket():
        keep.append(socket.socket())

    @pytest.mark.asyncio
    async def test_forgotten_socket():
        socket.socket().fileno()

    @pytest.mark.asyncio
    async def test_server():
        keep.append(await asyncio.start_server(print, "127.0.0.1"))

    @pytest.mark.asyncio
    async def test_forgotten_failure():
        asyncio.get_running_loop().create_future().set_exception(LookupError("nobody looked"))

    def test_thread():
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    @pytest.mark.asyncio
    @pytest.mark.time_limit(0.1)
    async def test_endless():
        await asyncio.Event().wait()
"""


def test_each_kind_of_leftover_fails_its_own_test(tmp_path):
    shutil.copy(HERE / "conftest.py", tmp_path)
    shutil.copy(HERE.parent / "pyproject.toml", tmp_path)
    (tmp_path / "test_leaky.py").write_text(textwrap.dedent(LEAKY))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", "--loop=asyncio"]
    paths = [HERE.parent, HERE.parent / "src"]
    options = ["-o", f"pythonpath={' '.join(map(str, paths))}", "test_leaky.py"]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    blamed = {line.split("::")[1].split()[0] for line in lines if line.startswith(("ERROR", "FAILED"))}
    assert blamed == {
        "test_task", "test_socket", "test_forgotten_socket", "test_server", "test_forgotten_failure",
        "test_thread", "test_endless",
    }, done.stdout  # fmt: skip
    assert "took longer than 0.1 s" in done.stdout
    assert "nobody looked" in done.stdout
    assert done.returncode == 1
