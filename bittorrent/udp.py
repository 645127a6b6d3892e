"""UDP tracker protocol packets (BEP 15, 41), parsed and written.

Only a connect may be answered before the packet's connection id is checked, so every other value that `read_request`
returns has that id first, a malformed announce or scrape (`MalformedRequest`) included.
"""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct

from bittorrent.infohash import V1_LENGTH, InfoHash
from bittorrent.query import SCRAPE_HASHES, Event

SMALLEST_PACKET = 16
LARGEST_PACKET = 4096
"""Bytes of a request; a longer one is not read."""
ANNOUNCE_LENGTH = 98
CONNECTION_SECONDS = 120
CONNECTION_SKEW = 10
BAD_ANSWERS, BAD_SECONDS = 10, 60
"""Bad connection ids of one address that are answered in so many seconds; the others get no answer."""
BAD_SLOTS = 16384
"""Addresses that are told apart by it; more share places."""
URL_DATA_LIMIT = 2048

_CONNECT, _ANNOUNCE, _SCRAPE, _ERROR = range(4)
_PROTOCOL = 0x41727101980.to_bytes(8, "big")
_HEAD = Struct(">8sI4s")
# Connection, action, transaction, infohash, peer id, downloaded, left, uploaded, event, (address, key),
# numwant, port.
_REQUEST = Struct(">8sI4s20s20sQQQI8xiH")
_ANNOUNCED = Struct(">I4sIII")
_SCRAPED = Struct(">III")
_EVENTS = tuple(Event)
_LARGEST = 2**63
_MOST = 2**31 - 1
_SECONDS = 2**32
_END, _NOTHING, _URL_DATA = range(3)


@dataclass(frozen=True, slots=True)
class Connect:
    """A request for a connection id; `transaction` is 4 bytes to echo."""

    transaction: bytes


@dataclass(frozen=True, slots=True)
class AnnounceRequest:
    """An announce over UDP. Fields are as in `query.AnnounceQuery`.

    `connection` is 8 bytes, `transaction` 4. `url_data` is the path and query of the tracker's URL (BEP 41),
    at most URL_DATA_LIMIT bytes, empty when not sent. The address and the key in the packet are not read.
    """

    connection: bytes
    transaction: bytes
    infohash: InfoHash
    port: int
    left: int | None
    event: Event
    numwant: int
    uploaded: int
    downloaded: int
    peer_id: bytes
    url_data: bytes


@dataclass(frozen=True, slots=True)
class ScrapeRequest:
    """A scrape over UDP of 1 to 74 infohashes, in the order of the request and with repeats, as in the reply."""

    connection: bytes
    transaction: bytes
    infohashes: tuple[InfoHash, ...]


@dataclass(frozen=True, slots=True)
class MalformedRequest:
    """A malformed announce or scrape; `code` is the refusal to send if `connection` is valid."""

    connection: bytes
    transaction: bytes
    code: str


def read_request(packet: bytes) -> Connect | AnnounceRequest | ScrapeRequest | MalformedRequest | None:
    """Parse a request; None for garbage, which gets no answer."""
    if len(packet) < SMALLEST_PACKET:
        return None
    connection, action, transaction = _HEAD.unpack_from(packet)
    if action == _ANNOUNCE:
        return _read_announce(packet)
    if action == _CONNECT:
        return Connect(transaction) if connection == _PROTOCOL else None
    if action == _SCRAPE:
        return _read_scrape(packet)
    return None


def _read_announce(packet: bytes) -> AnnounceRequest | MalformedRequest:
    if len(packet) < ANNOUNCE_LENGTH:
        return MalformedRequest(packet[:8], packet[12:16], "bad-request")
    (connection, _, transaction, infohash, peer_id, downloaded, left, uploaded, number, numwant, port) = (
        _REQUEST.unpack_from(packet)
    )
    event = _EVENTS[number] if number < len(_EVENTS) else Event.NONE
    if port == 0 and event is not Event.STOPPED:
        return MalformedRequest(connection, transaction, "bad-port")
    return AnnounceRequest(
        connection,
        transaction,
        InfoHash(infohash),
        port,
        left if left < _LARGEST else None,
        event,
        max(numwant, -1),
        uploaded if uploaded < _LARGEST else 0,
        downloaded if downloaded < _LARGEST else 0,
        peer_id,
        b"" if len(packet) == ANNOUNCE_LENGTH else _url_data(packet),
    )


