"""smtp beside Postfix: STARTTLS, logins, pipelining, SMTPUTF8, SIZE, notifications, limits, and what is stored."""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import shutil
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace

import aiosmtplib
import pytest

import asyncnet
from tests.interop.conftest import PATH, absent, free_port, program, running

pytestmark = [pytest.mark.asyncio, pytest.mark.interop("postfix"), pytest.mark.time_limit(120)]

# Debian lets only one mail server be installed: where another one is, Postfix is unpacked beside it.
UNPACKED = Path(os.environ.get("ASYNCNET_POSTFIX", "/opt/postfix"))
OWNER, GROUP = "daemon", "operator"  # any two will do that nothing else of the configuration uses
SECRET = "correct horse battery"

MAIN = """
compatibility_level = 3.6
config_directory = FOLDER
queue_directory = FOLDER/queue
data_directory = FOLDER/data
command_directory = ROOT/usr/sbin
daemon_directory = ROOT/usr/lib/postfix/sbin
shlib_directory = ROOT/usr/lib/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH LANG=C
export_environment = LANG=C
mail_owner = OWNER
setgid_group = GROUP
maillog_file = FOLDER/mail.log
maillog_file_prefixes = FOLDER
myhostname = localhost
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:nothing leaves this machine
virtual_mailbox_domains = example.org
virtual_mailbox_base = FOLDER/mail
virtual_mailbox_maps = texthash:FOLDER/mailboxes
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_minimum_uid = 1
message_size_limit = 200000
smtputf8_enable = yes
smtpd_tls_cert_file = CERTIFICATE
smtpd_tls_key_file = KEY
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = localhost
cyrus_sasl_config_path = FOLDER/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_restrictions = check_sender_access inline:{{later@example.org=450 4.7.1 greylisted}}
smtpd_error_sleep_time = 0
smtpd_delay_reject = no
"""

