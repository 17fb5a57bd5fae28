"""Credentials for HTTP: basic (RFC 7617), bearer (RFC 6750), digest (RFC 7616)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .headers import parse_parameters

__all__ = ["Auth", "Basic", "Bearer", "Challenge", "Digest", "check_auth", "parse_challenges"]


def _check_secret(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError(f"{name} holds a control character")  # the secret itself is not shown


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password, sent with each request to the origin they are for (RFC 7617)."""

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secret(self.username, "username")
        _check_secret(self.password, "password")
        if ":" in self.username:
            raise ValueError("a user name cannot hold a colon in basic authentication (RFC 7617 section 2)")

    def header(self) -> str:
        """The value of ``Authorization``."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, sent with each request to the origin it is for (RFC 6750)."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secret(self.token, "token")
        if not self.token or not self.token.isascii() or " " in self.token:
            raise ValueError("a bearer token is ASCII without blanks, and not empty")

    def header(self) -> str:
        """The value of ``Authorization``."""
        return f"Bearer {self.token}"


@dataclass(frozen=True, slots=True)
class Digest:
    """User name and password, of which only hashes travel; the server asks first (RFC 7616)."""

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_secret(self.username, "username")
        _check_secret(self.password, "password")

    def answer(self, challenge: Challenge, method: str, target: str, count: int = 1, cnonce: str | None = None) -> str:
        """The value of ``Authorization`` for one request.

        Args:
            challenge: one that `usable` accepts.
            method: of the request.
            target: its path and query.
            count: how often the nonce has been used, from 1.
            cnonce: the client's nonce, ``None`` for a new one.
        """
        given = challenge.parameters
        algorithm = given.get("algorithm", "MD5")
        digest = _HASHES[algorithm.upper().removesuffix("-SESS")]
        realm, nonce = given.get("realm", ""), given.get("nonce", "")
        cnonce = cnonce or secrets.token_hex(16)
        first = digest(f"{self.username}:{realm}:{self.password}")
        if algorithm.upper().endswith("-SESS"):
            first = digest(f"{first}:{nonce}:{cnonce}")
        second = digest(f"{method}:{target}")
        fields = [("username", self.username), ("realm", realm), ("nonce", nonce), ("uri", target)]
        plain = [("algorithm", algorithm)]
        if "qop" in given:
            response = digest(f"{first}:{nonce}:{count:08x}:{cnonce}:auth:{second}")
            plain += [("qop", "auth"), ("nc", f"{count:08x}")]
            fields.append(("cnonce", cnonce))
        else:  # RFC 2069 servers
            response = digest(f"{first}:{nonce}:{second}")
        fields.append(("response", response))
        if "opaque" in given:
            fields.append(("opaque", given["opaque"]))
        parts = [f'{key}="{_quote(value)}"' for key, value in fields] + [f"{key}={value}" for key, value in plain]
        return "Digest " + ", ".join(parts)

    @staticmethod
    def usable(challenges: Iterable[Challenge]) -> Challenge | None:
        """The strongest digest challenge that can be answered."""
        best: tuple[int, Challenge] | None = None
        for challenge in challenges:
            if challenge.scheme != "digest" or "nonce" not in challenge.parameters:
                continue
            algorithm = challenge.parameters.get("algorithm", "MD5").upper().removesuffix("-SESS")
            qop = [part.strip().lower() for part in challenge.parameters.get("qop", "auth").split(",")]
            if algorithm not in _HASHES or "auth" not in qop:
                continue
            strength = list(_HASHES).index(algorithm)
            if best is None or strength > best[0]:
                best = (strength, challenge)
        return None if best is None else best[1]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sha512_256(text: str) -> str:
    return hashlib.new("sha512_256", text.encode()).hexdigest()


_HASHES = {"MD5": _md5, "SHA-512-256": _sha512_256, "SHA-256": _sha256}  # from the weakest to the best known

Auth: TypeAlias = "Basic | Bearer | Digest"


def check_auth(auth: object) -> Auth | None:
    """Return credentials as one of the classes; a tuple ``(username, password)`` is `Basic`.

    Raises:
        TypeError: it is something else.
    """
    if auth is None or isinstance(auth, Basic | Bearer | Digest):
        return auth
    if isinstance(auth, tuple) and len(auth) == 2:
        return Basic(*auth)
    raise TypeError("auth must be Basic, Bearer, Digest or a tuple of username and password")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a ``WWW-Authenticate`` field (RFC 9110 section 11.3)."""

    scheme: str
    parameters: dict[str, str]


# A scheme begins a challenge: a token that no "=" follows.
_SCHEME = re.compile(r"(?:^|,)\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?=\s+[^\s=,]|\s*(?:,|$))")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')


def parse_challenges(value: str) -> list[Challenge]:
    """Split a ``WWW-Authenticate`` field into its challenges; what cannot be understood is left out."""
    # Commas and words inside quoted strings are no structure: blank them out to find it.
    masked = _QUOTED.sub(lambda match: '"' + "_" * (len(match[0]) - 2) + '"', value)
    starts = [(match.start(1), match.end(1)) for match in _SCHEME.finditer(masked)]
    challenges = []
    for index, (start, end) in enumerate(starts):
        until = starts[index + 1][0] if index + 1 < len(starts) else len(value)
        body = value[end:until].strip().strip(",")
        _, parameters = parse_parameters(";" + _commas_to_semicolons(body))
        challenges.append(Challenge(value[start:end].lower(), parameters))
    return challenges


def _commas_to_semicolons(text: str) -> str:
    pieces, position = [], 0
    for match in _QUOTED.finditer(text):
        pieces += [text[position : match.start()].replace(",", ";"), match[0]]
        position = match.end()
    pieces.append(text[position:].replace(",", ";"))
    return "".join(pieces)


def _quote(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
