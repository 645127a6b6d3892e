"""Fuzz targets of BitTorrent's formats: bencode, metainfo, magnet links, queries, packets, paths, journal rows,
batches of other nodes."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import msgspec

from bittorrent import bencode
from bittorrent.bencode import BencodeLimits
from bittorrent.filenames import extractable_paths
from bittorrent.infohash import InfoHash
from bittorrent.magnet import LONGEST_MAGNET, Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.passkey import is_passkey, read_path, read_query
from bittorrent.peers import parse_address
from bittorrent.query import SCRAPE_HASHES, Event, read_announce, read_scrape
from bittorrent.refusal import REASONS, Refusal
from bittorrent.text import printable
from bittorrent.udp import (
    URL_DATA_LIMIT,
    AnnounceRequest,
    Connect,
    MalformedRequest,
    ScrapeRequest,
    connection_id,
    is_valid_connection_id,
    read_request,
)
from bittorrent.urls import MOST_URLS
from bittorrent.webtorrent import (
    MOST_OFFERS,
    Description,
    MessageRefused,
    PeerAnnounce,
    PeerScrape,
    read_message,
    write_message,
    write_offer,
)
from doors.proxy_protocol import LONGEST_HEADER, BadProxyHeader, read_proxy_header
from doors.udp import UdpDoor
from tests.fuzz.targets.target import Target, refused
from tests.support.swarm_stores import STORES
from tracker import _native as native
from tracker.journal_row import DamagedRow, JournalRow, unpack
from tracker.mode import Mode
from tracker.model import AnnounceTerms
from tracker.policy import Policy
from tracker.random_source import SplitMix
from tracker.replication.batch import DamagedBatch, changes_of, latest, pack_batch, read_batch
from tracker.swarms import Swarms
from tracker.tracker import Tracker

_LIMITS = BencodeLimits(size=2000, depth=8, items=60)
_LARGEST = 2**63


class _Reference:
    """A second reader of bencode, written from the specification: one value at a time, by recursion."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.items = data, 0, 0

    def whole(self) -> Any:
        if not self.data or len(self.data) > _LIMITS.size:
            raise ValueError
        value = self.value(0)
        if self.at != len(self.data):
            raise ValueError
        return value

    def value(self, depth: int) -> Any:
        kind = self.data[self.at : self.at + 1]
        self.items += 1
        if self.items > _LIMITS.items:
            raise ValueError
        if kind == b"i":
            return self.integer()
        if kind not in (b"l", b"d"):
            return self.string()
        if depth == _LIMITS.depth:
            raise ValueError
        self.at += 1
        return self.list(depth + 1) if kind == b"l" else self.dict(depth + 1)

    def integer(self) -> int:
        end = self.data.index(b"e", self.at)
        text = self.data[self.at + 1 : end]
        self.at = end + 1
        digits = text.removeprefix(b"-")
        if not digits.isdigit() or len(digits) > 20 or (digits[:1] == b"0" and text != b"0"):
            raise ValueError
        return int(text)

    def string(self) -> bytes:
        colon = self.data.index(b":", self.at)
        text = self.data[self.at : colon]
        if not text.isdigit() or len(text) > 10 or (text[:1] == b"0" and text != b"0"):
            raise ValueError
        self.at = colon + 1 + int(text)
        if self.at > len(self.data):
            raise ValueError
        return self.data[colon + 1 : self.at]

    def list(self, depth: int) -> Any:
        found = []
        while self.data[self.at : self.at + 1] != b"e":
            found.append(self.value(depth))
        self.at += 1
        return found

    def dict(self, depth: int) -> Any:
        found: dict[bytes, Any] = {}
        while self.data[self.at : self.at + 1] != b"e":
            self.items += 1
            key = self.string()
            if key in found or self.items > _LIMITS.items:
                raise ValueError
            found[key] = self.value(depth)
        self.at += 1
        return found


def bencode_values(data: bytes) -> None:
    """Two readers take the same values; canonical ones are written as they were read."""
    try:
        expected = _Reference(data).whole()
    except ValueError:
        assert isinstance(refused(lambda: bencode.decode(data, _LIMITS)), str)
        return
    document = bencode.decode(data, _LIMITS)
    assert document.value == expected
    if document.canonical:
        assert bencode.encode(document.value) == data
    for key, (start, end) in document.spans.items():
        assert bencode.decode(data[start:end]).value == expected[key]


def metainfo(data: bytes) -> None:
    """What is taken is named by the hashes of its bytes, is safe to show and unpack, and has a magnet link."""
    try:
        torrent = Metainfo.parse(data)
    except Refusal:
        return
    assert torrent.info in data
    assert torrent.v1 in (None, hashlib.sha1(torrent.info, usedforsecurity=False).digest())
    assert torrent.v2 in (None, hashlib.sha256(torrent.info).digest())
    assert len(torrent.infohash) == 20
    assert printable(torrent.name) == torrent.name != ""
    assert torrent.files
    assert torrent.size == sum(file.length for file in torrent.files) < _LARGEST
    assert all(file.length >= 0 for file in torrent.files)
    paths = [file.path for file in torrent.files]
    assert not any(part in ("", ".", "..") or "/" in part for path in paths for part in path)
    assert len({path.casefold() for path in extractable_paths(map("/".join, paths))}) == len(paths)
    assert sum(len(tier) for tier in torrent.trackers) <= MOST_URLS
    link = str(torrent.magnet())
    if len(link) <= LONGEST_MAGNET:
        again = Magnet.parse(link)
        assert (again.v1, again.v2, again.size) == (torrent.v1, torrent.v2, torrent.size)