MASTER = """
127.0.0.1:PORT inet n - n - - smtpd
127.0.0.1:SMTPS inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:CLEAR inet n - n - - smtpd -o smtpd_tls_security_level=none -o smtpd_tls_auth_only=no
127.0.0.1:NARROW inet n - n - - smtpd -o smtpd_client_connection_count_limit=3 -o smtpd_client_event_limit_exceptions=
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


QUEUES = "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"


def place() -> Path:
    """Where Postfix is: in the system or unpacked."""
    for root in (Path("/"), UNPACKED):
        if (root / "usr/lib/postfix/sbin/master").exists():
            return root
    absent("postfix is neither installed nor unpacked to /opt/postfix")
    raise AssertionError


@pytest.fixture(scope="module")
def postfix(folder: Path, pki: SimpleNamespace) -> Iterator[SimpleNamespace]:
    root = place()
    if os.geteuid() != 0:
        absent("postfix starts as root only")
    adduser = program("saslpasswd2")
    import grp
    import pwd

    owner, group = pwd.getpwnam(OWNER), grp.getgrnam(GROUP)
    ports = {"PORT": free_port(), "SMTPS": free_port(), "NARROW": free_port(), "CLEAR": free_port()}
    values = {
        "FOLDER": folder, "ROOT": "" if root == Path("/") else root, "OWNER": OWNER, "GROUP": GROUP,
        "UID": owner.pw_uid, "GID": owner.pw_gid, "CERTIFICATE": pki.certificate, "KEY": pki.key, **ports,
    }  # fmt: skip
    for name, text in (("main.cf", MAIN), ("master.cf", MASTER)):
        for word, value in values.items():
            text = text.replace(word, str(value))
        (folder / name).write_text(text.lstrip())
    people = ["ann", "bob", "jörg", "later"]
    (folder / "mailboxes").write_text("".join(f"{who}@example.org {who}/\n" for who in people), "utf-8")
    _make_folders(folder, owner.pw_uid, group.gr_gid)
    (folder / "sasl").mkdir()  # where Debian's Postfix looks in any case
    (folder / "sasl/smtpd.conf").write_text(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN CRAM-MD5\n"
        f"sasldb_path: {folder}/sasldb\n"
    )
    subprocess.run(
        [adduser, "-p", "-c", "-f", str(folder / "sasldb"), "-u", "localhost", "ann"],
        input=SECRET.encode(), check=True, capture_output=True,
    )  # fmt: skip
    shutil.chown(folder / "sasldb", OWNER)
    environment = {
        "MAIL_CONFIG": str(folder), "PATH": PATH, "LD_LIBRARY_PATH": str(root / "usr/lib/postfix"), "LANG": "C",
    }  # fmt: skip
    command = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    with running([*command, str(root / "usr/lib/postfix/sbin/master"), "-d"], *ports.values(), folder=folder):
        yield SimpleNamespace(
            port=ports["PORT"], smtps=ports["SMTPS"], narrow=ports["NARROW"], clear=ports["CLEAR"], mail=folder / "mail"
        )


def _make_folders(folder: Path, owner: int, group: int) -> None:
    (folder / "queue/pid").mkdir(parents=True)
    for name in QUEUES:
        (folder / "queue" / name).mkdir(mode=0o700)
        os.chown(folder / "queue" / name, owner, -1)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        (folder / "queue" / name).mkdir()
        os.chown(folder / "queue" / name, owner, group)
        os.chmod(folder / "queue" / name, mode)
    for name in ("data", "mail"):
        (folder / name).mkdir(mode=0o700)
        os.chown(folder / name, owner, -1)


def compose(subject: str, to: str = "bob@example.org", **changes: object) -> EmailMessage:
    return asyncnet.smtp.compose(
        **{
            "sender": "Ann <ann@example.org>",
            "to": to,
            "subject": subject,
            "text": "Text\n.\n..\nFrom here\n",
            **changes,
        }
    )


async def arrived(postfix: SimpleNamespace, who: str, subject: str, count: int = 1) -> list[EmailMessage]:
    """The stored messages of that subject, once they are all there."""
    async with asyncio.timeout(30):
        while True:
            found = [path.read_bytes() for path in (postfix.mail / who / "new").glob("*")]
            messages = [email.message_from_bytes(data, policy=email.policy.default) for data in found]
            wanted = [message for message in messages if message["Subject"] == subject]
            assert len(wanted) <= count, "nothing is doubled"
            if len(wanted) == count:
                return wanted  # type: ignore[return-value]  # the policy makes them EmailMessages
            await asyncio.sleep(0)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


LOGIN = {"username": "ann", "password": SECRET}


# ---- what is stored


async def test_starttls_with_a_login(postfix, dialer, request):
    subject = f"starttls {request.node.name}"
    blob = bytes(range(256)) * 40
    message = compose(subject, attachments=[("größe.bin", blob)], bcc="ann@example.org", html="<b>Grüße</b>")
    report = await asyncnet.smtp.send(message, "localhost", postfix.port, dialer=dialer, **LOGIN)
    assert report.accepted == ("bob@example.org", "ann@example.org")
    assert "queued as" in report.reply.text
    (kept,) = await arrived(postfix, "bob", subject)
    assert text_of(kept) == "Text\n.\n..\nFrom here\n"
    (attachment,) = kept.iter_attachments()
    assert attachment.get_content() == blob
    assert attachment.get_filename() == "größe.bin"
    assert kept["Bcc"] is None
    assert "with ESMTPSA" in str(kept["Received"])
    await arrived(postfix, "ann", subject)


async def test_cram_md5_where_the_caller_wants_no_tls(postfix, request):
    subject = f"cram {request.node.name}"
    with asyncnet.trace() as trace:
        await asyncnet.smtp.send(compose(subject), "localhost", postfix.clear, starttls=False, **LOGIN)
    assert [span.attributes["mechanism"] for span in trace.spans if span.name == "auth"] == ["CRAM-MD5"]
    await arrived(postfix, "bob", subject)


async def test_tls_from_the_first_byte(postfix, dialer, request):
    subject = f"smtps {request.node.name}"
    await asyncnet.smtp.send(compose(subject), "localhost", postfix.smtps, ssl=True, dialer=dialer, **LOGIN)
    await arrived(postfix, "bob", subject)


async def test_the_same_as_aiosmtplib_stores(postfix, dialer, pki, request):
    """Two clients, one message object each with the same parts: the server keeps the same."""
    subjects = [f"{who} {request.node.name}" for who in ("ours", "theirs")]
    parts = {
        "html": "<p>Grüße &amp; more</p>",
        "attachments": [("a.txt", "größer\n".encode())],
        "cc": "ann@example.org",
    }
    first, second = (compose(subject, text="Grüße\n.\n", **parts) for subject in subjects)
    await asyncnet.smtp.send(first, "localhost", postfix.port, dialer=dialer, **LOGIN)
    await aiosmtplib.send(
        second, hostname="localhost", port=postfix.port, start_tls=True, tls_context=pki.context,
        username="ann", password=SECRET,
    )  # fmt: skip
    ours, theirs = [(await arrived(postfix, "bob", subject))[0] for subject in subjects]
    for name in ("From", "To", "Cc", "MIME-Version"):
        assert ours[name] == theirs[name]
    assert [part.get_content_type() for part in ours.walk()] == [part.get_content_type() for part in theirs.walk()]
    for mine, other in zip(ours.walk(), theirs.walk(), strict=True):
        if not mine.is_multipart():
            assert mine.get_payload(decode=True) == other.get_payload(decode=True)


async def test_smuggling_stays_inside(postfix, dialer, request):
    subject = f"smuggling {request.node.name}"
    raw = (
        f"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\n\r\nbefore\n.\r\n"
        "MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r.\rafter\n.\n"
    ).encode()
    await asyncnet.smtp.send(raw, "localhost", postfix.port, dialer=dialer, **LOGIN)
    (kept,) = await arrived(postfix, "bob", subject)
    assert text_of(kept).startswith("before\n.\nMAIL FROM:")
    assert text_of(kept).endswith("x\n.\nafter\n.\n")


async def test_eight_bits_and_addresses_outside_of_ascii(postfix, dialer, request):
    subject = f"Grüße {request.node.name}"
    message = compose(subject, to="Jörg <jörg@example.org>", text="schön\n")
    await asyncnet.smtp.send(message, "localhost", postfix.port, dialer=dialer, **LOGIN)
    (kept,) = await arrived(postfix, "jörg", subject)
    assert text_of(kept) == "schön\n"
    assert "jörg@example.org" in str(kept["To"])


async def test_notifications(postfix, dialer, request):
    subject = f"dsn {request.node.name}"
    dsn = asyncnet.smtp.DSN(notify=("success",), returned="headers", envelope_id=f"id {request.node.name}")
    await asyncnet.smtp.send(compose(subject), "localhost", postfix.port, dsn=dsn, dialer=dialer, **LOGIN)
    async with asyncio.timeout(30):
        while True:
            notices = [path.read_text() for path in (postfix.mail / "ann" / "new").glob("*")]
            for notice in notices:
                if f"Original-Envelope-Id: id {request.node.name}" in notice:
                    assert "Original-Recipient: rfc822;bob@example.org" in notice
                    return
            await asyncio.sleep(0)


# ---- many


async def test_several_tasks_on_one_connection(postfix, dialer, request):
    subject = f"several {request.node.name}"
    async with asyncnet.smtp.Client("localhost", postfix.port, dialer=dialer, **LOGIN) as client:
        assert client.extensions.pipelining
        assert client.extensions.size == 200_000
        reports = await asyncio.gather(*(client.send(compose(subject)) for _ in range(20)))
    assert len({report.reply.text for report in reports}) == 20
    await arrived(postfix, "bob", subject, 20)


async def test_a_pool_loses_nothing_and_doubles_nothing(postfix, dialer, request):
    subject = f"pool {request.node.name}"
    messages = (compose(subject) for _ in range(60))
    async with asyncnet.smtp.Pool("localhost", postfix.port, size=5, max_messages=7, dialer=dialer, **LOGIN) as pool:
        outcomes = [outcome async for outcome in pool.send_many(messages)]
    assert [outcome.error for outcome in outcomes if not outcome.ok] == []
    await arrived(postfix, "bob", subject, 60)


async def test_a_server_that_allows_three_connections(postfix, dialer, request):
    subject = f"narrow {request.node.name}"
    messages = (compose(subject) for _ in range(30))
    async with asyncnet.smtp.Pool("localhost", postfix.narrow, size=8, dialer=dialer, **LOGIN) as pool:
        outcomes = [outcome async for outcome in pool.send_many(messages)]
        assert pool.connections <= 3
    assert [outcome.error for outcome in outcomes if not outcome.ok] == []
    await arrived(postfix, "bob", subject, 30)


@pytest.fixture
def sink(folder: Path, request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    """Postfix's own sink: takes everything, and keeps it in one file a message."""
    root = place()
    port, kept = free_port(), folder / f"sink-{request.node.name.replace('/', '-')}"
    kept.mkdir()
    shutil.chown(kept, OWNER)
    command = ["env", f"LD_LIBRARY_PATH={root / 'usr/lib/postfix'}", str(root / "usr/sbin/smtp-sink")]
    options = ["-u", OWNER, "-d", "%M.", "-R", str(kept), f"127.0.0.1:{port}", "100"]
    with running([*command, *options], port, folder=kept):
        yield SimpleNamespace(port=port, kept=kept)


