"""Networking for asyncio: one namespace a protocol, loaded at first use.

This module defines nothing and imports nothing: each name below is fetched
from its home when it is first asked for (PEP 562), so that ``import asyncnet``
costs next to nothing and loads no engine, not even asyncio.
"""

# Type checkers take this name for typing.TYPE_CHECKING; importing typing itself would cost more than this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import dns, errors, ftp, http, nntp, pop3, smtp, tcp, testing, udp
    from .core.dialer import Dialer, use
    from .core.loop_scope import close
    from .core.otel import to_opentelemetry
    from .core.outcome import Outcome
    from .core.policy import public_only
    from .core.run import run
    from .core.span import Span
    from .core.trace import Trace, trace
    from .errors import (
        AsyncNetError,
        Attempt,
        AuthenticationError,
        ConnectError,
        ConnectionLost,
        ForbiddenAddress,
        LimitExceeded,
        NameNotFound,
        NoData,
        OperationTimeout,
        ProtocolError,
        ReplyError,
        ResolveError,
        StateError,
        TLSError,
    )

__version__ = "0.1.0"

__all__ = [
    "AsyncNetError",
    "Attempt",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLost",
    "Dialer",
    "ForbiddenAddress",
    "LimitExceeded",
    "NameNotFound",
    "NoData",
    "OperationTimeout",
    "Outcome",
    "ProtocolError",
    "ReplyError",
    "ResolveError",
    "Span",
    "StateError",
    "TLSError",
    "Trace",
    "close",
    "dns",
    "errors",
    "ftp",
    "http",
    "nntp",
    "pop3",
    "public_only",
    "run",
    "smtp",
    "tcp",
    "testing",
    "to_opentelemetry",
    "trace",
    "udp",
    "use",
]

_NAMESPACES = frozenset({"dns", "errors", "ftp", "http", "nntp", "pop3", "smtp", "tcp", "testing", "udp"})

_HOMES = {
    "Dialer": "core.dialer",
    "Outcome": "core.outcome",
    "Span": "core.span",
    "Trace": "core.trace",
    "close": "core.loop_scope",
    "public_only": "core.policy",
    "run": "core.run",
    "to_opentelemetry": "core.otel",
    "trace": "core.trace",
    "use": "core.dialer",
}

if not TYPE_CHECKING:  # a type checker that sees __getattr__ would believe any name

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if name in _NAMESPACES:
            return import_module(f".{name}", __name__)
        value = getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
        globals()[name] = value  # the next time it is an ordinary attribute
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "__doc__", "__file__", "__name__", "__path__", "__spec__"])
