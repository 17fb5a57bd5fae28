"""Names: addresses and records, without a thread.

One-shots ask the resolver of the current dialer (`asyncnet.use`), or else the
one that the running loop shares, whose cache they fill together.
"""

from ..core.dns_answer import Answer
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
)
from .queries import lookup, lookup_many, resolve, reverse
from .resolver import Resolver

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
