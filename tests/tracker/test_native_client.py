"""Whose address the C takes a request to be from is what doors/client_address.py takes it to be."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bittorrent.addresses import is_private
from bittorrent.refusal import Refusal
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


nodes = st.one_of(
    st.sampled_from(
        ["for=8.8.8.8", "For=10.1.2.3", 'for="[fd12::1]:80"', 'for="2001:db8:8000::1"', "for=[fd12::1]", "by=x", "proto=http",
         'for="\\1.2.3\\.4"', 'for="1.2.3.4', "for=", "for", "=x", "for=unknown", 'for=""', "for = 1.2.3.4", "", " ", "\tby=y\t",
         'x="a,b;c"', 'x="a\\"b"', "for=1.2.3.4x", "for=127.0.0.1", "ffor=7.7.7.7", "fo=7.7.7.7", f"for={'1' * 200}"]
    ),
    st.ip_addresses(v=4).map("for={}".format),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6),
)  # fmt: skip
elements = st.lists(st.lists(nodes, max_size=3).map(";".join), max_size=3).map(",".join)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(SOCKETS), st.lists(elements, max_size=3))
@example(SOCKETS[0], ['for="8.8.8.8', 'x"'])
@example(SOCKETS[0], ['for="8.8.8.8', '8.8.8.8"'])
@example(SOCKETS[0], [""])
@example(SOCKETS[0], ["for=10.1.2.3, for=fd12", "for=127.0.0.1"])
def test_the_same_client_by_rfc_7239(socket: bytes, given_lines: list[str]) -> None:
    head = "".join(f"Forwarded:{line}\r\n" for line in given_lines).encode()
    reply, _, outcome = door("Forwarded", refuse_private=False).answer(REQUEST % head, socket)
    assert outcome != AWAY
    assert expected("Forwarded", socket, given_lines, False) in reply
