"""An FTP server with files in memory."""

from __future__ import annotations

import asyncio
import posixpath
import re
import ssl as _ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import ClassVar

from .ftp_data import DataChannel, DataFaults
from .ftp_files import MODIFIED, Tree
from .line_server import LineServer, Login, Scripted, Session

__all__ = ["FTPServer"]

_FEATURES = ("EPSV", "EPRT", "MDTM", "MLST type*;size*;modify*;perm*;", "PASV", "REST STREAM", "SIZE", "TVFS", "UTF8")


class FTPServer(LineServer):
    """An FTP server (RFC 959) with EPSV (2428), MLSD, SIZE, MDTM and REST (3659) and TLS (4217).

    Keys of ``replies``, ``drop_at`` and ``stall_at`` are the beginnings of
    commands, ``"CONNECT"`` for the greeting and ``"."`` for the reply at the end of a transfer.

    Attributes:
        faults: what goes wrong on data connections: ``cut_at``, ``stall_at``, ``require_session_reuse``.
        files: what there is now, by absolute path.
        logins: every `Login` tried, in order.
        commands: every command line.

    Example:
        ```python
        with testing.FTPServer({"/pub/readme.txt": b"hello"}, users={"me": "secret"}) as server:
            print(server.files)
        ```
    """

    _name: ClassVar[str] = "ftp"

    def __init__(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: _ssl.SSLContext | None = None,
        starttls: _ssl.SSLContext | None = None,
        users: Mapping[str, str] | None = None,
        features: Sequence[str] = _FEATURES,
        pasv_address: str | None = None,
        require_session_reuse: bool = False,
        cut_data_at: int | None = None,
        stall_data_at: int | None = None,
        replies: Mapping[str, Scripted] | None = None,
        inject: bytes = b"",
        drop_at: str | Collection[str] = (),
        stall_at: str | Collection[str] = (),
        delay: float = 0.0,
    ) -> None:
        """Store the script.

        Args:
            files: contents by absolute path.
            host: the address to bind.
            port: the port to bind, 0 for a free one.
            ssl: a server's context for TLS from the first byte; ``None`` is none.
            starttls: a server's context for AUTH TLS, which is then offered; ``None`` does not offer it.
            users: names and passwords; ``None`` takes any, anonymous included.
            features: what FEAT says; a command whose feature is absent is not known; empty answers it with 502.
            pasv_address: what PASV tells in place of the true address.
            require_session_reuse: refuse TLS data connections that do not take up a session of the control connection.
            cut_data_at: after how many bytes sent a data connection is cut; the transfer then ends with 426.
            stall_data_at: after how many bytes sent a data connection stalls.
            replies: what is said in place of the usual replies, by command.
            inject: bytes sent in clear right behind the reply to AUTH TLS.
            drop_at: commands at which the connection is cut.
            stall_at: commands that are never answered.
            delay: seconds before each reply.
        """
        super().__init__(
            host=host, port=port, ssl=ssl, replies=replies, drop_at=drop_at, stall_at=stall_at, delay=delay
        )
        self.starttls = starttls
        self.users = None if users is None else dict(users)
        self.features = tuple(features)
        self.pasv_address = pasv_address
        self.faults = DataFaults(cut_data_at, stall_data_at, require_session_reuse)
        self.inject = inject
        self._tree = Tree(files or {})

    @property
    def files(self) -> dict[str, bytes]:
        """What there is now, by absolute path."""
        with self._signal.lock:
            return dict(self._tree.files)

    def put(self, path: str, content: bytes) -> None:
        """Put a file there, and the folders above it.

        Args:
            path: absolute.
            content: the whole of it; what was there is replaced.
        """
        with self._signal.lock:
            self._tree.add(path, content)

    @property
    def folders(self) -> set[str]:
        """Every folder there is now."""
        with self._signal.lock:
            return set(self._tree.folders)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        session = _FTPSession(self, reader, writer)
        try:
            await session.run()
        finally:
            session.data.close()


