"""Which addresses a request may go to: those that anybody on the internet could reach, and what the
operator allows by name.

The tables are the special-purpose registries of IANA, written out: what the standard library calls
global differs from one version of Python to another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from msgspec import Struct

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED_4: Final[dict[IPv4Network, str]] = {
    IPv4Network(network): kind
    for kind, networks in {
        "of this host": ("0.0.0.0/8",),
        "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        "shared by a provider's customers": ("100.64.0.0/10",),
        "loopback": ("127.0.0.0/8",),
        "link-local": ("169.254.0.0/16",),
        "for protocols": ("192.0.0.0/24", "192.88.99.0/24"),
        "for documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
        "for benchmarks": ("198.18.0.0/15",),
        "multicast": ("224.0.0.0/4",),
        "reserved": ("240.0.0.0/4",),
    }.items()
    for network in networks
}
_GLOBAL_6: Final = IPv6Network("2000::/3")
"""All that IANA gives out as global unicast; loopback, private and the like lie outside."""
_REFUSED_6: Final[dict[IPv6Network, str]] = {
    IPv6Network("2001::/23"): "for protocols (Teredo and others)",
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("2002::/16"): "6to4",
    IPv6Network("3fff::/20"): "for documentation",
}
_NAT64: Final = IPv6Network("64:ff9b::/96")

_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
HOST_CHARS_MAX: Final = 253


def address_of(text: str) -> Address | None:
    """An address as it is written, or None. `127.1` and other old forms are not addresses."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def meant(address: Address) -> Address:
    """The address that traffic ends at: an IPv4 address may be wrapped in one of IPv6."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def kind_refused(address: Address) -> str | None:
    """Why not everybody can reach an address; None if everybody can."""
    address = meant(address)
    if isinstance(address, IPv4Address):
        return next((kind for net, kind in _REFUSED_4.items() if address in net), None)
    if address.scope_id is not None or address not in _GLOBAL_6:
        return "loopback" if address.is_loopback else "no global unicast address"
    return next((kind for net, kind in _REFUSED_6.items() if address in net), None)


def is_host_name(text: str) -> bool:
    """Whether this is a name in lower case that only a resolver can make an address of.

    A name that ends in a number is none: resolvers take `127.1`, `0x7f.1` or `2130706433` for
    addresses, each its own way.
    """
    if len(text) > HOST_CHARS_MAX or not _HOST.fullmatch(text):
        return False
    last = text.rpartition(".")[2]
    return not last.isdecimal() and not last.startswith("0x")


class Allowed(Struct, frozen=True):
    """What the operator allows beside the internet: hosts by name, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def covers(self, host: str, address: Address) -> bool:
        """Whether this address may be reached under this name."""
        address = meant(address)
        return host in self.hosts or any(
            address in net for net in self.networks if net.version == address.version
        )


def allowed_of(entries: Iterable[str]) -> Allowed:
    """What a list of host names, addresses and networks (`10.1.0.0/16`) allows, or ValueError."""
    hosts: set[str] = set()
    networks: list[Network] = []
    for entry in entries:
        text = entry.strip().lower().rstrip(".")
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            if "/" in text or not is_host_name(text):
                raise ValueError(
                    f"{entry!r} is neither a host name nor an address or network such as"
                    f" 10.1.0.0/16 ({error})"
                ) from None
            hosts.add(text)
    return Allowed(frozenset(hosts), tuple(networks))
