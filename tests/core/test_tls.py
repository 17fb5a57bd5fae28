"""TLS in one place: contexts, and errors that say what to do."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import textwrap
import traceback

import pytest

import asyncnet
from asyncnet import testing
from asyncnet.core.tls import TLSLayer, broken_handshake, broken_record, choose_context, client_context, explain_tls
from house import SOURCE

CA = testing.CertificateAuthority()


# ---- contexts


def test_clients_verify_and_speak_tls_1_2_at_least():
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context is client_context()


def test_each_offer_of_protocols_has_a_context_of_its_own():
    assert client_context("http/1.1") is client_context("http/1.1")
    assert client_context("http/1.1") is not client_context()


def test_the_callers_context_wins_over_the_dialers_and_that_over_the_shared_one():
    own, dialers = CA.client_context(), CA.client_context()
    assert choose_context(own, dialers) is own
    assert choose_context(True, dialers) is dialers
    assert choose_context(True) is client_context()
    assert choose_context(True, alpn=("pop3",)) is client_context("pop3")
    assert choose_context(True, dialers, alpn=("pop3",)) is dialers
    assert choose_context(None, dialers) is None
    assert choose_context(None, dialers, default=True) is dialers
    assert choose_context(False, dialers, default=True) is None
    with pytest.raises(TypeError, match=r"ssl must be a bool, an ssl\.SSLContext or None, not str"):
        choose_context("yes")


def test_the_protocol_that_is_offered_is_agreed_on():
    server = CA.server_context("a.example")
    server.set_alpn_protocols(["pop3"])
    client = CA.client_context()
    client.set_alpn_protocols(["pop3", "other"])
    layer, _ = shake_hands(client, server, "a.example")
    assert layer.object.selected_alpn_protocol() == "pop3"


@pytest.mark.parametrize("name", ["a.example", "A.Example", "a.example."])
def test_the_verified_name_is_the_name_without_its_dot(name):
    layer, seen = shake_hands(CA.client_context(), CA.server_context("a.example"), name)
    assert layer.established
    assert seen == ["a.example"]


@pytest.mark.parametrize("name", ["127.0.0.1", "0x7f.1", "2130706433"])
def test_an_address_is_verified_in_any_spelling(name):
    layer, seen = shake_hands(CA.client_context(), CA.server_context("127.0.0.1"), name)
    assert layer.established
    assert seen == []  # RFC 6066 section 3: no address in SNI


def test_a_zone_is_no_part_of_what_a_certificate_holds():
    layer, _ = shake_hands(CA.client_context(), CA.server_context("fe80::1"), "fe80::1%lo")
    assert layer.established


def test_a_session_is_resumed():
    client, server = CA.client_context(), CA.server_context("a.example")
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    first, _ = shake_hands(client, server, "a.example")
    second, _ = shake_hands(client, server, "a.example", session=first.object.session)
    assert not first.object.session_reused
    assert second.object.session_reused


def test_what_is_written_before_the_end_of_the_handshake_goes_out_after_it():
    ours = TLSLayer(CA.client_context(), server_side=False, server_hostname="a.example")
    theirs = TLSLayer(CA.server_context("a.example"), server_side=True, server_hostname=None)
    ours.handshake()
    ours.write(b"early ")
    ours.write(b"bird")
    received: list[bytes] = []
    for _ in range(4):
        theirs.feed(memoryview(ours.take_output()), received)
        ours.feed(memoryview(theirs.take_output()), [])
    assert b"".join(received) == b"early bird"


def shake_hands(client, server, name, session=None):
    """A handshake in memory; returns the client's layer and the names that came by SNI."""
    names: list[str | None] = []
    server.sni_callback = lambda sock, name, context: names.append(name)
    ours = TLSLayer(client, server_side=False, server_hostname=name, session=session)
    theirs = TLSLayer(server, server_side=True, server_hostname=None)
    plain: list[bytes] = []
    ours.handshake()
    for _ in range(4):
        theirs.feed(memoryview(ours.take_output()), plain)
        ours.feed(memoryview(theirs.take_output()), plain)
    return ours, [name for name in names if name is not None]


def test_secrets_of_a_session_are_logged_where_sslkeylogfile_says(tmp_path):
    CA.save(tmp_path / "ca.pem")
    program = """
        import asyncio, asyncnet, sys

        async def main():
            dialer = asyncnet.Dialer(hosts={"a.example": "127.0.0.1"})
            async with asyncnet.tcp.Client("a.example", int(sys.argv[1]), ssl=True, dialer=dialer) as stream:
                await stream.send(b"ping")
                print(await stream.receive())

        asyncio.run(main())
    """
    environment = {
        **os.environ, "PYTHONPATH": str(SOURCE),
        "SSLKEYLOGFILE": str(tmp_path / "keys"), "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
    }  # fmt: skip
    with testing.TCPServer(ssl=CA.server_context("a.example")) as server:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), str(server.port)],
            env=environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert done.stdout == "b'ping'\n"  # the system's trust store was asked, too
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in (tmp_path / "keys").read_text()


