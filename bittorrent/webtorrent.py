"""WebTorrent's messages: announces, offers, answers and scrapes as JSON objects over a WebSocket.

The form is that of the npm package bittorrent-tracker, which every client follows: infohashes, peer ids and offer ids
are strings of 20 characters, each of which stands for the byte of its number (Latin-1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bittorrent.infohash import V1_LENGTH, InfoHash
from bittorrent.query import PEER_ID_LENGTH, SCRAPE_HASHES, Event
from bittorrent.refusal import REASONS, Refusal

OFFER_ID_LENGTH = 20
MOST_OFFERS = 82
"""Offers of one announce that can be passed on, however many are allowed."""
_EVENTS = {
    "completed": Event.COMPLETED,
    "paused": Event.PAUSED,
    "started": Event.STARTED,
    "stopped": Event.STOPPED,
}
_EVENT_NAMES = {event: name for name, event in _EVENTS.items()}


class Description(msgspec.Struct, frozen=True, gc=False):
    """A WebRTC session description, an offer or an answer; whatever else its sender put in is dropped."""

    type: str
    sdp: str


class _Offer(msgspec.Struct, gc=False):
    offer: Description
    offer_id: str


class _Message(msgspec.Struct):
    """Every field of every message, as far as its types go."""

    action: str | None = None
    info_hash: str | list[str] | None = None
    peer_id: str | None = None
    left: int | float | str | None = None
    uploaded: int | float | str | None = None
    downloaded: int | float | str | None = None
    event: str | None = None
    numwant: int | float | str | None = None
    offers: list[_Offer] | None = None
    answer: Description | None = None
    to_peer_id: str | None = None
    offer_id: str | None = None


@dataclass(frozen=True, slots=True)
class PeerOffer:
    """An offer for whoever the tracker chooses; `offer_id` has 20 bytes."""

    offer_id: bytes
    description: Description


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """An answer to the offer `offer_id` of the peer `to`."""

    to: bytes
    offer_id: bytes
    description: Description


@dataclass(frozen=True, slots=True)
class PeerAnnounce:
    """An announce: the infohash and the peer id have 20 bytes; `numwant` is None where it was not sent.

    So is `seeder`, which then is as it was before. An announce that brings an `answer` asks for nothing.
    """

    infohash: InfoHash
    peer_id: bytes
    event: Event
    seeder: bool | None
    numwant: int | None = None
    offers: Sequence[PeerOffer] = ()
    answer: PeerAnswer | None = None
    totals: tuple[int, int] | None = None
    """Bytes uploaded and downloaded, None unless both were sent."""


@dataclass(frozen=True, slots=True)
class PeerScrape:
    """A scrape of one or more torrents."""

    infohashes: Sequence[InfoHash]


class MessageRefused(Exception):
    """A message is refused; `answer` is what its sender is told, `code` the refusal's."""

    def __init__(self, code: str, action: str | None = None, infohash: bytes | None = None) -> None:
        self.code = code
        self.answer = write_failure(code, action, infohash)
        super().__init__(code)


_decoder = msgspec.json.Decoder(_Message)
_encoder = msgspec.json.Encoder()


def read_message(data: bytes | str) -> PeerAnnounce | PeerScrape:
    """Read one message; numbers that cannot be are as if they were missing.

    Raises MessageRefused: bad-message, no-info-hash, bad-info-hash, bad-peer-id, bad-offer, full-scrape.
    """
    try:
        # What is passed over is not checked by the decoder.
        message = _decoder.decode(data if isinstance(data, str) else data.decode())
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise MessageRefused("bad-message") from None
    if message.action not in ("announce", "scrape"):
        raise MessageRefused("bad-message")
    sole = message.info_hash if isinstance(message.info_hash, str) else ""
    infohash = _raw(sole, V1_LENGTH)
    try:
        return _announce(message, infohash) if message.action == "announce" else _scrape(message)
    except Refusal as refusal:
        raise MessageRefused(refusal.code, message.action, infohash) from None


def _announce(message: _Message, infohash: bytes | None) -> PeerAnnounce:
    if message.info_hash is None:
        raise Refusal("no-info-hash")
    if infohash is None:
        raise Refusal("bad-info-hash")
    peer_id = _raw(message.peer_id, PEER_ID_LENGTH)
    if peer_id is None:
        raise Refusal("bad-peer-id")
    left = _whole(message.left)
    return PeerAnnounce(
        InfoHash(infohash),
        peer_id,
        _EVENTS.get(message.event or "", Event.NONE),
        None if left is None else left == 0,
        _whole(message.numwant),
        [PeerOffer(_offer_id(each.offer_id), each.offer) for each in message.offers or ()],
        _answer(message),
        _totals(message),
    )


def _totals(message: _Message) -> tuple[int, int] | None:
    up, down = _whole(message.uploaded), _whole(message.downloaded)
    return None if up is None or down is None else (up, down)


