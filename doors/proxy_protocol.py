"""The header of the PROXY protocol, versions 1 and 2, that a proxy sends before what its client sends.

It names the client where the request itself cannot: over TCP in front of a connection, over UDP (version 2 alone) in
front of every packet. Source: HAProxy's `proxy-protocol.txt`, revision of 2020-03-05.
"""

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from typing import NamedTuple, cast

from bittorrent.addresses import Network, unmap_ipv4
from bittorrent.peers import parse_address, unmap

LONGEST_HEADER = 1024
"""Bytes of a header, additions (TLVs) included."""

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V1_LONGEST = 107
_V2_HEAD = Struct(">12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_STREAM, _DATAGRAM = 1, 2
_ADDRESS_BYTES = {1: 4, 2: 16}
_MOST_SOCKETS = 4096


class ProxyHeader(NamedTuple):
    """A header: the client's address as 4 or 16 raw bytes, None where it names none, and the header's length."""

    client: bytes | None
    length: int


class BadProxyHeader(Exception):
    """What should be a header of the PROXY protocol is none."""


def read_proxy_header(data: bytes, *, packet: bool = False) -> ProxyHeader | None:
    """Read the header in front of a stream or a packet; None where more has to come. BadProxyHeader."""
    found = None
    if data[:12] == _V2[: len(data)]:
        found = _read_v2(data, _DATAGRAM if packet else _STREAM)
    elif not packet and data[:6] == _V1[: len(data)]:
        found = _read_v1(data)
    else:
        raise BadProxyHeader
    if packet and found is None:
        raise BadProxyHeader
    return found


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, _V1_LONGEST)
    if end < 0:
        if len(data) < _V1_LONGEST:
            return None
        raise BadProxyHeader
    if end <= len(_V1) or data[end - 1 : end] != b"\r":
        raise BadProxyHeader
    fields = data[: end - 1].decode("latin-1").split(" ")
    if fields[1] == "UNKNOWN" and len(fields) <= 6:
        return ProxyHeader(None, end + 1)
    if len(fields) != 6 or fields[1] not in ("TCP4", "TCP6"):
        raise BadProxyHeader
    try:
        kind = IPv4Address if fields[1] == "TCP4" else IPv6Address
        source, _ = kind(fields[2]), kind(fields[3])
    except ValueError:
        raise BadProxyHeader from None
    if any("%" in each for each in fields[2:4]) or not all(map(_is_port, fields[4:])):
        raise BadProxyHeader
    return ProxyHeader(unmap(source.packed), end + 1)


def _is_port(text: str) -> bool:
    plain = text.isascii() and text.isdigit() and len(text) <= 5 and (text == "0" or not text.startswith("0"))
    return plain and int(text) < 65536


def _read_v2(data: bytes, transport: int) -> ProxyHeader | None:
    if len(data) < _V2_HEAD.size:
        return None
    _, command, kind, rest = _V2_HEAD.unpack_from(data)
    length = _V2_HEAD.size + rest
    if command not in (_LOCAL, _PROXY) or length > LONGEST_HEADER:
        raise BadProxyHeader
    if len(data) < length:
        return None
    if command == _LOCAL or kind == 0:
        return ProxyHeader(None, length)
    size = _ADDRESS_BYTES.get(kind >> 4, 0)
    if kind & 15 != transport or not size or rest < 2 * size + 4:
        raise BadProxyHeader
    return ProxyHeader(unmap(data[_V2_HEAD.size : _V2_HEAD.size + size]), length)


class ProxyNetworks:
    """The networks whose connections and packets begin with a header; nobody else's do."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(unmap_ipv4(network) for network in networks)
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, host: str) -> bool:
        known = self._known.get(host)
        if known is None:
            address = ip_address(parse_address(host))
            known = any(address in network for network in self._networks)
            if len(self._known) >= _MOST_SOCKETS:
                self._known.clear()
            self._known[host] = known
        return known


NO_PROXIES = ProxyNetworks(())

ClientName = tuple[str, int]
"""An address as text, and a port; 0 where that is not known."""
MakeProtocol = Callable[[ClientName | None], asyncio.Protocol]
"""Makes the protocol of a connection from a client; of the socket's own where that is None."""


class ProxyHeaderProtocol(asyncio.Protocol):
    """Reads the header in front of a connection from a named network, then leaves it to the protocol that serves it.

    A connection without a valid header, or whose header does not come in time (`timeout` seconds), is cut.
    """

    def __init__(self, networks: ProxyNetworks, make: MakeProtocol, timeout: float) -> None:
        self._networks = networks
        self._make = make
        self._timeout = timeout
        self._read = b""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the header, or serve the connection at once where none has to come."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if name is None or name[0] not in self._networks:
            self._serve(None, b"")
            return
        self._timer = asyncio.get_running_loop().call_later(self._timeout, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read the header."""
        assert self._transport is not None
        self._read += data
        try:
            header = read_proxy_header(self._read)
        except BadProxyHeader:
            self._transport.abort()
            return
        if header is None:
            return
        client = (str(ip_address(header.client)), 0) if header.client is not None else None
        self._serve(client, self._read[header.length :])

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()

    def _serve(self, client: ClientName | None, first: bytes) -> None:
        self._stop()
        assert self._transport is not None
        served = self._make(client)
        self._transport.set_protocol(served)
        served.connection_made(self._transport)
        if first and not self._transport.is_closing():
            served.data_received(first)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
