"""Names: addresses and records, without a thread.

One-shots ask the resolver of the current dialer (`asyncnet.use`), or else the
one that the running loop shares, whose cache they fill together.
"""

from ..core.dns_questions import ResolverStats
from ..core.dns_records import (
    AAAA,
    CAA,
    CNAME,
    HTTPS,
    MX,
    NAPTR,
    NS,
    PTR,
    SOA,
    SRV,
    SVCB,
    TLSA,
    TXT,
    URI,
    A,
    Answer,
)
from ..core.resolver import Resolver
from .queries import lookup, lookup_many, resolve, reverse

__all__ = [
    "AAAA",
    "CAA",
    "CNAME",
    "HTTPS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SOA",
    "SRV",
    "SVCB",
    "TLSA",
    "TXT",
    "URI",
    "A",
    "Answer",
    "Resolver",
    "ResolverStats",
    "lookup",
    "lookup_many",
    "resolve",
    "reverse",
]
