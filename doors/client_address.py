"""The client's address of a request: the socket's, or the one in a trusted proxy's header."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network

from starlette.types import Scope

from bittorrent.addresses import Network, unmap_ipv4
from bittorrent.peers import parse_address
from bittorrent.refusal import Refusal

UNKNOWN_ADDRESS = bytes(4)
"""Stands for every client whose address is unknown: they share one count."""
_MAX_SOCKETS = 4096
# One `name=value` of RFC 7239 § 4, with the separator that follows it.
_PAIR = re.compile(
    r'[ \t]*(?:([\w!#$%&\'*+.^`|~-]+)=(?:([^\s",;=]+)|"((?:[^"\\]|\\.)*)")[ \t]*)?([;,]|\Z)', re.ASCII
)


class ClientAddress:
    """Finds the address of the client behind a request, by which rates and peers are counted.

    The socket's address is the client's unless it lies in `trusted`. Then it is the rightmost entry that
    does not, over all instances of `header` in order. Where all entries do, the client is the leftmost: a machine of
    the proxies' own networks; and without the header it is the socket's: a program beside the proxy.
    """

    def __init__(self, trusted: Sequence[Network], header: str) -> None:
        self._trusted = tuple(unmap_ipv4(network) for network in trusted)
        self._header = header.lower().encode("ascii")
        self._sockets: dict[str, tuple[bytes, bool]] = {}

    def of(self, scope: Scope) -> bytes:
        """Return the client's address as 4 or 16 raw bytes; raises Refusal "no-address"."""
        client = scope.get("client")
        if client is None:
            raise Refusal("no-address")
        address, trusted = self._sockets.get(client[0]) or self._socket(client[0])
        return self._forwarded(scope, address) if trusted else address

    def counted(self, scope: Scope) -> bytes:
        """Return the address by which a request is counted: the client's, or where that is unknown one for all.

        It is unknown where a trusted proxy names no address.
        """
        try:
            return self.of(scope)
        except Refusal:
            return UNKNOWN_ADDRESS

    def via_trusted_proxy(self, scope: Scope) -> bool:
        """Return whether the request came through a trusted proxy, whose header then names the client."""
        client = scope.get("client")
        return client is not None and (self._sockets.get(client[0]) or self._socket(client[0]))[1]

    def _socket(self, text: str) -> tuple[bytes, bool]:
        address = _parse(text)
        if len(self._sockets) >= _MAX_SOCKETS:
            self._sockets.clear()
        self._sockets[text] = known = (address, self._trusts(address))
        return known

    def _trusts(self, address: bytes) -> bool:
        if not self._trusted:
            return False
        ip = ip_address(address)
        return any(ip in network for network in self._trusted)

    def _forwarded(self, scope: Scope, socket: bytes) -> bytes:
        lines = [value for name, value in scope["headers"] if name == self._header]
        if not lines:
            return socket
        text = b",".join(lines).decode("latin-1")
        entries = _read_forwarded(text) if self._header == b"forwarded" else text.split(",")
        for entry in reversed(entries):
            address = _parse(entry)
            if not self._trusts(address):
                break
        return address


def rate_key(address: bytes) -> str:
    """Return the key that rates are counted by: an IPv4 address as text, or the /64 network of an IPv6 one."""
    if len(address) == 4:
        return str(ip_address(address))
    return str(ip_network((address, 64), strict=False))


def _parse(text: str) -> bytes:
    try:
        return parse_address(text)
    except ValueError:
        raise Refusal("no-address") from None


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