def magnet(data: bytes) -> None:
    """What is taken is written and read again as the same."""
    try:
        link = Magnet.parse(data.decode("utf-8", "surrogatepass" if data[:1] == b"\xed" else "replace"))
    except (Refusal, UnicodeDecodeError):
        return
    assert link.v1 or link.v2
    assert len(link.trackers) <= MOST_URLS >= len(link.web_seeds)
    assert len(link.peers) <= MOST_URLS
    assert printable(link.name) == link.name
    if len(text := str(link)) <= LONGEST_MAGNET:
        assert text.isascii()
        assert Magnet.parse(text) == link


def announce_query(data: bytes) -> None:
    """C and Python read the same."""
    found: Any
    try:
        read = read_announce(data)
    except Refusal as refusal:
        found = native.REFUSALS.index(refusal.code)
    else:
        assert len(read.infohash) == len(read.peer_id) == 20
        assert 0 < read.port < 65536 or (read.port == 0 and read.event is Event.STOPPED)
        assert all(0 <= number < _LARGEST for number in (read.left or 0, read.uploaded, read.downloaded))
        values = bytes(read.infohash), read.port, int(read.event), read.left == 0, read.numwant, read.compact
        found = (*values, read.uploaded, read.downloaded, read.peer_id)
    assert native.read_announce(data) == found


def scrape_query(data: bytes) -> None:
    """C and Python read the same."""
    found: Any
    try:
        hashes = read_scrape(data)
    except Refusal as refusal:
        found = native.REFUSALS.index(refusal.code)
    else:
        assert 0 < len(hashes) <= SCRAPE_HASHES
        found = b"".join(sorted(hashes))
    assert native.read_scrape(data) == found


def passkey_path(data: bytes) -> None:
    """C and Python find the same passkey, and it has a passkey's form."""
    found = read_path(data)
    assert native.path_passkey(data) == (found.passkey if found is not None else None)
    if found is not None:
        assert is_passkey(found.passkey)
        assert found.action in {"announce", "scrape"}


def passkey_query(data: bytes) -> None:
    """The passkey of a query is the last of its pairs with that key, whole."""
    found = read_query(data)
    pairs = [pair for pair in data.split(b"&") if pair.startswith(b"passkey=")]
    assert found == (pairs[-1][len(b"passkey=") :] if pairs else b"")


def address(data: bytes) -> None:
    """C and Python read the same address."""
    text = data.decode("latin-1")
    try:
        found = parse_address(text)
    except ValueError:
        found = None
    assert found is None or len(found) in (4, 16)
    if text.isascii():
        assert native.parse_address(data) == found


def proxy_header(data: bytes) -> None:
    """A header of the PROXY protocol is read in C as in Python, and to the same end however it is cut."""
    for packet in (False, True):
        try:
            found = read_proxy_header(data, packet=packet)
        except BadProxyHeader:
            assert native.read_proxy_header(data, packet) is False
            continue
        if found is None:
            assert native.read_proxy_header(data, packet) is None
            continue
        assert native.read_proxy_header(data, packet) == (found.client or b"", found.length)
        assert found.length <= min(len(data), LONGEST_HEADER)
        assert found.client is None or len(found.client) in (4, 16)
        if not packet:
            assert all(native.read_proxy_header(data[:at], False) is None for at in range(found.length))


def udp_packet(data: bytes) -> None:
    """A packet is answered by no more than its connection id allows, whatever it is."""
    request = read_request(data)
    match request:
        case AnnounceRequest():
            assert len(request.url_data) <= min(URL_DATA_LIMIT, len(data))
            assert request.port or request.event is Event.STOPPED
        case ScrapeRequest():
            assert 0 < len(request.infohashes) <= SCRAPE_HASHES
            assert b"".join(request.infohashes) in data
        case MalformedRequest():
            assert request.connection == data[:8]
    here = bytes((203, 0, 113, 9))
    if not isinstance(request, Connect):
        # Without a valid id, which comparisons tell a led fuzzer, an answer to a forged sender is no larger than it.
        reply = _door.answer(data, here) or b""
        assert len(reply) <= len(data) or _door.keys.hold(data[:8], here, 1000)
        connection = connection_id(b"k" * 32, here, 1000)
        reply = _door.answer(connection + data[8:], here) or b""
        assert len(reply) <= 20 + 6 * 200
        assert not reply or reply[4:8] == data[12:16]


