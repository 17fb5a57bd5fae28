"""Why a certificate was refused, in words that say what to do.

Pure.  Certificates come as the dictionaries of `ssl.SSLSocket.getpeercert`.
"""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["Certificate", "explain_refusal"]

Certificate: TypeAlias = "Mapping[str, Any]"

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_NOT_YET, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _NO_ISSUER, _NO_ISSUER_OF_LEAF = 18, 19, 20, 21
_OTHER_HOST, _OTHER_ADDRESS = 62, 64

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TOLD = 4  # names of a certificate that go into a message


def explain_refusal(
    code: int, words: str | None, name: str | None, chain: Sequence[Certificate], now: float | None = None
) -> str:
    """Say in one line why a certificate was refused.

    Args:
        code: OpenSSL's number of the reason.
        words: OpenSSL's own, for a reason that is not known here.
        name: the name that was to be verified, ``None`` for none.
        chain: the certificates that the peer sent, its own first; empty if nobody can tell.
        now: seconds since the epoch; ``None`` for the clock's.
    """
    own = chain[0] if chain else {}
    peer = name or "the peer"
    if code in (_OTHER_HOST, _OTHER_ADDRESS):
        return f"certificate is for {_names(own)}, not {peer}" if own else f"certificate is not for {peer}"
    if code == _EXPIRED:
        return _out_of_date(peer, chain, "notAfter", "expired on", time.time() if now is None else now)
    if code == _NOT_YET:
        reason = _out_of_date(peer, chain, "notBefore", "is not valid before", time.time() if now is None else now)
        return f"{reason}; is this machine's clock right?"
    if code == _SELF_SIGNED:
        return f"certificate of {peer} is self-signed; if it is meant to be, give an ssl.SSLContext that trusts it"
    if code in (_SELF_SIGNED_IN_CHAIN, _NO_ISSUER, _NO_ISSUER_OF_LEAF):
        issuer = _distinguished(own.get("issuer", ()))
        who = f"{issuer!r}, who is not trusted here" if issuer else "an authority that is not trusted here"
        return (
            f"certificate of {peer} was issued by {who}; to trust it, give an ssl.SSLContext "
            "with load_verify_locations()"
        )
    return f"certificate of {peer} refused: {(words or f'error {code}').rstrip('.')}"


def _names(certificate: Certificate) -> str:
    """What a certificate is for: its alternative names; a common name does not count (RFC 9525 section 6.3)."""
    names = [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    if not names:
        return "no host at all"
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more


def _out_of_date(peer: str, chain: Sequence[Certificate], field: str, words: str, now: float) -> str:
    """Find the certificate that it is about: it may be one of the authorities' in between."""
    for depth, certificate in enumerate(chain):
        moment = _moment(str(certificate.get(field, "")))
        if moment is None or (moment < now) != (field == "notAfter"):
            continue
        day = time.strftime("%Y-%m-%d", time.gmtime(moment))
        if depth == 0:
            return f"certificate of {peer} {words} {day}"
        authority = _distinguished(certificate.get("subject", ()))
        return f"certificate of {peer} is not valid: that of its authority {authority!r} {words} {day}"
    return f"certificate of {peer} {'has expired' if field == 'notAfter' else 'is not valid yet'}"


def _moment(text: str) -> float | None:
    """Seconds since the epoch of ``"Jan  5 09:34:43 2018 GMT"``, whatever the locale."""
    try:
        month = _MONTHS.index(text[:3]) + 1
        return float(timegm(time.strptime(f"{month}{text[3:]}", "%m %d %H:%M:%S %Y GMT")))
    except ValueError:
        return None


def _distinguished(name: Sequence[Any]) -> str:
    """The part of a distinguished name that people know somebody by."""
    parts = {key: str(value) for relative in name for key, value in relative}
    return parts.get("commonName") or parts.get("organizationName") or parts.get("organizationalUnitName") or ""
