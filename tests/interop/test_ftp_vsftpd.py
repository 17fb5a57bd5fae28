"""ftp beside vsftpd, which demands TLS and that data connections take up the session of the control connection."""

from __future__ import annotations

import asyncio
import ftplib
import hashlib
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import asyncnet

from .conftest import absent, free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("vsftpd")]

BIG = random.Random(7).randbytes(5_000_000)


@pytest.fixture(scope="module")
def vsftpd(folder: Path, pki: SimpleNamespace) -> Iterator[SimpleNamespace]:
    path = program("vsftpd")
    if os.getuid() != 0:
        absent("vsftpd needs root")
    root = folder / "ftp"
    (root / "pub").mkdir(parents=True)
    (root / "pub" / "readme.txt").write_bytes(b"hello\r\n")
    (root / "pub" / "big").write_bytes(BIG)
    (root / "in").mkdir()
    owner = pwd.getpwnam("ftp")
    for place in (root / "in", root / "pub"):
        os.chown(place, owner.pw_uid, owner.pw_gid)
    root.chmod(0o555)
    (folder / "empty").mkdir()
    port = free_port()
    settings = {
        "listen": "YES", "listen_address": "127.0.0.1", "listen_port": str(port), "background": "NO",
        "anonymous_enable": "YES", "local_enable": "NO", "write_enable": "YES", "anon_root": str(root),
        "anon_upload_enable": "YES", "anon_mkdir_write_enable": "YES", "anon_other_write_enable": "YES",
        "anon_umask": "022", "no_anon_password": "NO", "secure_chroot_dir": str(folder / "empty"),
        "pasv_address": "192.0.2.1", "seccomp_sandbox": "NO", "allow_anon_ssl": "YES", "ssl_enable": "YES",
        "force_anon_data_ssl": "YES", "force_anon_logins_ssl": "YES", "require_ssl_reuse": "YES",
        "rsa_cert_file": str(pki.certificate), "rsa_private_key_file": str(pki.key), "xferlog_enable": "NO",
    }  # fmt: skip
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    config.chmod(0o600)
    with running([path, str(config)], port, folder=folder):
        yield SimpleNamespace(port=port, root=root)
    shutil.rmtree(root, ignore_errors=True)


def client(vsftpd: SimpleNamespace, dialer: asyncnet.Dialer) -> asyncnet.ftp.Client:
    return asyncnet.ftp.Client("localhost", vsftpd.port, starttls=True, dialer=dialer)


async def test_list_and_fetch(vsftpd: SimpleNamespace, dialer: asyncnet.Dialer) -> None:
    async with client(vsftpd, dialer) as ftp:
        entries = {entry.name: entry for entry in await ftp.list("/pub")}
        assert entries["readme.txt"].size == 7
        assert entries["big"].kind == "file"
        assert await ftp.fetch("/pub/readme.txt") == b"hello\r\n"
        assert await ftp.fetch("/pub/big") == BIG
        with pytest.raises(asyncnet.ReplyError) as caught:
            await ftp.fetch("/pub/none")
        assert caught.value.code == 550


async def test_upload_kill_resume_and_compare(vsftpd: SimpleNamespace, dialer: asyncnet.Dialer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(BIG)
    name = f"/in/{tmp_path.name}"
    async with client(vsftpd, dialer) as ftp:
        began = asyncio.Event()
        task = asyncio.create_task(ftp.upload(source, name, progress=lambda done, total: began.set()))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])
    async with client(vsftpd, dialer) as ftp:
        sent = await ftp.upload(source, name, resume=True)
        assert sent.size == len(BIG)
        got = await ftp.download(name, tmp_path / "back")
    assert hashlib.sha256(got.path.read_bytes()).digest() == hashlib.sha256(BIG).digest()


async def test_download_cancelled_and_resumed(vsftpd: SimpleNamespace, dialer: asyncnet.Dialer, tmp_path: Path) -> None:
    async with client(vsftpd, dialer) as ftp:
        began = asyncio.Event()
        task = asyncio.create_task(ftp.download("/pub/big", tmp_path / "big", progress=lambda done, total: began.set()))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])
    async with client(vsftpd, dialer) as ftp:
        got = await ftp.download("/pub/big", tmp_path / "big")
    assert got.path.read_bytes() == BIG
    assert got.resumed_from > 0 or not task.cancelled()


