"""Which network addresses a URL given by somebody may lead to: public ones only. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_UNICAST = IPv6Network("2000::/3")  # what the IANA has given out; all else is special or not in use
_NAT64 = IPv6Network("64:ff9b::/96")
_REFUSED_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_REFUSED_V4 = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")))


def is_public(address: str) -> bool:
    """Whether ``address``, as the resolver gave it, is one host of the public internet.

    IPv4 in IPv6 (mapped, NAT64) is judged by the IPv4 address in it; 6to4 and Teredo, which tunnel to any, are refused.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return _is_public_v4(found.ipv4_mapped)
        if found in _NAT64:
            return _is_public_v4(IPv4Address(int(found) & 0xFFFF_FFFF))
        return found in _UNICAST and found.is_global and not any(found in network for network in _REFUSED_V6)
    return _is_public_v4(found)


def _is_public_v4(found: IPv4Address) -> bool:
    return found.is_global and not found.is_multicast and not any(found in network for network in _REFUSED_V4)