async def test_a_thousand_messages_into_a_sink(sink):
    messages = [f"From: a@example.org\nTo: b@example.org\nSubject: {number}\n\n.\n".encode() for number in range(1000)]
    async with asyncnet.smtp.Pool("127.0.0.1", sink.port, size=10) as pool:
        outcomes = [outcome async for outcome in pool.send_many(messages)]
    assert [outcome.error for outcome in outcomes if not outcome.ok] == []
    assert [outcome.value.refused for outcome in outcomes if outcome.value.refused] == []
    kept = b"".join(path.read_bytes() for path in sink.kept.rglob("*") if path.is_file())
    found = sorted(int(line.split()[1]) for line in kept.splitlines() if line.startswith(b"Subject: "))
    assert found == list(range(1000)), "each once"


# ---- what it refuses


async def test_a_wrong_password(postfix, dialer):
    with pytest.raises(asyncnet.AuthenticationError) as caught:
        await asyncnet.smtp.send(
            compose("never"), "localhost", postfix.port, username="ann", password="a wild guess", dialer=dialer
        )
    assert caught.value.code == 535
    assert "a wild guess" not in str(caught.value)


async def test_no_login_in_clear(postfix):
    with pytest.raises(asyncnet.AuthenticationError, match="offers no login") as caught:
        await asyncnet.smtp.send(compose("never"), "localhost", postfix.port, starttls=False, **LOGIN)
    assert caught.value.code is None