class _FTPSession(Session):
    """The dialogue on one control connection."""

    server: FTPServer

    def __init__(self, server: FTPServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(server, reader, writer)
        self.tree = server._tree
        self.tls = server.ssl is not None
        self.username = ""
        self.logged_in = False
        self.folder = "/"
        self.offset = 0
        self.source = ""  # of a rename
        self.data = DataChannel(server, server.faults)

    async def run(self) -> None:
        if (await self.reply("CONNECT", "220 test.invalid ready"))[:1] != "2":
            return
        while (line := await self.read_line()) is not None:
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                await self.reply(line, "221 bye")
                return
            if verb in _FREE:
                await _FREE[verb](self, line, argument)
            elif verb in _SIMPLE:
                usual = _SIMPLE[verb]
                await self.reply(line, usual.format(folder=self.folder.replace('"', '""')))
            elif verb not in _MEMBERS or not self._offered(verb):
                await self.reply(line, "500 not known")
            elif not self.logged_in:
                await self.reply(line, "530 log in first")
            else:
                await _MEMBERS[verb](self, line, argument)

    def _offered(self, verb: str) -> bool:
        feature = {"MLSD": "MLST"}.get(verb, verb)
        named = {name.split()[0] for name in _FEATURES}
        return feature not in named or feature in {name.split()[0] for name in self.server.features}

    # -- logging in -----------------------------------------------------------

    async def _user(self, line: str, argument: str) -> None:
        self.username = argument
        await self.reply(line, "331 password, please")

    async def _pass(self, line: str, argument: str) -> None:
        users = self.server.users
        ok = users is None or users.get(self.username) == argument
        self.server._tried(Login("USER", self.username, argument, self.tls, ok))
        self.logged_in = (await self.reply(line, "230 welcome" if ok else "530 wrong credentials"))[:1] == "2"

    async def _auth(self, line: str, argument: str) -> None:
        context = self.server.starttls
        if context is None or self.tls or argument.upper() not in ("TLS", "TLS-C"):
            await self.reply(line, "504 not offered")
        elif await self.upgrade(line, "234 go ahead", self.server.inject, context):
            self.tls = True

    async def _protect(self, line: str, argument: str) -> None:
        if not self.tls:
            await self.reply(line, "503 AUTH first")
        elif line[:4].upper() == "PBSZ":
            await self.reply(line, "200 PBSZ=0")
        elif argument.upper() not in ("P", "C"):
            await self.reply(line, "504 C or P")
        elif (await self.reply(line, "200 so be it"))[:1] == "2":
            self.data.ssl = (self.server.ssl or self.server.starttls) if argument.upper() == "P" else None

    async def _feat(self, line: str, argument: str) -> None:
        features = list(self.server.features)
        if not features:
            await self.reply(line, "502 not known")
            return
        if self.server.starttls is not None:
            features += ["AUTH TLS", "PBSZ", "PROT"]
        await self.reply(line, "\n".join(["211-features", *(f" {name}" for name in features), "211 end"]))

    # -- where, and how -------------------------------------------------------

    def _path(self, argument: str) -> str:
        return self.tree.resolve(self.folder, argument)

    async def _cwd(self, line: str, argument: str) -> None:
        path = self._path(".." if line[:4].upper() == "CDUP" else argument)
        if path not in self.tree.folders:
            await self.reply(line, "550 no such folder")
        elif (await self.reply(line, "250 there you are"))[:1] == "2":
            self.folder = path

    async def _passive(self, line: str, argument: str) -> None:
        port = self.data.listen()
        if line[:4].upper() == "EPSV":
            await self.reply(line, f"229 entering extended passive mode (|||{port}|)")
            return
        address = self.server.pasv_address or self.server.host
        if ":" in address:
            await self.reply(line, "425 PASV is for IPv4")
            return
        numbers = ",".join([*address.split("."), str(port >> 8), str(port & 255)])
        await self.reply(line, f"227 entering passive mode ({numbers})")

    async def _active(self, line: str, argument: str) -> None:
        if line[:4].upper() == "PORT" and (match := re.fullmatch(r"(\d+,\d+,\d+,\d+),(\d+),(\d+)", argument)):
            self.data.target = (match[1].replace(",", "."), int(match[2]) * 256 + int(match[3]))
        elif match := re.fullmatch(r"(.)[12]\1([^|]+)\1(\d+)\1", argument):
            self.data.target = (match[2], int(match[3]))
        else:
            await self.reply(line, "501 syntax")
            return
        await self.reply(line, "200 so be it")

    async def _rest(self, line: str, argument: str) -> None:
        if not argument.isdigit():
            await self.reply(line, "501 syntax")
        elif (await self.reply(line, f"350 restarting at {argument}"))[:1] == "3":
            self.offset = int(argument)

    # -- transfers ------------------------------------------------------------

    async def _transfer(self, line: str, content: bytes | None) -> bytes | None:
        """Send the content, or receive where there is none; None where the transfer failed."""
        if (await self.reply(line, "150 here it comes"))[:1] != "1":
            self.data.close()
            return None
        try:
            return await (self.data.receive() if content is None else self.data.send(content))
        except (OSError, EOFError, TimeoutError) as error:
            await self.reply(".", f"{426 if self.data.opened else 425} {type(error).__name__}")
            return None
        finally:
            self.data.close()

    async def _list(self, line: str, argument: str) -> None:
        verb = line[:4].upper()
        # Some clients pass options of ls on.
        path = self._path("" if argument.startswith("-") else argument)
        if path in self.tree.folders:
            paths = list(self.tree.children(path))
        elif path in self.tree.files and verb != "MLSD":
            paths = [path]
        else:
            await self.reply(line, "550 no such folder")
            return
        rows: dict[str, Callable[[str], str]] = {
            "LIST": self.tree.row,
            "NLST": posixpath.basename,
            "MLSD": lambda path: self.tree.facts(path) + posixpath.basename(path),
        }
        text = "".join(f"{rows[verb](path)}\r\n" for path in paths)
        if await self._transfer(line, text.encode("utf-8", "surrogateescape")) is not None:
            await self.reply(".", "226 that was it")

    async def _retr(self, line: str, argument: str) -> None:
        offset, self.offset = self.offset, 0
        content = self.tree.files.get(self._path(argument))
        if content is None:
            await self.reply(line, "550 no such file")
        elif await self._transfer(line, content[offset:]) is not None:
            await self.reply(".", "226 that was it")

    async def _stor(self, line: str, argument: str) -> None:
        offset, self.offset = self.offset, 0
        path = self._path(argument)
        old = self.tree.files.get(path, b"")
        kept = old if line[:4].upper() == "APPE" else old[:offset]
        if not self.tree.store(path, kept):
            await self.reply(line, "553 not there")
            return
        received = await self._transfer(line, None)
        if received is None:
            return
        with self.server._signal.lock:
            self.tree.store(path, kept + received)
        self.server._signal.notify()
        await self.reply(".", "226 stored")

    # -- the tree -------------------------------------------------------------

    async def _mlst(self, line: str, argument: str) -> None:
        path = self._path(argument)
        if self.tree.exists(path):
            await self.reply(line, f"250-here it is\n {self.tree.facts(path)}{path}\n250 end")
        else:
            await self.reply(line, "550 no such thing")

    async def _size(self, line: str, argument: str) -> None:
        content = self.tree.files.get(self._path(argument))
        if content is None:
            await self.reply(line, "550 no such file")
        else:
            await self.reply(line, f"213 {len(content) if line[:4].upper() == 'SIZE' else MODIFIED}")

    async def _change(self, line: str, argument: str) -> None:
        verb, path = line.partition(" ")[0].upper(), self._path(argument)
        await self.check(line)
        scripted = self.server._scripted(line)
        if scripted is not None:
            await self.say(scripted)
            return
        with self.server._signal.lock:
            said = self._changed(verb, path)
        self.server._signal.notify()
        await self.say(said)

    def _changed(self, verb: str, path: str) -> str:
        tree = self.tree
        if verb == "DELE":
            return "250 gone" if tree.files.pop(path, None) is not None else "550 no such file"
        if verb == "RMD":
            return "250 gone" if tree.remove_folder(path) else "550 no such folder, or not empty"
        if verb == "MKD":
            if tree.exists(path) or posixpath.dirname(path) not in tree.folders:
                return "550 cannot be made"
            tree.folders.add(path)
            doubled = path.replace('"', '""')
            return f'257 "{doubled}" made'
        if verb == "RNFR":
            self.source = path if tree.exists(path) else ""
            return "350 and its new name?" if self.source else "550 no such thing"
        source, self.source = self.source, ""
        return "250 renamed" if source and tree.rename(source, path) else "553 cannot be renamed"


#: Commands with one answer.
_SIMPLE = {
    "NOOP": "200 OK",
    "SYST": "215 UNIX Type: L8",
    "TYPE": "200 so be it",
    "MODE": "200 so be it",
    "STRU": "200 so be it",
    "OPTS": "200 so be it",
    "PWD": '257 "{folder}"',
    "ABOR": "226 nothing to abort",
}

_Command = Callable[[_FTPSession, str, str], Awaitable[None]]

#: Commands for everybody.
_FREE: dict[str, _Command] = {
    "USER": _FTPSession._user,
    "PASS": _FTPSession._pass,
    "AUTH": _FTPSession._auth,
    "PBSZ": _FTPSession._protect,
    "PROT": _FTPSession._protect,
    "FEAT": _FTPSession._feat,
}

#: Commands for those who are logged in.
_MEMBERS: dict[str, _Command] = {
    "CWD": _FTPSession._cwd,
    "CDUP": _FTPSession._cwd,
    "PASV": _FTPSession._passive,
    "EPSV": _FTPSession._passive,
    "PORT": _FTPSession._active,
    "EPRT": _FTPSession._active,
    "REST": _FTPSession._rest,
    "LIST": _FTPSession._list,
    "NLST": _FTPSession._list,
    "MLSD": _FTPSession._list,
    "MLST": _FTPSession._mlst,
    "SIZE": _FTPSession._size,
    "MDTM": _FTPSession._size,
    "RETR": _FTPSession._retr,
    "STOR": _FTPSession._stor,
    "APPE": _FTPSession._stor,
    "DELE": _FTPSession._change,
    "MKD": _FTPSession._change,
    "RMD": _FTPSession._change,
    "RNFR": _FTPSession._change,
    "RNTO": _FTPSession._change,
}