def connection_ids(data: bytes) -> None:
    """No bytes but those that were made are a connection id, for another sender or another time."""
    key, here, there = b"k" * 32, bytes((203, 0, 113, 9)), bytes((203, 0, 113, 10))
    made = connection_id(key, here, 1000)
    assert is_valid_connection_id(made, key, here, 1000 + data[0] % 60 if data else 1000)
    assert not is_valid_connection_id(made, key, there, 1000)
    assert not is_valid_connection_id(made, key, here, 1200)
    forged = data[:8].ljust(8, b"\0")
    assert forged == made or not is_valid_connection_id(forged, key, here, 1000)


def journal_row(data: bytes) -> None:
    """Both stores take the same rows, and make the same swarm of them."""
    try:
        unpack(data)
    except DamagedRow:
        damaged = True
    else:
        damaged = False
    totals, rows = [], []
    for make in STORES.values():
        store = make(AnnounceTerms(max_torrents=10), 1)
        store.restore([JournalRow(_HASH, 0, data)])
        totals.append(store.totals())
        store.expire(2**31, 100)
        rows.append(sorted(row.payload or b"" for row in store.take_dirty()))
    assert len(set(totals)) == 1, totals
    assert rows.count(rows[0]) == len(rows)
    if damaged:
        assert totals[0].peers == 0


def change_batch(data: bytes) -> None:
    """What is read of another node's batch is written and read again alike, and both stores make the same of it."""
    try:
        batch = read_batch(data)
        changes = changes_of(batch)
    except DamagedBatch:
        return
    base = latest(changes, batch.head.base)
    again = read_batch(pack_batch(replace(batch.head, base=base), changes))
    assert again.head == replace(batch.head, base=base)
    assert sorted(changes_of(again), key=repr) == sorted(changes, key=repr)
    known = []
    for make in STORES.values():
        store = make(AnnounceTerms(max_torrents=10), 1)
        store.apply(changes, batch.head.base)
        known.append((store.totals(), sorted(row.payload or b"" for row in store.take_dirty())))
    assert known.count(known[0]) == len(known)


_HASH = InfoHash(bytes(range(20)))
_swarms = Swarms(AnnounceTerms(max_torrents=100, max_peers=1000), SplitMix(3))
_door = UdpDoor(
    Tracker(_swarms, Policy(_swarms, Mode.PUBLIC), AnnounceTerms(), lambda: 1_800_000_000),
    b"k" * 32,
    lambda: 1000.0,
    refuse_private=False,
)


def websocket_message(data: bytes) -> None:
    """What is read has ids of 20 bytes and is JSON to another reader too; what is refused says so in JSON.

    The reader in C takes nothing that is refused, reads what it takes as this one does, and takes every usual form.
    """
    in_c = native.read_message(data)
    try:
        message = read_message(data)
    except MessageRefused as refusal:
        assert in_c is None
        assert refusal.code in REASONS
        assert set(json.loads(refusal.answer)) <= {"failure reason", "action", "info_hash"}
        return
    assert in_c in (None, _as_read_in_c(message))
    assert native.read_message(write_message(message)) == _as_read_in_c(message)
    fields = json.loads(data)
    assert fields["action"] in ("announce", "scrape")
    if isinstance(message, PeerScrape):
        assert 0 < len(message.infohashes) <= SCRAPE_HASHES
        assert all(len(each) == 20 for each in message.infohashes)
        return
    assert len(message.infohash) == len(message.peer_id) == 20
    assert message.numwant is None or 0 <= message.numwant < _LARGEST
    for offer in message.offers:
        relayed = json.loads(write_offer(message.infohash, message.peer_id, offer))
        assert relayed["offer_id"].encode("latin-1") == offer.offer_id
        assert set(relayed["offer"]) == {"type", "sdp"}


def _as_read_in_c(message: PeerAnnounce | PeerScrape) -> object:
    if isinstance(message, PeerScrape):
        return (b"".join(message.infohashes),)
    answer, totals = message.answer, message.totals or (-1, -1)
    return (
        bytes(message.infohash),
        message.peer_id,
        message.event.value,
        -1 if message.seeder is None else int(message.seeder),
        -1 if message.numwant is None else message.numwant,
        [(each.offer_id, *_inner(each.description)) for each in message.offers[:MOST_OFFERS]],
        None if answer is None else (answer.to, answer.offer_id, *_inner(answer.description)),
        *totals,
    )


def _inner(description: Description) -> tuple[bytes, bytes]:
    """Return both texts as they are passed on."""
    return msgspec.json.encode(description.type)[1:-1], msgspec.json.encode(description.sdp)[1:-1]


TARGETS = (
    Target(bencode_values, 12, corpus="bencode"),
    Target(metainfo, 12, 16384, "bencode"),
    Target(magnet, 6, corpus="magnet"),
    Target(announce_query, 14, corpus="query"),
    Target(scrape_query, 12, 8300, "query"),
    Target(passkey_path, 14, 200),
    Target(passkey_query, 14, 200),
    Target(address, 14, 200),
    Target(proxy_header, 8, 1100),
    Target(udp_packet, 8, 4200, "udp"),
    Target(connection_ids, 3, 64),
    Target(journal_row, 1),
    Target(change_batch, 1),
    Target(websocket_message, 8),
)
