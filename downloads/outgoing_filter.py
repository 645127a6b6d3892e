"""The filter for outgoing connections: no address in a private network, for libtorrent and HTTP alike."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from bittorrent.addresses import ROUTABLE_NETWORKS, Network

AddressRange = tuple[str, str, bool]
"""The first and last address of a range, and whether connections into it are refused."""

# Beside what the Internet does not route: multicast, and NAT64, which hides an IPv4 address in an IPv6 one.
_NEVER = tuple(ip_network(text) for text in ("224.0.0.0/4", "ff00::/8", "64:ff9b::/96"))
_RULES: tuple[tuple[Network, bool], ...] = (*ROUTABLE_NETWORKS, *((network, False) for network in _NEVER))


class OutgoingFilter:
    """Tells whether an address may be connected to. `allow_private` disables it, for closed networks."""

    def __init__(self, *, allow_private: bool) -> None:
        self.allow_private = allow_private

    def allows(self, address: bytes) -> bool:
        """Check 4 or 16 raw bytes; an IPv4-mapped IPv6 address is checked as IPv4."""
        if self.allow_private:
            return True
        ip = _plain(ip_address(address))
        matching = [(network.prefixlen, routed) for network, routed in _RULES if ip in network]
        return max(matching, key=lambda rule: rule[0])[1]

    def ranges(self) -> Iterator[AddressRange]:
        """Yield the rules as ranges, widest first, for a filter in which later ranges win."""
        if self.allow_private:
            return
        for network, routed in sorted(_RULES, key=lambda rule: (rule[0].version, rule[0].prefixlen)):
            yield str(network[0]), str(network[-1]), not routed

    def allows_text(self, host: str) -> bool:
        """Check an address in text; anything that is not an address is refused."""
        try:
            return self.allows(ip_address(host.partition("%")[0]).packed)
        except ValueError:
            return False


_MAPPED = IPv6Network("::ffff:0:0/96")


def _plain(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return IPv4Address(ip.packed[12:]) if isinstance(ip, IPv6Address) and ip in _MAPPED else ip
