"""Which address of a name answered the last time: it is tried first the next time.

Pure.  RFC 8305 section 4 prefers addresses that were used before.  What is
remembered is forgotten when it fails, and after ten minutes at the latest
(RFC 6555 section 4.2): routes change, and a family that was broken comes back.
"""

from __future__ import annotations

from .address import Address

__all__ = ["Favourites"]

_LIFETIME = 600.0  # seconds
_SIZE = 1_000  # names

Place = tuple[str, int]


class Favourites:
    """The last winners of a dialer, by host and port."""

    def __init__(self) -> None:
        self._winners: dict[Place, tuple[Address, float]] = {}

    def find(self, place: Place, now: float) -> Address | None:
        """The address that answered the last time."""
        address, until = self._winners.get(place, (None, 0.0))
        return address if now < until else None

    def won(self, place: Place, address: Address, now: float) -> None:
        """Remember that this address answered."""
        self._winners.pop(place, None)  # the dictionary's order is that of the last wins
        self._winners[place] = (address, now + _LIFETIME)
        if len(self._winners) > _SIZE:
            self._winners.pop(next(iter(self._winners)), None)

    def failed(self, place: Place, address: Address) -> None:
        """Forget it if this is the one that is remembered."""
        if self._winners.get(place, (None, 0.0))[0] == address:
            self._winners.pop(place, None)