# A transfer in a process of its own, which stands still in the middle until it is killed.
VICTIM = """
import asyncio, ssl, sys, threading, time
import asyncnet

port, authority, way, local, remote = sys.argv[1:]

def progress(done, total):
    if done >= 2_500_000:
        print("middle", flush=True)
        threading.Event().wait()
    time.sleep(0.11)  # progress is told ten times a second: so each time that something moved

async def main():
    dialer = asyncnet.Dialer(ssl_context=ssl.create_default_context(cafile=authority))
    async with asyncnet.ftp.Client("localhost", int(port), starttls=True, dialer=dialer) as ftp:
        if way == "upload":
            await ftp.upload(local, remote, progress=progress)
        else:
            await ftp.download(remote, local, progress=progress)

asyncio.run(main())
"""


async def killed_in_the_middle(vsftpd: SimpleNamespace, pki: SimpleNamespace, way: str, local: Path, name: str) -> None:
    arguments = ["-c", VICTIM, str(vsftpd.port), str(pki.authority), way, str(local), name]
    victim = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE)
    assert victim.stdout is not None
    said = await victim.stdout.readline()
    victim.kill()
    await victim.communicate()
    assert said == b"middle\n"
    assert victim.returncode == -signal.SIGKILL


async def test_an_upload_whose_process_is_killed(
    vsftpd: SimpleNamespace, pki: SimpleNamespace, dialer: asyncnet.Dialer, tmp_path: Path
) -> None:
    source, name = tmp_path / "source", f"/in/killed-{tmp_path.name}"
    source.write_bytes(BIG)
    await killed_in_the_middle(vsftpd, pki, "upload", source, name)
    async with client(vsftpd, dialer) as ftp:
        sent = await ftp.upload(source, name, resume=True)
        assert 0 < sent.resumed_from < len(BIG)
        assert (sent.size, sent.checked) == (len(BIG), "size")
        back = await ftp.fetch(name)
    assert hashlib.sha256(back).digest() == hashlib.sha256(BIG).digest()


async def test_a_download_whose_process_is_killed(
    vsftpd: SimpleNamespace, pki: SimpleNamespace, dialer: asyncnet.Dialer, tmp_path: Path
) -> None:
    target = tmp_path / "big"
    await killed_in_the_middle(vsftpd, pki, "download", target, "/pub/big")
    assert not target.exists()
    async with client(vsftpd, dialer) as ftp:
        got = await ftp.download("/pub/big", target)
    assert 0 < got.resumed_from < len(BIG)
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(BIG).digest()
    assert [path.name for path in tmp_path.iterdir()] == ["big"]


async def test_a_data_connection_of_its_own_session_is_refused(
    vsftpd: SimpleNamespace, pki: SimpleNamespace, tmp_path: Path
) -> None:
    """That vsftpd does demand the session of the control connection: ftplib, which offers none, gets nothing."""

    with ftplib.FTP_TLS(context=pki.context) as peer:
        peer.connect("localhost", vsftpd.port, timeout=10)
        peer.login()
        peer.prot_p()
        with pytest.raises((ftplib.Error, OSError)):
            peer.retrbinary("RETR /pub/readme.txt", lambda block: None)


async def test_folders(vsftpd: SimpleNamespace, dialer: asyncnet.Dialer, tmp_path: Path) -> None:
    name = f"/in/d-{tmp_path.name}"
    async with client(vsftpd, dialer) as ftp:
        await ftp.make_directory(name)
        await ftp.store(f"{name}/a", b"one")
        await ftp.rename(f"{name}/a", f"{name}/b")
        assert (await ftp.stat(f"{name}/b")).size == 3
        assert [entry.path async for entry in ftp.walk(name)] == [f"{name}/b"]
        await ftp.delete(f"{name}/b")
        await ftp.remove_directory(name)


async def test_clear_login_is_refused(vsftpd: SimpleNamespace) -> None:
    with pytest.raises((asyncnet.AuthenticationError, asyncnet.ReplyError)):
        async with asyncnet.ftp.Client("localhost", vsftpd.port, starttls=False) as ftp:
            await ftp.fetch("/pub/readme.txt")
