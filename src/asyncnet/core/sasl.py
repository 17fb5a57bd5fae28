"""SASL mechanisms: what a client says to prove who it is.

Pure: `begin` gives the first message, `answer` one to each challenge.  The
base64 and the commands around it are the protocol's own (RFC 4954, 5034, 4643).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import ProtocolError

__all__ = ["Login", "Mechanism", "choose_mechanisms", "decode_challenge", "encode_answer", "redact"]

# With a password, inside TLS: what every server stores well first.  In clear,
# which only the caller can ask for: what does not show the password first.
_INSIDE_TLS = ("PLAIN", "LOGIN", "CRAM-MD5")
_IN_CLEAR = ("CRAM-MD5", "PLAIN", "LOGIN")
_WITH_TOKEN = ("OAUTHBEARER", "XOAUTH2")


@dataclass(frozen=True, slots=True)
class Login:
    """Whom to log in, with a password or an OAuth token.

    Attributes:
        username: as the server knows it.
        secret: the password or the token; not in the repr.
        is_token: which of the two.
        host: the server's name, port its port: OAUTHBEARER says them again.
    """

    username: str
    secret: str = field(repr=False)
    is_token: bool = False
    host: str = ""
    port: int = 0


class Mechanism:
    """One exchange with the server: made, begun, answered, forgotten."""

    def __init__(self, name: str, login: Login) -> None:
        self.name = name
        self._login = login
        self._username = login.username.encode()
        self._secret = login.secret.encode()
        self._asked = 0

    def begin(self) -> bytes | None:
        """The first message, ``None`` where the server speaks first."""
        if self.name == "PLAIN":  # RFC 4616 section 2: no authorization identity
            return b"\0" + self._username + b"\0" + self._secret
        if self.name == "XOAUTH2":
            return b"user=" + self._username + b"\x01auth=Bearer " + self._secret + b"\x01\x01"
        if self.name == "OAUTHBEARER":  # RFC 7628 section 3.1; "," and "=" are escaped (RFC 5801 section 4)
            identity = self._username.replace(b"=", b"=3D").replace(b",", b"=2C")
            server = b"host=%b\x01port=%d\x01" % (self._login.host.encode(), self._login.port)
            return b"n,a=" + identity + b",\x01" + server + b"auth=Bearer " + self._secret + b"\x01\x01"
        return None

    def answer(self, challenge: bytes) -> bytes | None:
        """The answer to a challenge, ``None`` if the mechanism has no place for one more."""
        self._asked += 1
        if self.name == "CRAM-MD5" and self._asked == 1:  # RFC 2195 section 2
            digest = hmac.new(self._secret, challenge, "md5").hexdigest()
            return self._username + b" " + digest.encode()
        if self.name == "LOGIN" and self._asked <= 2:  # what it asks is free text: the order alone counts
            return self._username if self._asked == 1 else self._secret
        if self._asked == 1:
            # A token was refused: the challenge says why, the final reply follows the answer.
            return {"XOAUTH2": b"", "OAUTHBEARER": b"\x01"}.get(self.name)
        return None

    def __repr__(self) -> str:
        return f"<Mechanism {self.name}>"


def choose_mechanisms(offered: Iterable[str], login: Login, *, encrypted: bool) -> tuple[Mechanism, ...]:
    """The mechanisms to try, best first; empty if the server offers none that fits."""
    known = _WITH_TOKEN if login.is_token else _INSIDE_TLS if encrypted else _IN_CLEAR
    available = {name.upper() for name in offered}
    return tuple(Mechanism(name, login) for name in known if name in available)


def encode_answer(answer: bytes) -> str:
    """What goes on the wire for a message of ours."""
    return base64.b64encode(answer).decode("ascii")


def decode_challenge(challenge: str) -> bytes:
    """What the server's challenge says.

    Raises:
        ProtocolError: it is not base64.
    """
    try:
        return base64.b64decode(challenge.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("the server's challenge is not base64") from None


def redact(text: str, login: Login) -> str:
    """The server's words without our secret: some echo the line that they did not like."""
    secret = login.secret.encode()
    begun = [Mechanism(name, login).begin() or b"" for name in ("PLAIN", *_WITH_TOKEN)]
    # The longest first: one may be a part of another.
    for shown in sorted((login.secret, *map(encode_answer, (secret, *begun))), key=len, reverse=True):
        if len(shown) > 3:  # less is in many a word, and a gap in one would give it away
            text = text.replace(shown, "***")
    return text