def _read_scrape(packet: bytes) -> ScrapeRequest | MalformedRequest:
    count = min((len(packet) - SMALLEST_PACKET) // V1_LENGTH, SCRAPE_HASHES)
    if count == 0:
        return MalformedRequest(packet[:8], packet[12:16], "full-scrape")
    starts = range(SMALLEST_PACKET, SMALLEST_PACKET + count * V1_LENGTH, V1_LENGTH)
    infohashes = tuple(InfoHash(packet[at : at + V1_LENGTH]) for at in starts)
    return ScrapeRequest(packet[:8], packet[12:16], infohashes)


def _url_data(packet: bytes) -> bytes:
    return b"".join(_url_data_options(packet))[:URL_DATA_LIMIT]


def _url_data_options(packet: bytes) -> Iterator[bytes]:
    """Walk the options after an announce (BEP 41); unknown ones are skipped by length."""
    at = ANNOUNCE_LENGTH
    while at < len(packet) and packet[at] != _END:
        if packet[at] == _NOTHING:
            at += 1
            continue
        if at + 1 == len(packet):
            return
        start, end = at + 2, at + 2 + packet[at + 1]
        if packet[at] == _URL_DATA and end <= len(packet):
            yield packet[start:end]
        at = end


def connect_reply(transaction: bytes, connection: bytes) -> bytes:
    """Write the reply to a connect, 16 bytes."""
    return _CONNECT.to_bytes(4, "big") + transaction + connection


def announce_reply(transaction: bytes, interval: int, leechers: int, seeders: int, peers: bytes) -> bytes:
    """Write the reply to an announce; `interval` in seconds, `peers` compact in the packet's own family."""
    return (
        _ANNOUNCED.pack(_ANNOUNCE, transaction, interval, min(leechers, _MOST), min(seeders, _MOST)) + peers
    )


def scrape_reply(transaction: bytes, counts: Iterable[tuple[int, int, int]]) -> bytes:
    """Write the reply to a scrape from the (complete, downloaded, incomplete) of each infohash."""
    swarms = (_SCRAPED.pack(*(min(count, _MOST) for count in swarm)) for swarm in counts)
    return _SCRAPE.to_bytes(4, "big") + transaction + b"".join(swarms)


def error_reply(transaction: bytes, text: bytes, request_length: int) -> bytes | None:
    """Write an error, its text cut so that the packet is not longer than the request.

    None when the request was too short for a reply, so that spoofed packets are not amplified.
    """
    if request_length < SMALLEST_PACKET:
        return None
    return (_ERROR.to_bytes(4, "big") + transaction + text)[:request_length]


def connection_id(key: bytes, address: bytes, now: int) -> bytes:
    """Make a connection id: 4 bytes of time and 4 of a keyed hash over time and address.

    It needs no state, and without `key` (up to 64 bytes) it cannot be forged for an address whose packets one
    does not see. `address` is 4 or 16 raw bytes, `now` in seconds of a clock that does not run backwards.
    """
    return _sealed(key, address, (now % _SECONDS).to_bytes(4, "big"))


def is_valid_connection_id(connection: bytes, key: bytes, address: bytes, now: int) -> bool:
    """Return whether an 8-byte connection id was issued to this address within the last 120 seconds."""
    age = (now - int.from_bytes(connection[:4], "big")) % _SECONDS
    if CONNECTION_SECONDS < age < _SECONDS - CONNECTION_SKEW:
        return False
    return hmac.compare_digest(connection, _sealed(key, address, connection[:4]))


def _sealed(key: bytes, address: bytes, issued: bytes) -> bytes:
    return issued + blake2b(issued + address, key=key, digest_size=4).digest()
