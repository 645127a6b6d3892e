"""Announce and scrape queries over HTTP: raw query bytes in, checked values out.

The query is never decoded as text: an infohash is bytes, and `+` is a plus. Pairs are split on `&`, a pair on
its first `=`; keys are compared without decoding; unknown ones and those without `=` are ignored; the last of a
repeated key counts. Only `info_hash` and `peer_id` are percent-decoded.
"""

from binascii import a2b_qp
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TypeVar

from bittorrent.infohash import V1_LENGTH, V2_LENGTH, InfoHash
from bittorrent.refusal import Refusal

ANNOUNCE_LIMIT = 4096
SCRAPE_LIMIT = 8192
SCRAPE_HASHES = 74
PEER_ID_LENGTH = 20

_Default = TypeVar("_Default", bound=int | None)

_LARGEST = 2**63 - 1
_LONGEST_NUMBER = 19
_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class Event(IntEnum):
    """The event of an announce, by BEP 15's numbers; PAUSED is BEP 21's partial seed."""

    NONE = 0
    COMPLETED = 1
    STARTED = 2
    STOPPED = 3
    PAUSED = 4


_EVENTS = MappingProxyType(
    {
        b"completed": Event.COMPLETED,
        b"started": Event.STARTED,
        b"stopped": Event.STOPPED,
        b"paused": Event.PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class AnnounceQuery:
    """An announce request over HTTP. Byte counts are 0..2^63-1; `left` None means unknown, so a leecher.

    `infohash` has 20 bytes (a version 2 hash is truncated). `port` is 0 only with Event.STOPPED. `numwant` is
    as sent, -1 where it was absent or no number.
    """

    infohash: InfoHash
    port: int
    left: int | None
    event: Event
    numwant: int
    compact: bool
    uploaded: int
    downloaded: int
    peer_id: bytes


def read_announce(query: bytes) -> AnnounceQuery:
    """Parse the query string of an announce (BEP 3, 7, 21, 23, 52).

    Raises Refusal: query-too-long, no-info-hash, many-info-hashes, bad-info-hash, hex-info-hash, bad-escape,
    bad-peer-id, bad-port. Every other malformed value falls back to its default, so that odd clients are served.
    """
    if len(query) > ANNOUNCE_LIMIT:
        raise Refusal("query-too-long")
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    get = {key: value for key, equals, value in pairs if equals}.get
    infohash = _sole_infohash(query, get(b"info_hash"))
    peer_id = _unquote(get(b"peer_id", b""))
    if len(peer_id) != PEER_ID_LENGTH:
        raise Refusal("bad-peer-id")
    event = _EVENTS.get(get(b"event", b""), Event.NONE)
    return AnnounceQuery(
        infohash,
        _port(get(b"port", b""), event),
        _number(get(b"left", b""), None),
        event,
        _number(get(b"numwant", b""), -1),
        get(b"compact") != b"0",
        _number(get(b"uploaded", b""), 0),
        _number(get(b"downloaded", b""), 0),
        peer_id,
    )


def read_scrape(query: bytes) -> list[InfoHash]:
    """Parse the infohashes of a scrape (BEP 48), 20 bytes each: each once, in order, at most 74.

    What follows the 74th is ignored. Raises Refusal: query-too-long, full-scrape, bad-info-hash,
    hex-info-hash, bad-escape.
    """
    if len(query) > SCRAPE_LIMIT:
        raise Refusal("query-too-long")
    found: dict[InfoHash, None] = {}
    for pair in query.split(b"&"):
        key, equals, value = pair.partition(b"=")
        if key == b"info_hash" and equals:
            found[_infohash(value)] = None
            if len(found) == SCRAPE_HASHES:
                break
    if not found:
        raise Refusal("full-scrape")
    return list(found)


def _sole_infohash(query: bytes, value: bytes | None) -> InfoHash:
    if value is None:
        raise Refusal("no-info-hash")
    # The quick count also sees other keys that end in the name, so only a second look may refuse.
    if query.count(b"info_hash=") > 1 and (b"&" + query).count(b"&info_hash=") > 1:
        raise Refusal("many-info-hashes")
    return _infohash(value)


def _infohash(value: bytes) -> InfoHash:
    raw = _unquote(value)
    if len(raw) == V1_LENGTH:
        return InfoHash(raw)
    if len(raw) == V2_LENGTH:
        return InfoHash(raw[:V1_LENGTH])
    if len(raw) in (2 * V1_LENGTH, 2 * V2_LENGTH) and _HEX_DIGITS.issuperset(raw):
        raise Refusal("hex-info-hash")
    raise Refusal("bad-info-hash")


def _unquote(value: bytes) -> bytes:
    """Percent-decode strictly; raises Refusal("bad-escape").

    The quoted-printable decoder is several times as fast as urllib's, and lenient: it drops line breaks after
    an escape sign and keeps a broken escape. Without raw `=`, CR and LF in the input each whole escape makes
    the output two bytes shorter and no broken one does, so comparing lengths finds them all.
    """
    if b"%" not in value:
        return value
    if b"=" in value or b"\n" in value or b"\r" in value:
        raise Refusal("bad-escape")
    raw = a2b_qp(value.replace(b"%", b"="))
    if len(value) != len(raw) + 2 * value.count(b"%"):
        raise Refusal("bad-escape")
    return raw


def _port(value: bytes, event: Event) -> int:
    # Some clients have closed their listening socket, and send port 0, when they send `stopped`.
    port = int(value) if value.isdigit() and len(value) <= 5 else -1
    if 0 < port < 65536 or (port == 0 and event is Event.STOPPED):
        return port
    raise Refusal("bad-port")


def _number(value: bytes, default: _Default) -> int | _Default:
    if value.isdigit() and len(value) <= _LONGEST_NUMBER and (number := int(value)) <= _LARGEST:
        return number
    return default
