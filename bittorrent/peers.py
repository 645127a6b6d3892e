"""Peers: the compact form, addresses as text, and client names from peer ids."""

import re
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType

V4_STRIDE = 6
V6_STRIDE = 18

_V4_MAPPED = bytes(10) + b"\xff\xff"
_LONGEST_ADDRESS = 128
_SPACES = " \t\n\v\f\r"  # those of ASCII; Python alone takes others for spaces
_V4_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_BRACKETED = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?")
_AZUREUS = re.compile(rb"-([A-Za-z]{2}|[A-Za-z][0-9]|[0-9][A-Za-z])[0-9A-Za-z.~]{4}-", re.DOTALL)
_SHADOW = re.compile(rb"([A-Z])[0-9A-Za-z.-]{5}---")
_MAINLINE = re.compile(rb"M[0-9]+-[0-9]+-[0-9]+-")


def pack(address: bytes, port: int) -> bytes:
    """Pack a peer in the compact form: 4 + 2 bytes (BEP 23) or 16 + 2 (BEP 7), big-endian.

    A v4-mapped IPv6 address is packed as IPv4.
    """
    return unmap(address) + port.to_bytes(2, "big")


def unpack(compact: bytes) -> tuple[str, int]:
    """Unpack one compact peer of 6 or 18 bytes; raises ValueError for any other length."""
    if len(compact) == V4_STRIDE:
        return str(IPv4Address(compact[:4])), int.from_bytes(compact[4:], "big")
    if len(compact) == V6_STRIDE:
        return str(IPv6Address(compact[:16])), int.from_bytes(compact[16:], "big")
    raise ValueError("a compact peer is 6 or 18 bytes")


def unpack_all(blob: bytes, stride: int) -> list[tuple[str, int]]:
    """Unpack consecutive compact peers of `stride` bytes; raises ValueError for a ragged end."""
    if stride not in (V4_STRIDE, V6_STRIDE) or len(blob) % stride:
        raise ValueError("compact peers are whole groups of 6 or of 18 bytes")
    return [unpack(blob[at : at + stride]) for at in range(0, len(blob), stride)]


def unmap(address: bytes) -> bytes:
    """Return the 4 bytes of a v4-mapped IPv6 address, any other address unchanged."""
    return address[12:] if len(address) == 16 and address.startswith(_V4_MAPPED) else address


def parse_address(text: str) -> bytes:
    """Parse an IP address, as sockets and proxies write it, into 4 or 16 raw bytes.

    Accepts `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80` and a zone id on IPv6; a v4-mapped address
    becomes IPv4. Raises ValueError.
    """
    if len(text) > _LONGEST_ADDRESS:
        raise ValueError("too long for an address")
    host = text.strip(_SPACES)
    if ":" not in host:
        return IPv4Address(host).packed
    if with_port := _V4_PORT.fullmatch(host):
        return IPv4Address(with_port[1]).packed
    if bracketed := _BRACKETED.fullmatch(host):
        host = bracketed[1]
    return unmap(IPv6Address(host.partition("%")[0]).packed)


_AZUREUS_CLIENTS = MappingProxyType(
    {
        b"7T": "aTorrent",
        b"AG": "Ares",
        b"AR": "Arctic",
        b"AZ": "Vuze",
        b"BC": "BitComet",
        b"BI": "BiglyBT",
        b"BP": "BitTorrent Pro",
        b"BT": "BitTorrent",
        b"CT": "CTorrent",
        b"DE": "Deluge",
        b"FD": "Free Download Manager",
        b"FL": "Folx",
        b"FW": "FrostWire",
        b"HL": "Halite",
        b"KG": "KGet",
        b"KT": "KTorrent",
        b"LT": "libtorrent",
        b"PI": "PicoTorrent",
        b"SD": "Xunlei",
        b"TL": "Tribler",
        b"TR": "Transmission",
        b"TX": "Tixati",
        b"UM": "uTorrent Mac",
        b"UT": "uTorrent",
        b"UW": "uTorrent Web",
        b"WD": "WebTorrent Desktop",
        b"WW": "WebTorrent",
        b"XL": "Xunlei",
        b"lt": "rTorrent",
        b"qB": "qBittorrent",
    }
)
_SHADOW_CLIENTS = MappingProxyType(
    {b"A": "ABC", b"O": "Osprey", b"Q": "BTQueue", b"R": "Tribler", b"S": "Shadow", b"T": "BitTornado"}
)


def client_name(peer_id: bytes) -> str:
    """Return the client of a peer id, without its version; "unknown" for one that is not in the table.

    The answers come from a fixed list, so they are safe to show and to count by (BEP 20).
    """
    if azureus := _AZUREUS.match(peer_id):
        return _AZUREUS_CLIENTS.get(azureus[1], "unknown")
    if peer_id.startswith(b"A2-"):
        return "aria2"
    if _MAINLINE.match(peer_id):
        return "Mainline"
    if shadow := _SHADOW.match(peer_id):
        return _SHADOW_CLIENTS.get(shadow[1], "unknown")
    return "unknown"
