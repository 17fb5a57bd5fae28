"""Groups of receivers: join and leave, how far and by which interface (RFC 1112, RFC 3493 section 5.2)."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Sequence

from ..core.address import Address, check_host, check_text, parse_literal

__all__ = ["Memberships", "check_group", "check_hops", "check_interface", "set_hops", "set_interface"]

_IP_MULTICAST_ALL = 49  # linux/in.h
_IPV6_MULTICAST_ALL = 29  # linux/in6.h
_LOOPBACKS = ("lo", "lo0")


def check_group(group: object) -> Address:
    """Return a multicast address, or raise before any I/O."""
    address = parse_literal(check_host(group, "multicast group"))
    if address is None or not address.is_multicast:
        raise ValueError(f"a multicast group is an address in 224.0.0.0/4 or ff00::/8, not {group!r}")
    return address


def check_hops(ttl: object) -> int | None:
    """Return how many routers a datagram may pass, ``None`` for the system's default."""
    if ttl is None:
        return None
    if type(ttl) is not int:
        raise TypeError(f"ttl must be an int or None, not {type(ttl).__name__}")
    if not 0 <= ttl <= 255:
        raise ValueError(f"ttl must be between 0 and 255, not {ttl}")
    return ttl


def check_interface(interface: object) -> str | None:
    """Return an own address or the name of an interface, ``None`` for the system's choice."""
    if interface is None:
        return None
    text = check_text(interface, "interface")
    if not text:
        raise ValueError("interface must not be empty")
    return text


class Memberships:
    """The groups of a server, and the interface that they are received on.

    Args:
        host: what the server is asked to bind; one of our addresses stands for its interface.
        groups: those to join from the beginning.
        interface: the interface for all of them; ``None`` for that of ``host``, or the system's choice.
    """

    def __init__(self, host: str | None, groups: str | Sequence[str] | None, interface: str | None) -> None:
        self._host = host
        self._groups = [check_group(group) for group in ([groups] if isinstance(groups, str) else groups or ())]
        self.interface = check_interface(interface)
        literal = None if host is None else parse_literal(host)
        self._own_address = literal is not None and not literal.is_unspecified and not literal.is_multicast
        if self.interface is None and self._own_address:
            self.interface = host

    @property
    def wanted(self) -> bool:
        """Whether there are groups from the beginning."""
        return bool(self._groups)

    def bound_host(self) -> str | None:
        """What to bind: multicast comes to sockets bound to the group or to every interface, not to one of ours."""
        if not self._groups or not self._own_address:
            return self._host
        group = self._groups[0]
        if len(self._groups) > 1:
            return "0.0.0.0" if group.version == 4 else "::"
        if group.version == 4 or group.scope_id:
            return str(group)
        return f"{group}%{_index(self.interface)}"  # RFC 4007 section 11

    def begin(self, sock: socket.socket) -> None:
        """Join what is to be joined from the beginning, and send by the same interface. Raises `OSError`."""
        version = 4 if sock.family == socket.AF_INET else 6
        groups = [group for group in self._groups if group.version == version]
        if groups and self.interface is not None:
            set_interface(sock, self.interface)
        _only_joined(sock)
        for group in groups:
            self.change(sock, group, None, join=True)

    def change(self, sock: socket.socket, group: Address, interface: str | None, *, join: bool) -> None:
        """Join or leave a group. Raises `OSError`."""
        interface = interface or self.interface
        if group.version == 4:
            option = socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP
            sock.setsockopt(socket.IPPROTO_IP, option, group.packed + _ipv4_interface(interface))
        else:
            option = socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP
            index = _index(interface or group.scope_id)
            sock.setsockopt(socket.IPPROTO_IPV6, option, struct.pack("@16sI", group.packed, index))


def _only_joined(sock: socket.socket) -> None:
    """Receive the groups that this socket joined, not those of the whole machine, as Linux does by default."""
    if sys.platform == "linux":
        level, option = (
            (socket.IPPROTO_IP, _IP_MULTICAST_ALL)
            if sock.family == socket.AF_INET
            else (socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL)
        )
        with contextlib.suppress(OSError):  # the latter is of 2018
            sock.setsockopt(level, option, 0)


def set_hops(sock: socket.socket, ttl: int) -> None:
    """Let what is sent pass so many routers; 0 keeps multicast on this machine."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        if ttl:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, ttl)
        if ttl:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)


def set_interface(sock: socket.socket, interface: str) -> None:
    """Send multicast by that interface. Raises `OSError` if there is none."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(4) + _ipv4_interface(interface))
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, _index(interface))


def _ipv4_interface(interface: str | None) -> bytes:
    """The second half of struct ip_mreqn: an own address or an index."""
    # Digits are an index, though they would pass for an address.
    literal = None if interface is None or interface.isdecimal() else parse_literal(interface)
    if literal is not None and literal.version == 4:
        return literal.packed + bytes(4)
    return bytes(4) + struct.pack("@i", _index(interface))


def _index(interface: str | None) -> int:
    """The number of an interface; 0 leaves the choice to the system."""
    if interface is None:
        return 0
    if interface.isdecimal():
        return int(interface)
    literal = parse_literal(interface)
    if literal is None:
        try:
            return socket.if_nametoindex(interface)
        except OSError:  # has no number of its own
            raise OSError(errno.ENODEV, f"there is no interface {interface!r}") from None
    if literal.version == 6 and literal.scope_id:
        return _index(literal.scope_id)
    if literal.is_loopback:
        for index, name in socket.if_nameindex():
            if name in _LOOPBACKS:
                return index
    raise OSError(errno.EINVAL, f"IPv6 multicast wants the name of an interface, not {interface}")
