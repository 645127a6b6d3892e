"""Hides whose address a request comes from: the socket's, or what a trusted proxy wrote into a header."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from bittorrent.peers import parse_address
from bittorrent.refusal import Refusal

Network = IPv4Network | IPv6Network

_REMEMBERED = 4096
# IANA's registries of special-purpose addresses, both families: what the Internet routes, and what of it it does
# not; the narrowest network around an address counts.
ROUTED: tuple[tuple[Network, bool], ...] = tuple(
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
_MAPPED = IPv6Network("::ffff:0:0/96")
# One `name=value` of RFC 7239 § 4, with the separator that follows it.
_PAIR = re.compile(
    r'[ \t]*(?:([\w!#$%&\'*+.^`|~-]+)=(?:([^\s",;=]+)|"((?:[^"\\]|\\.)*)")[ \t]*)?([;,]|\Z)', re.ASCII
)


class ClientAddress:
    """Tells the address of the client behind a request, by which rates and peers are counted.

    The socket's address is the client's unless it lies in `trusted`. Then it is the rightmost entry that
    does not, over all instances of `header` in order; a proxy's own address is never taken for a client's.
    """

    def __init__(self, trusted: Sequence[Network], header: str) -> None:
        self._trusted = tuple(unmapped(network) for network in trusted)
        self._header = header.lower().encode("ascii")
        self._sockets: dict[str, tuple[bytes, bool]] = {}

    def of(self, scope: Scope) -> bytes:
        """Return the client's address as 4 or 16 raw bytes; raises Refusal "no-address"."""
        client = scope.get("client")
        if client is None:
            raise Refusal("no-address")
        address, trusted = self._sockets.get(client[0]) or self._meet(client[0])
        return self._forwarded(scope) if trusted else address

    def believes(self, scope: Scope) -> bool:
        """Tell whether the request came through a trusted proxy, whose header then names the client."""
        client = scope.get("client")
        return client is not None and (self._sockets.get(client[0]) or self._meet(client[0]))[1]

    def _meet(self, text: str) -> tuple[bytes, bool]:
        address = _parse(text)
        if len(self._sockets) >= _REMEMBERED:
            self._sockets.clear()
        self._sockets[text] = known = (address, self._trusts(address))
        return known

    def _trusts(self, address: bytes) -> bool:
        if not self._trusted:
            return False
        ip = ip_address(address)
        return any(ip in network for network in self._trusted)

    def _forwarded(self, scope: Scope) -> bytes:
        lines = [value for name, value in scope["headers"] if name == self._header]
        text = b",".join(lines).decode("latin-1")
        entries = _read_forwarded(text) if self._header == b"forwarded" else text.split(",")
        for entry in reversed(entries):
            address = _parse(entry.strip())
            if not self._trusts(address):
                return address
        raise Refusal("no-address")


def rate_key(address: bytes) -> str:
    """Return what rates are counted by: an IPv4 address as text, or the /64 network of an IPv6 one."""
    if len(address) == 4:
        return str(ip_address(address))
    return str(ip_network((address, 64), strict=False))


def is_private(address: bytes) -> bool:
    """Tell whether an address (4 or 16 raw bytes) is one that the Internet does not route."""
    ip = ip_address(address)
    around = [(network.prefixlen, routed) for network, routed in ROUTED if ip in network]
    return not max(around)[1]


def _parse(text: str) -> bytes:
    try:
        return parse_address(text)
    except ValueError:
        raise Refusal("no-address") from None


def unmapped(network: Network) -> Network:
    """Return an IPv4-mapped IPv6 network as the IPv4 one that addresses are compared in."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((network.network_address.packed[12:], network.prefixlen - 96))
    return network


def _read_forwarded(text: str) -> list[str]:
    """Return the `for` of each element of RFC 7239; "" where an element has none.

    Text that breaks the grammar is refused as a whole: an open quote of the client's own would otherwise
    swallow what the proxy appended.
    """
    entries, current = [], ""
    for name, value, separator in _pairs(text):
        if name == "for":
            current = value
        if separator != ";":
            entries.append(current)
            current = ""
    return entries


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    at = 0
    while True:
        match = _PAIR.match(text, at)
        if match is None:
            raise Refusal("no-address")
        name, token, quoted, separator = match.groups()
        value = token or re.sub(r"\\(.)", r"\1", quoted or "")
        yield (name or "").lower(), value, separator
        if not separator:
            return
        at = match.end()