async def test_an_untrusted_certificate(postfix):
    with pytest.raises(asyncnet.TLSError, match="certificate"):
        await asyncnet.smtp.send(compose("never"), "localhost", postfix.port, **LOGIN)


async def test_recipients_that_are_refused(postfix, dialer, request):
    subject = f"refused {request.node.name}"
    people = ["bob@example.org", "nobody@example.org"]
    report = await asyncnet.smtp.send(compose(subject), "localhost", postfix.port, recipients=people, dialer=dialer)
    assert report.accepted == ("bob@example.org",)
    assert report.refused["nobody@example.org"].code == 550
    await arrived(postfix, "bob", subject)
    async with asyncnet.smtp.Client("localhost", postfix.port, dialer=dialer) as client:
        with pytest.raises(asyncnet.ReplyError, match="all 2 recipients refused"):
            await client.send(compose("never"), recipients=["nobody@example.org", "x@elsewhere.example"])
        await client.send(compose(subject + " again"))
    await arrived(postfix, "bob", subject + " again")


async def test_a_sender_that_is_refused_for_now(postfix, dialer):
    async with asyncnet.smtp.Pool("localhost", postfix.port, retry_delay=0.01, retries=1, dialer=dialer) as pool:
        with pytest.raises(asyncnet.ReplyError, match="greylisted") as caught:
            await pool.send(compose("never", sender="later@example.org"))
    assert caught.value.code == 450
    assert sum("greylisted" in attempt.error for attempt in caught.value.attempts) == 1


async def test_a_message_too_large_is_not_tried(postfix, dialer):
    message = compose("never", attachments=[("data.bin", bytes(300_000))])
    with pytest.raises(asyncnet.ReplyError, match=r"the server takes 200,000") as caught:
        await asyncnet.smtp.send(message, "localhost", postfix.port, dialer=dialer)
    assert caught.value.code is None
