"""The resolver as users get it: it knows the dialer, on which core's own cannot stand."""

from __future__ import annotations

from ..core import resolver
from ..core.dialer import Dialer, current_dialer

__all__ = ["Resolver"]


class Resolver(resolver.Resolver):
    __doc__ = resolver.Resolver.__doc__

    def _default_dialer(self) -> Dialer:
        # Not the current dialer itself: its policy judges targets, and a name server that was written down by
        # the caller is none; and its resolver may be this one.
        return Dialer(ssl_context=current_dialer().ssl_context)