def _answer(message: _Message) -> PeerAnswer | None:
    if message.answer is None:
        return None
    to = _raw(message.to_peer_id, PEER_ID_LENGTH)
    if to is None:
        raise Refusal("bad-peer-id")
    return PeerAnswer(to, _offer_id(message.offer_id), message.answer)


def _offer_id(text: str | None) -> bytes:
    raw = _raw(text, OFFER_ID_LENGTH)
    if raw is None:
        raise Refusal("bad-offer")
    return raw


def _scrape(message: _Message) -> PeerScrape:
    asked = [message.info_hash] if isinstance(message.info_hash, str) else message.info_hash
    if not asked:
        raise Refusal("full-scrape")
    found: dict[InfoHash, None] = {}
    for each in asked:
        raw = _raw(each, V1_LENGTH)
        if raw is None:
            raise Refusal("bad-info-hash")
        found[InfoHash(raw)] = None
        if len(found) == SCRAPE_HASHES:
            break
    return PeerScrape(list(found))


def _raw(text: str | None, length: int) -> bytes | None:
    """Return the bytes that a string of that many characters stands for, None where it is none."""
    if text is None or len(text) != length:
        return None
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _whole(number: float | str | None) -> int | None:
    """Return a number of 0 or more, None for anything else; JavaScript's clients send numbers as text too."""
    if isinstance(number, str):
        number = int(number) if number.isascii() and number.isdigit() and len(number) <= 19 else None
    return int(number) if number is not None and 0 <= number < 2**63 else None


def write_message(message: PeerAnnounce | PeerScrape) -> bytes:
    """Write a message in its usual form, which the reader in C takes; of offers the first `MOST_OFFERS`."""
    if isinstance(message, PeerScrape):
        return _encoder.encode(
            {"action": "scrape", "info_hash": [each.decode("latin-1") for each in message.infohashes]}
        )
    said: dict[str, object] = {
        "action": "announce",
        "info_hash": message.infohash.decode("latin-1"),
        "peer_id": message.peer_id.decode("latin-1"),
        "event": _EVENT_NAMES.get(message.event, ""),
        "offers": [
            {"offer_id": each.offer_id.decode("latin-1"), "offer": each.description}
            for each in message.offers[:MOST_OFFERS]
        ],
    }
    if message.seeder is not None:
        said["left"] = 0 if message.seeder else 1
    if message.numwant is not None:
        said["numwant"] = str(message.numwant)
    if message.totals is not None:
        said["uploaded"], said["downloaded"] = map(str, message.totals)
    if message.answer is not None:
        said["answer"] = message.answer.description
        said["to_peer_id"] = message.answer.to.decode("latin-1")
        said["offer_id"] = message.answer.offer_id.decode("latin-1")
    return _encoder.encode(said)


def write_announce_reply(
    infohash: bytes, complete: int, incomplete: int, interval: int, warning: str = ""
) -> bytes:
    """Write the answer to an announce; `interval` in seconds."""
    reply: dict[str, object] = {
        "action": "announce",
        "info_hash": infohash.decode("latin-1"),
        "complete": complete,
        "incomplete": incomplete,
        "interval": interval,
    }
    if warning:
        reply["warning message"] = warning
    return _encoder.encode(reply)


def write_scrape_reply(files: Iterable[tuple[bytes, Mapping[str, int]]], min_interval: int) -> bytes:
    """Write the answer to a scrape: of each torrent `complete`, `downloaded` and `incomplete`."""
    return _encoder.encode(
        {
            "action": "scrape",
            "files": {infohash.decode("latin-1"): numbers for infohash, numbers in files},
            "flags": {"min_request_interval": min_interval},
        }
    )


def write_offer(infohash: bytes, peer_id: bytes, offer: PeerOffer) -> bytes:
    """Write the offer of a peer, for the one that is to answer it."""
    return _relayed(infohash, peer_id, offer.offer_id, {"offer": offer.description})


def write_answer(infohash: bytes, peer_id: bytes, answer: PeerAnswer) -> bytes:
    """Write the answer of a peer, for the one that made the offer."""
    return _relayed(infohash, peer_id, answer.offer_id, {"answer": answer.description})


def _relayed(infohash: bytes, peer_id: bytes, offer_id: bytes, what: Mapping[str, Description]) -> bytes:
    return _encoder.encode(
        {
            "action": "announce",
            "info_hash": infohash.decode("latin-1"),
            "offer_id": offer_id.decode("latin-1"),
            "peer_id": peer_id.decode("latin-1"),
            **what,
        }
    )


def write_failure(
    code: str, action: str | None = None, infohash: bytes | None = None, text: str = ""
) -> bytes:
    """Write a refusal: its sentence or `text`, and what the message asked for as far as that was read."""
    reply = {"failure reason": text or REASONS[code].sentence}
    if action is not None:
        reply["action"] = action
    if infohash is not None:
        reply["info_hash"] = infohash.decode("latin-1")
    return _encoder.encode(reply)