PROTOCOLS = """
    import asyncio, asyncnet, sys

    async def speak(name, port, starttls):
        if name == "http":
            await asyncnet.http.fetch(f"https://a.example:{port}/")
        else:
            tls = {"starttls": True, "ssl": False} if starttls else {"ssl": True}
            async with getattr(asyncnet, name).Client("a.example", int(port), **tls):
                pass

    async def main():
        for client in sys.argv[1:]:
            dialer = asyncnet.Dialer(hosts={"a.example": "127.0.0.1"})
            with asyncnet.use(dialer), asyncnet.trace() as trace:
                await speak(*client.split(","))
            print(*[span.attributes["alpn"] for span in trace.spans if span.name == "tls"])

    asyncio.run(main())
"""


def agreed(tmp_path, *clients: str) -> list[str]:
    """Which protocol a client and a server have agreed on in each handshake, by the client's shared context."""
    CA.save(tmp_path / "ca.pem")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROTOCOLS), *clients],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.split()


NAMES = ["pop3", "nntp", "ftp", "http/1.1"]


@pytest.mark.parametrize(("known", "chosen"), [(NAMES, True), (["h2"], False), ([], False)])
def test_protocols_that_have_a_name_offer_it(tmp_path, known, chosen):
    """By IANA's registry of RFC 7301; SMTP has none.  A server that knows no such name, or others, is served too."""
    context = CA.server_context("a.example")
    if known:
        context.set_alpn_protocols(known)
    with (
        testing.POP3Server(ssl=context) as pop3, testing.NNTPServer(ssl=context) as nntp,
        testing.FTPServer(ssl=context) as ftp, testing.HTTPServer({"/": "hello"}, ssl=context) as http,
        testing.SMTPServer(ssl=context) as smtp,
        testing.POP3Server(starttls=context) as stls, testing.NNTPServer(starttls=context) as starttls,
        testing.FTPServer(starttls=context) as auth_tls,
    ):  # fmt: skip
        clients = [f"pop3,{pop3.port},", f"nntp,{nntp.port},", f"ftp,{ftp.port},", f"http,{http.port},"]
        clients += [
            f"smtp,{smtp.port},",
            f"pop3,{stls.port},yes",
            f"nntp,{starttls.port},yes",
            f"ftp,{auth_tls.port},yes",
        ]
        told = agreed(tmp_path, *clients)
    expected = ["pop3", "nntp", "ftp", "http/1.1", "None", "pop3", "nntp", "ftp"]
    assert told == (expected if chosen else ["None"] * 8)


# ---- errors

ONLY_1_2 = ssl.TLSVersion.TLSv1_2
ONLY_1_3 = ssl.TLSVersion.TLSv1_3


async def refused(server: testing.TCPServer, host: str = "b.example", protocol: str = "tcp") -> asyncnet.TLSError:
    """What a client says that trusts our authority only."""
    dialer = asyncnet.Dialer(hosts={"b.example": "127.0.0.1"}, ssl_context=CA.client_context())
    with pytest.raises(asyncnet.TLSError) as caught:
        if protocol == "tcp":
            await asyncnet.tcp.exchange(host, server.port, b"ping", ssl=True, dialer=dialer)
        else:
            await asyncnet.http.fetch(f"https://{host}:{server.port}/", dialer=dialer, retries=0)
    assert caught.value.phase == "tls"
    assert len(caught.value.attempts) == 1
    return caught.value


@pytest.mark.asyncio
@pytest.mark.parametrize("protocol", ["tcp", "http"])
@pytest.mark.parametrize("version", [ONLY_1_2, ONLY_1_3])
async def test_a_certificate_for_another_name_is_told_by_name(version, protocol):
    context = CA.server_context("a.example")
    context.minimum_version = context.maximum_version = version
    with testing.TCPServer(ssl=context) as server:
        error = await refused(server, protocol=protocol)
        assert error.args[0] == "certificate is for a.example, not b.example"
        error = await refused(server, "127.0.0.1", protocol)
        assert error.args[0] == "certificate is for a.example, not 127.0.0.1"


@pytest.mark.asyncio
@pytest.mark.parametrize("protocol", ["tcp", "http"])
async def test_an_expired_certificate_is_told_with_its_date(protocol):
    with testing.TCPServer(ssl=CA.server_context("b.example", expired=True)) as server:
        error = await refused(server, protocol=protocol)
    assert error.args[0].startswith("certificate of b.example expired on 20")


