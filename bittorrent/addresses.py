"""Routable and private IP networks, by IANA's special-purpose registries."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from bittorrent.refusal import Refusal

Network = IPv4Network | IPv6Network
_TEXT_LIMIT = 128
_MAPPED = IPv6Network("::ffff:0:0/96")

# Networks of both families, and whether the Internet routes them; the narrowest one that has an address counts.
ROUTABLE_NETWORKS: tuple[tuple[Network, bool], ...] = tuple(
    (ip_network(text), routed)
    for routed, texts in (
        (True, ("0.0.0.0/0", "::/0", "192.0.0.9", "192.0.0.10", "2001:1::1", "2001:1::2", "2001:3::/32")),
        (True, ("2001:4:112::/48", "2001:20::/28", "2001:30::/28")),
        (False, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")),
        (False, ("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15")),
        (False, ("198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/128", "::1/128", "::ffff:0:0/96")),
        (False, ("64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
        (False, ("fc00::/7", "fe80::/10")),
    )
    for text in texts
)


def unmap_ipv4(network: Network) -> Network:
    """Return an IPv4-mapped IPv6 network as the IPv4 one that addresses are compared in."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((network.network_address.packed[12:], network.prefixlen - 96))
    return network


def parse_network(text: str) -> Network:
    """Read an address or a network as 10.0.0.0/8 or fd00::/8. Refusal: `bad-network`."""
    if len(text) > _TEXT_LIMIT:
        raise Refusal("bad-network")
    try:
        return unmap_ipv4(ip_network(text.strip()))
    except ValueError as error:
        raise Refusal("bad-network", "its host bits are set" if "host bits" in str(error) else "") from None


def is_private(address: bytes) -> bool:
    """Return whether an address (4 or 16 raw bytes) is not routed on the Internet."""
    ip = ip_address(address)
    matches = [(network.prefixlen, routed) for network, routed in ROUTABLE_NETWORKS if ip in network]
    return not max(matches)[1]
