"""Fuzz targets of the tracker's doors: a conversation with the door in C and with the one in Python gets the same answers."""

from doors.udp import UdpDoor
from tests.fuzz.targets.target import Target
from tests.support.announce_paths import KEY, RUNNING, tracker_setup

_ADDRESSES = (
    bytes((9, 9, 9, 9)),
    bytes((127, 0, 0, 1)),
    bytes.fromhex("20010db8") + bytes(12),
    bytes(15) + b"\x01",
)
_CONNECT = (0x41727101980).to_bytes(8, "big") + bytes(8)
_TEXTS = ("9.9.9.9", "127.0.0.1", "2001:db8::", "::1")
_MOST = 12


def http_exchange(data: bytes) -> None:
    """Each line is a request: a byte for its path and socket, the forwarding header, `|`, and the query."""
    ours, theirs = tracker_setup(in_c=False), tracker_setup(in_c=True)
    for line in data.split(b"\n")[:_MOST]:
        which, (forwarded, _, query) = line[0] if line else 0, line[1:].partition(b"|")
        path, at = (b"/scrape", b"/announce")[which >> 2 & 1], which & 3
        head = b"GET %b?%b HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n\r\n" % (path, query, forwarded)
        answer, used, _ = theirs.door.answer(head, _ADDRESSES[at])
        if not answer:
            continue  # it is left to the other server
        assert used == len(head)
        scope = {
            "client": (_TEXTS[at], 1),
            "query_string": query,
            "headers": [(b"x-forwarded-for", forwarded.strip(b" \t"))],
        }
        door = ours.announce if path == b"/announce" else ours.scrape
        assert answer.partition(b"\r\n\r\n")[2] == door.answer(scope)
    assert theirs.tracker.store.totals() == ours.tracker.store.totals()
    assert theirs.counters.refusals == ours.counters.refusals


def udp_exchange(data: bytes) -> None:
    """Each packet has a byte for its sender and one for its length; its connection id holds, unless the first byte is large."""
    ours, theirs = tracker_setup(in_c=False), tracker_setup(in_c=True)
    door = UdpDoor(ours.tracker, KEY, lambda: RUNNING, refuse_private=False)
    for _ in range(_MOST):
        if len(data) < 2:
            break
        which, length = data[0], data[1]
        packet, data, address = data[2 : 2 + length], data[2 + length :], _ADDRESSES[which & 3]
        if which < 128 and len(packet) >= 8:
            packet = (door.answer(_CONNECT, address) or b"")[8:] + packet[8:]
        answer = theirs.door.answer_packet(packet, address)
        assert answer == door.answer(packet, address)
        assert len(answer or b"") <= max(len(packet), 16) or which < 128
    assert theirs.tracker.store.totals() == ours.tracker.store.totals()


TARGETS = (
    Target(http_exchange, 2, 1500),
    Target(udp_exchange, 2, 1500),
)