@pytest.mark.asyncio
@pytest.mark.parametrize("protocol", ["tcp", "http"])
async def test_an_unknown_authority_is_told_by_name(protocol):
    with testing.TCPServer(ssl=testing.CertificateAuthority().server_context("b.example")) as server:
        error = await refused(server, protocol=protocol)
    assert "was issued by 'trustme" in error.args[0]
    assert "load_verify_locations" in error.args[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("line", [b"220 mail.example ESMTP\r\n", b"+OK POP3\r\n", b"* OK IMAP4\r\n", b"200 news\r\n"])
async def test_a_port_that_speaks_starttls_says_so(line):
    with testing.TCPServer([testing.Send(line), testing.Stall()]) as server:
        error = await refused(server)
    assert error.args[0] == (
        f"port {server.port} speaks STARTTLS, not TLS from the first byte (it said {line.decode().strip()!r})"
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("protocol", ["tcp", "http"])
async def test_a_port_that_speaks_no_tls_says_so(protocol):
    with testing.TCPServer([testing.Send(b"SSH-2.0-OpenSSH_9.2\r\n"), testing.Stall()]) as server:
        error = await refused(server, protocol=protocol)
    words = "" if protocol == "http" else " (it said 'SSH-2.0-OpenSSH_9.2')"
    assert error.args[0] == f"port {server.port} does not speak TLS{words}"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("WRONG_VERSION_NUMBER", "port 443 does not speak TLS"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "port 443 speaks no TLS that is new enough (1.2 by default)"),
        ("TLSV1_UNRECOGNIZED_NAME", "port 443 serves nothing under the name a.example"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "handshake with a.example failed: sslv3 alert handshake failure"),
    ],
)
def test_openssls_reasons_become_words(reason, words):
    assert explain_tls(openssl_error(reason), None, "a.example", 443).args[0] == words


@pytest.mark.asyncio
async def test_a_port_that_serves_another_protocol_says_so():
    alert = b"\x15\x03\x03\x00\x02\x02\x78"  # RFC 7301 section 3.2: no_application_protocol
    with testing.TCPServer([testing.Send(alert), testing.Stall()]) as server:
        error = await refused(server)
    assert error.args[0] == f"port {server.port} says that it serves another protocol (ALPN)"


@pytest.mark.asyncio
@pytest.mark.parametrize("protocol", ["tcp", "http"])
@pytest.mark.parametrize("end", [testing.Close(), testing.Reset()], ids=["closed", "reset"])
async def test_a_handshake_that_breaks_off_says_so(protocol, end):
    with testing.TCPServer([testing.Expect(b"\x16\x03\x01"), end]) as server:
        error = await refused(server, protocol=protocol)
    words = error.args[0]
    assert words.startswith(("the peer closed the connection", "the connection broke during the TLS handshake: "))
    assert not words.endswith((":", " "))


def test_an_end_without_words_in_a_handshake_gets_some():
    assert broken_handshake(ConnectionResetError()).args[0] == "the peer closed the connection during the TLS handshake"
    error = broken_handshake(ConnectionResetError(104, "Connection reset by peer"))
    assert error.args[0] == "the connection broke during the TLS handshake: Connection reset by peer"
    assert error.phase == "tls"


def test_what_is_not_known_is_told_as_it_came():
    assert explain_tls(ssl.SSLError(1, "strange"), None, None).args[0] == "handshake with the peer failed: strange"
    assert explain_tls(ssl.SSLError(1, ""), None, None).args[0] == "handshake with the peer failed: sslerror"
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = 62, "Hostname mismatch"
    assert explain_tls(error, None, "a.example").args[0] == "certificate is not for a.example"


def test_an_alert_after_the_handshake_is_the_peers_word_and_rubbish_is_not():
    alert = broken_record(openssl_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"))
    assert isinstance(alert, asyncnet.TLSError)
    assert alert.args[0] == "the peer ended TLS: tlsv13 alert certificate required"
    rubbish = broken_record(openssl_error("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"))
    assert isinstance(rubbish, asyncnet.ProtocolError)


def openssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.asyncio
async def test_a_client_certificate_that_is_missing_is_a_tls_error():
    context = CA.server_context("b.example")
    context.load_verify_locations(cadata=CA.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ONLY_1_3

    async def never(stream: asyncnet.tcp.Stream) -> None:
        raise AssertionError("nobody without a certificate gets here")

    dialer = asyncnet.Dialer(hosts={"b.example": "127.0.0.1"}, ssl_context=CA.client_context())
    async with asyncnet.tcp.Server(never, ssl=context) as server:
        stream = await dialer.connect("b.example", server.port, ssl=True)
        try:
            with pytest.raises(asyncnet.TLSError, match="certificate required") as caught:
                await stream.receive()
            assert caught.value.phase == "tls"
        finally:
            await stream.close()


@pytest.mark.asyncio
async def test_errors_keep_their_cause():
    with testing.TCPServer(ssl=CA.server_context("a.example")) as server:
        error = await refused(server)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert "a.example" in "".join(traceback.format_exception(error))
