"""smtp beside aiosmtpd, which takes one command at a time: STARTTLS, logins, SIZE, SMTPUTF8, and aiosmtplib's way."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import Iterator
from types import SimpleNamespace

import aiosmtplib
import pytest

import asyncnet
from tests.interop.conftest import absent, free_port

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("aiosmtpd")]

SECRET = "correct horse battery"
LOGIN = {"username": "ann", "password": SECRET}


@pytest.fixture(scope="module")
def aiosmtpd(pki: SimpleNamespace) -> Iterator[SimpleNamespace]:
    try:
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult, Envelope
    except ImportError:
        absent("aiosmtpd is not installed")
        raise

    class Keeper:
        def __init__(self) -> None:
            self.taken: list[Envelope] = []

        async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
            self.taken.append(envelope)
            return "250 2.0.0 kept"

    def check(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
        right = (data.login, data.password) == (b"ann", SECRET.encode())  # type: ignore[attr-defined]  # no types there
        return AuthResult(success=right, handled=right)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.certificate, pki.key)
    keeper = Keeper()
    controller = Controller(
        keeper, hostname="127.0.0.1", port=free_port(), tls_context=context, authenticator=check, enable_SMTPUTF8=True,
        data_size_limit=100_000, auth_required=False,
    )  # fmt: skip
    controller.start()
    try:
        port = controller.server.sockets[0].getsockname()[1]
        yield SimpleNamespace(port=port, taken=keeper.taken)
    finally:
        controller.stop()


def compose(**changes: object) -> email.message.EmailMessage:
    return asyncnet.smtp.compose(
        **{"sender": "ann@example.org", "to": "bob@example.org", "subject": "x", "text": "Grüße\n.\n", **changes}
    )


def last(aiosmtpd: SimpleNamespace) -> SimpleNamespace:
    envelope = aiosmtpd.taken[-1]
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    return SimpleNamespace(envelope=envelope, message=message)


async def test_starttls_and_a_login(aiosmtpd, dialer):
    message = compose(attachments=[("a.bin", bytes(range(256)))], bcc="eve@example.org")
    report = await asyncnet.smtp.send(message, "localhost", aiosmtpd.port, dialer=dialer, **LOGIN)
    assert report.reply.text == "2.0.0 kept"
    kept = last(aiosmtpd)
    assert kept.envelope.rcpt_tos == ["bob@example.org", "eve@example.org"]
    assert kept.message.get_body(("plain",)).get_content().splitlines() == ["Grüße", "."]
    assert next(kept.message.iter_attachments()).get_content() == bytes(range(256))
    assert kept.message["Bcc"] is None


async def test_the_same_bytes_as_aiosmtplib(aiosmtpd, dialer, pki):
    """What is plain enough to have one form only arrives alike from both."""
    message = compose(text="plain\n.\n", cc="Cleo <cleo@example.org>", subject="A subject of some words")
    await asyncnet.smtp.send(message, "localhost", aiosmtpd.port, dialer=dialer, **LOGIN)
    ours = last(aiosmtpd).envelope
    await aiosmtplib.send(
        message, hostname="localhost", port=aiosmtpd.port, start_tls=True, tls_context=pki.context,
        username="ann", password=SECRET,
    )  # fmt: skip
    theirs = last(aiosmtpd).envelope
    assert ours is not theirs
    assert ours.content == theirs.content
    assert ours.rcpt_tos == theirs.rcpt_tos
    assert ours.mail_from == theirs.mail_from


async def test_several_tasks_where_commands_wait_for_each_other(aiosmtpd, dialer):
    before = len(aiosmtpd.taken)
    async with asyncnet.smtp.Client("localhost", aiosmtpd.port, dialer=dialer, **LOGIN) as client:
        assert not client.extensions.pipelining
        await asyncio.gather(*(client.send(compose(subject=str(number))) for number in range(10)))
    subjects = [email.message_from_bytes(envelope.content)["Subject"] for envelope in aiosmtpd.taken[before:]]
    assert subjects == [str(number) for number in range(10)]


async def test_a_pool(aiosmtpd, dialer):
    before = len(aiosmtpd.taken)
    async with asyncnet.smtp.Pool("localhost", aiosmtpd.port, size=4, dialer=dialer, **LOGIN) as pool:
        outcomes = [outcome async for outcome in pool.send_many(compose(subject=str(n)) for n in range(40))]
    assert all(outcome.ok for outcome in outcomes)
    subjects = [email.message_from_bytes(envelope.content)["Subject"] for envelope in aiosmtpd.taken[before:]]
    assert sorted(subjects, key=int) == [str(number) for number in range(40)]


async def test_addresses_outside_of_ascii(aiosmtpd, dialer):
    await asyncnet.smtp.send(compose(to="jörg@bücher.example"), "localhost", aiosmtpd.port, dialer=dialer)
    kept = last(aiosmtpd)
    assert kept.envelope.rcpt_tos == ["jörg@xn--bcher-kva.example"]
    assert kept.envelope.smtp_utf8


async def test_what_it_refuses(aiosmtpd, dialer):
    with pytest.raises(asyncnet.AuthenticationError) as caught:
        await asyncnet.smtp.send(
            compose(), "localhost", aiosmtpd.port, username="ann", password="a wild guess", dialer=dialer
        )
    assert caught.value.code == 535
    large = compose(attachments=[("a.bin", bytes(200_000))])
    with pytest.raises(asyncnet.ReplyError, match="the server takes 100,000"):
        await asyncnet.smtp.send(large, "localhost", aiosmtpd.port, dialer=dialer)
