from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.peers import client_name, pack, parse_address, unpack, unpack_all

ports = st.integers(0, 65535)
v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None)


@given(st.one_of(v4, v6), ports)
def test_a_peer_reads_back(address: IPv4Address | IPv6Address, port: int) -> None:
    compact = pack(address.packed, port)
    assert len(compact) == len(address.packed) + 2
    assert unpack(compact) == (str(address), port)


@given(v4, ports)
def test_a_mapped_address_is_packed_as_ipv4(address: IPv4Address, port: int) -> None:
    mapped = bytes(10) + b"\xff\xff" + address.packed
    assert pack(mapped, port) == pack(address.packed, port)


@given(st.lists(st.tuples(v6, ports)))
def test_many_peers_read_back(peers: list[tuple[IPv6Address, int]]) -> None:
    blob = b"".join(pack(address.packed, port) for address, port in peers)
    assert unpack_all(blob, 18) == [(str(address), port) for address, port in peers]


@pytest.mark.parametrize(("blob", "stride"), [(bytes(7), 6), (bytes(6), 18), (bytes(6), 5), (bytes(6), 0)])
def test_ragged_peers_are_an_error(blob: bytes, stride: int) -> None:
    with pytest.raises(ValueError, match="compact"):
        unpack_all(blob, stride)


@pytest.mark.parametrize("length", [0, 5, 7, 17, 19])
def test_a_peer_of_another_length_is_an_error(length: int) -> None:
    with pytest.raises(ValueError, match="6 or 18"):
        unpack(bytes(length))


@given(st.one_of(v4, v6), ports)
def test_an_address_reads_in_every_form(address: IPv4Address | IPv6Address, port: int) -> None:
    forms = [f"{address}", f" {address} "]
    if address.version == 4:
        forms += [f"{address}:{port}", f"::ffff:{address}", f"[::ffff:{address}]:{port}"]
    else:
        forms += [f"[{address}]", f"[{address}]:{port}", f"{address}%eth0", f"[{address}%1]:{port}"]
    assert {parse_address(form) for form in forms} == {address.packed}


@given(st.text(alphabet="0123456789abcdef.:[]% \tx٣", max_size=60))
def test_only_addresses_are_read(text: str) -> None:
    try:
        raw = parse_address(text)
    except ValueError:
        return
    assert len(raw) in (4, 16)
    assert str(ip_address(raw))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "256.1.1.1",
        "1.2.3.4:",
        "1.2.3.4:port",
        "1.2.3.4%eth0",
        "[1.2.3.4]",
        "[::1",
        "::1]",
        "[::1]x",
        ":::",
        "1.2.3.4, 5.6.7.8",
        "_hidden",
        "1" * 10000,
        "[]",
    ],
)
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


@pytest.mark.parametrize(
    ("peer_id", "name"),
    [
        (b"-qB4630-abcdefghijkl", "qBittorrent"),
        (b"-TR4040-abcdefghijkl", "Transmission"),
        (b"-LT20B0-abcdefghijkl", "libtorrent"),
        (b"-lt0D80-abcdefghijkl", "rTorrent"),
        (b"-DE211s-abcdefghijkl", "Deluge"),
        (b"-7T2.1.-abcdefghijkl", "aTorrent"),
        (b"A2-1-36-0-abcdefghij", "aria2"),
        (b"M7-10-5--abcdefghijk", "Mainline"),
        (b"T03I-----abcdefghijk", "BitTornado"),
        (b"-ZZ1234-abcdefghijkl", "unknown"),
        (b"-<b1234-abcdefghijkl", "unknown"),
        (b"\0" * 20, "unknown"),
        (b"", "unknown"),
    ],
)
def test_a_client_is_named_from_the_table_alone(peer_id: bytes, name: str) -> None:
    assert client_name(peer_id) == name
