"""A password is in no trace and no error, whether it was right or wrong, by whatever protocol it went."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import asyncnet
from asyncnet import Dialer, testing
from tests.core.proxies import Proxy

pytestmark = pytest.mark.asyncio

RIGHT, WRONG = "sesam-öffne-dich", "sesam-wechsle-dich"
MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\nhello\r\n"
CA = testing.CertificateAuthority()


def dialer(**options: Any) -> Dialer:
    return Dialer(ssl_context=CA.client_context(), hosts={"origin.example": "127.0.0.1"}, **options)


async def by_smtp(password: str) -> None:
    with testing.SMTPServer(starttls=CA.server_context("origin.example"), users={"me": RIGHT}) as server:
        await asyncnet.smtp.send(
            MAIL, "origin.example", server.port, username="me", password=password, dialer=dialer()
        )  # fmt: skip


async def by_pop3(password: str) -> None:
    with testing.POP3Server([MAIL], ssl=CA.server_context("origin.example"), users={"me": RIGHT}) as server:
        await asyncnet.pop3.fetch(
            "origin.example", server.port, username="me", password=password, ssl=True, dialer=dialer()
        )  # fmt: skip


async def by_ftp(password: str) -> None:
    with testing.FTPServer({"/a": b"x"}, starttls=CA.server_context("origin.example"), users={"me": RIGHT}) as server:
        async with asyncnet.ftp.Client(
            "origin.example", server.port, username="me", password=password, dialer=dialer()
        ) as client:
            await client.fetch("/a")


async def by_nntp(password: str) -> None:
    with testing.NNTPServer(ssl=CA.server_context("origin.example"), users={"me": RIGHT}) as server:
        async with asyncnet.nntp.Client(
            "origin.example", server.port, username="me", password=password, ssl=True, dialer=dialer()
        ) as client:
            await client.capabilities()


def protected(request: testing.Request) -> testing.Response:
    wanted = "Basic " + base64.b64encode(f"me:{RIGHT}".encode()).decode()
    return testing.Response(200 if ("Authorization", wanted) in request.headers else 401, {}, "hello")


async def by_http(password: str) -> None:
    with testing.HTTPServer({"/": protected}, ssl=CA.server_context("origin.example")) as server:
        async with asyncnet.http.Client(auth=("me", password), dialer=dialer()) as client:
            await client.fetch(server.url("/", host="origin.example"))


async def by_url(password: str) -> None:
    with testing.HTTPServer({"/": protected}, ssl=CA.server_context("origin.example")) as server:
        await asyncnet.http.fetch(f"https://me:{password}@origin.example:{server.port}/", dialer=dialer())


def through(scheme: str) -> Callable[[str], Awaitable[None]]:
    async def by_proxy(password: str) -> None:
        with testing.TCPServer() as server, Proxy(scheme, login=("me", RIGHT)) as proxy:
            own = dialer(proxy=proxy.url(f"me:{password}@"))
            await asyncnet.tcp.exchange("origin.example", server.port, b"x", dialer=own)

    return by_proxy


WAYS: dict[str, Callable[[str], Awaitable[None]]] = {
    "smtp": by_smtp, "pop3": by_pop3, "ftp": by_ftp, "nntp": by_nntp, "http": by_http, "url": by_url,
    "http proxy": through("http"), "socks5 proxy": through("socks5"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("password", [RIGHT, WRONG], ids=["right", "wrong"])
async def test_a_password_is_nowhere(way, password, caplog):
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with asyncnet.trace() as trace:
        if password == RIGHT:
            await WAYS[way](password)
        else:
            with pytest.raises(asyncnet.ReplyError) as caught:
                await WAYS[way](password)
            error = caught.value
            shown += [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
            shown.append(pickle.dumps(error).decode("latin-1"))
    assert trace.operations
    shown += [str(trace), repr(trace), trace._repr_html_(), json.dumps(trace.to_dict(), ensure_ascii=False)]
    shown += [repr(span) for span in trace.spans]
    shown.append(caplog.text)
    forms = [password, password.encode().decode("latin-1"), base64.b64encode(f"me:{password}".encode()).decode()]
    forms += [base64.b64encode(password.encode()).decode(), base64.b64encode(f"\0me\0{password}".encode()).decode()]
    for form in forms:
        assert not [text for text in shown if form in text]


async def test_a_token_in_a_query_is_nowhere_either(tmp_path):
    """It should not be there, but some services take no other; what the program gets is the URL as it is."""
    redirect = testing.Response(302, {"Location": f"/page?access_token={RIGHT.encode().hex()}&lang=de"})
    secret = RIGHT.encode().hex()
    shown: list[str] = []
    routes = {"/": redirect, "/page": "hello", "/no": testing.Response(404, {}, "no")}
    with testing.HTTPServer(routes) as server, asyncnet.trace() as trace:
        page = await asyncnet.http.fetch(server.url(f"/?token={secret}"))
        assert page.url == server.url(f"/page?access_token={secret}&lang=de")
        shown += [repr(page), page._repr_html_(), repr(page.attempts), repr(page.history)]
        saved = await asyncnet.http.download(server.url(f"/page?key={secret}"), tmp_path / "page")
        shown.append(repr(saved))
        with pytest.raises(asyncnet.ProtocolError) as caught:
            page.json()
        shown.append(str(caught.value))
        with pytest.raises(asyncnet.ReplyError) as refused:
            await asyncnet.http.fetch(server.url(f"/no?sig={secret}"))
        with pytest.raises(asyncnet.ReplyError) as also:
            await asyncnet.http.download(server.url(f"/no?sig={secret}"), tmp_path / "no")
        shown += [str(refused.value), repr(refused.value), str(also.value), repr(also.value.attempts)]
        async with (
            asyncnet.http.Client() as client,
            client.stream("GET", server.url(f"/page?key={secret}")) as response,
        ):
            shown.append(repr(response))
    shown += [str(trace), trace._repr_html_(), json.dumps(trace.to_dict())]
    assert not [text for text in shown if secret in text]
    assert f"{server.url('/page')}?access_token=***&lang=de" in repr(page)
    assert "?sig=***" in str(refused.value)
