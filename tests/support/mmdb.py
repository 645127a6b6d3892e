"""Writes a MaxMind database of countries."""

from collections.abc import Mapping
from ipaddress import ip_network

_MARKER = b"\xab\xcd\xefMaxMind.com"


def _encoded(value: object) -> bytes:
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, int):
        return _control(6, 4) + value.to_bytes(4, "big")
    if value == ():
        return b"\x00\x04"
    assert isinstance(value, Mapping)
    return _control(7, len(value)) + b"".join(_encoded(key) + _encoded(value[key]) for key in value)


def _control(kind: int, size: int) -> bytes:
    return bytes([kind << 5 | size]) if size < 29 else bytes([kind << 5 | 29, size - 29])


def database(records: Mapping[str, object], version: int = 6) -> bytes:
    """Return a database with a record per network; IPv4 networks lie at the end of 96 zero bits in version 6."""
    nodes: list[list[int | None]] = [[None, None]]
    data, pointers = b"", []
    for network, record in records.items():
        at = 0
        bits = _bits(network, version)
        for bit in bits[:-1]:
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][bits[-1]] = -1 - len(pointers)
        pointers.append(len(data))
        data += _encoded(record)
    count = len(nodes)

    def written(entry: int | None) -> bytes:
        number = count if entry is None else entry if entry >= 0 else count + 16 + pointers[-1 - entry]
        return number.to_bytes(3, "big")

    tree = b"".join(written(left) + written(right) for left, right in nodes)
    about = {
        "node_count": count,
        "record_size": 24,
        "ip_version": version,
        "database_type": "Country",
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "description": {},
        "languages": (),
    }
    return tree + bytes(16) + data + _MARKER + _encoded(about)


def _bits(text: str, version: int) -> list[int]:
    network = ip_network(text)
    number = format(int(network.network_address), f"0{network.max_prefixlen}b")[: network.prefixlen]
    before = "0" * 96 if version == 6 and network.version == 4 else ""
    return [int(bit) for bit in before + number]
