"""Whose address the C takes a request to be from is what doors/client_address.py takes it to be."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bittorrent.addresses import ROUTABLE_NETWORKS, is_private
from bittorrent.refusal import REASONS, Refusal
from doors.client_address import ClientAddress
from doors.native import make_native_door, native
from tracker.model import AnnounceTerms
from tracker.native_swarms import NativeSwarms

pytestmark = pytest.mark.skipif(native is None, reason="the extension is not built")

TRUSTED = [
    ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/9", "fd00::/8", "::ffff:192.0.2.0/120", "2001:db8::/33")
]
SOCKETS = [
    bytes([127, 0, 0, 1]),
    bytes([9, 9, 9, 9]),
    bytes([10, 127, 0, 1]),
    bytes([10, 128, 0, 1]),
    b"\xfd" + bytes(15),
]
AWAY = 2
REQUEST = b"GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&numwant=0 HTTP/1.1\r\n%b\r\n"

entries = st.one_of(
    st.sampled_from(
        ["127.0.0.1", "10.1.2.3", "10.128.0.1", "fd12::1", "[fd12::1]:80", "192.0.2.7", "::ffff:192.0.2.7", "8.8.8.8",
         "8.8.8.8:1", "2001:db8:7fff::1", "2001:db8:8000::1", "", " ", "unknown", "1.2.3", "::", "fe80::1%eth0", "\t8.8.4.4\t"]
    ),
    st.ip_addresses().map(str),
)  # fmt: skip
lines = st.lists(st.lists(entries, max_size=4).map(",".join), max_size=3)


def door(header: str, *, refuse_private: bool) -> Any:
    store = NativeSwarms(AnnounceTerms(), 1, bytes(16))
    return make_native_door(
        store.handle, AnnounceTerms(), TRUSTED, header, refuse_private=refuse_private, key=b"k", seed=1, clock=(1, 1)
    )  # fmt: skip


def expected(header: str, socket: bytes, given_lines: list[str], refuse_private: bool) -> bytes:
    """The external address as it stands in the answer, or the sentence of the refusal."""
    scope = {
        "client": (str(ip_address(socket)), 1),
        "headers": [(header.lower().encode(), line.encode().strip(b" \t")) for line in given_lines],
    }
    try:
        address = ClientAddress(TRUSTED, header).of(scope)
        if refuse_private and is_private(address):
            raise Refusal("private-address")
    except Refusal as refusal:
        return refusal.reason.sentence.encode()
    return b"11:external ip%d:%b10:" % (len(address), address)


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(SOCKETS), lines, st.booleans())
@example(SOCKETS[0], ["8.8.8.8,\xa0127.0.0.1"], False)
def test_the_same_client(socket: bytes, given_lines: list[str], refuse_private: bool) -> None:
    head = "".join(f"x-REAL-ip:{line}\r\n" for line in given_lines).encode()
    reply, _, outcome = door("X-Real-IP", refuse_private=refuse_private).answer(REQUEST % head, socket)
    if any(byte >= 0x80 for byte in head) and outcome == AWAY:
        return
    assert expected("X-Real-IP", socket, given_lines, refuse_private) in reply


def test_the_grammar_of_rfc_7239_is_left_to_python() -> None:
    one = door("Forwarded", refuse_private=False)
    head = b'Forwarded: for="[2001:db9::1]:47";proto=http\r\n'
    assert one.answer(REQUEST % head, SOCKETS[0])[1:] == (0, AWAY)
    assert b"11:external ip4:\x09\x09\x09\x09" in one.answer(REQUEST % head, SOCKETS[1])[0]


edges = st.sampled_from(ROUTABLE_NETWORKS).flatmap(
    lambda row: st.sampled_from(
        [int(row[0].network_address) - 1, int(row[0].network_address), int(row[0].broadcast_address), int(row[0].broadcast_address) + 1]
    ).map(lambda number: ip_address((number % 2**row[0].max_prefixlen).to_bytes(row[0].max_prefixlen // 8, "big")))
)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(st.one_of(st.ip_addresses(), edges))
def test_the_same_addresses_are_private(address: Any) -> None:
    reply, _, _ = door("X-Real-IP", refuse_private=True).answer(
        REQUEST % b"X-Real-IP: %b\r\n" % str(address).encode(), SOCKETS[0]
    )
    private = REASONS["private-address"].sentence.encode() in reply
    wanted = expected("X-Real-IP", SOCKETS[0], [str(address)], refuse_private=True)
    assert private == (wanted == REASONS["private-address"].sentence.encode())


@given(st.one_of(st.ip_addresses(), edges))
def test_private_is_what_the_standard_library_calls_so(address: Any) -> None:
    changed: list[IPv4Network | IPv6Network] = [
        ip_network(each) for each in ("192.0.0.0/24", "64:ff9b:1::/48", "2001::/23", "2002::/16", "3fff::/20", "::ffff:0:0/96")
    ]  # fmt: skip
    if not any(address in network for network in changed):
        assert is_private(address.packed) == (not address.is_global)
