"""Hides the places where metadata is looked for: our own swarms, trackers, the DHT, other caches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bittorrent.bencode import write
from bittorrent.infohash import InfoHash
from bittorrent.peers import V4_STRIDE, V6_STRIDE, unpack_all
from downloads.engine import Engine, Peer
from downloads.upstream import Upstream

PEERS_ASKED = 50
"""Peers of our own swarm that a lookup is told of."""

_BEFORE_INFO = b"d4:info"


class Source(StrEnum):
    """Where metadata was found."""

    CACHE = "cache"
    SWARM = "swarm"
    TRACKERS = "trackers"
    DHT = "dht"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; `trackers` were written by a stranger."""

    infohash: InfoHash
    trackers: tuple[str, ...] = ()


class Place(Protocol):
    """Somewhere to ask."""

    @property
    def source(self) -> Source:
        """What kind of place it is."""
        ...

    def promises(self, question: Question) -> bool:
        """Tell whether there is anybody to ask right now."""
        ...

    async def ask(self, question: Question, seconds: float) -> bytes | None:
        """Return what is said to be the .torrent, unchecked; None when there is none in time."""
        ...


class SwarmPlace:
    """The peers that our own tracker knows. `peers` gives compact ones of both families and changes nothing.

    `announce_url` is our tracker's, which goes into the .torrent: its peers are known to be there.
    """

    source = Source.SWARM

    def __init__(
        self,
        engine: Engine,
        peers: Callable[[InfoHash, int], tuple[bytes, bytes]],
        announce_url: str | None = None,
    ) -> None:
        self._engine = engine
        self._peers = peers
        self._announce_url = announce_url

    def promises(self, question: Question) -> bool:
        """Tell whether the tracker knows a peer."""
        return any(self._peers(question.infohash.cut, 1))

    async def ask(self, question: Question, seconds: float) -> bytes | None:
        """Dial the peers."""
        peers = unpacked(*self._peers(question.infohash.cut, PEERS_ASKED))
        data = await self._engine.fetch_metadata(
            question.infohash, peers=peers, trackers=(), dht=False, seconds=seconds
        )
        return data if data is None else _with_tracker(data, self._announce_url)


class TrackersPlace:
    """The trackers of the magnet link that the hash came with."""

    source = Source.TRACKERS

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def promises(self, question: Question) -> bool:
        """Tell whether there is a tracker."""
        return bool(question.trackers)

    async def ask(self, question: Question, seconds: float) -> bytes | None:
        """Ask the trackers for peers and dial them."""
        return await self._engine.fetch_metadata(
            question.infohash, peers=(), trackers=question.trackers, dht=False, seconds=seconds
        )


class DhtPlace:
    """The distributed hash table, where the engine takes part in it."""

    source = Source.DHT

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def promises(self, question: Question) -> bool:
        """Say yes: what the DHT knows shows when it is asked."""
        return True

    async def ask(self, question: Question, seconds: float) -> bytes | None:
        """Ask the DHT for peers and dial them."""
        return await self._engine.fetch_metadata(
            question.infohash, peers=(), trackers=(), dht=True, seconds=seconds
        )


class UpstreamPlace:
    """One other cache."""

    source = Source.UPSTREAM

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def promises(self, question: Question) -> bool:
        """Say yes: what a cache holds shows when it is asked."""
        return True

    async def ask(self, question: Question, seconds: float) -> bytes | None:
        """Fetch its file."""
        return await self._upstream.fetch(question.infohash, seconds)


def unpacked(peers: bytes, peers6: bytes) -> Sequence[Peer]:
    """Read compact peers of both families."""
    return [*unpack_all(peers, V4_STRIDE), *unpack_all(peers6, V6_STRIDE)]


def _with_tracker(data: bytes, announce_url: str | None) -> bytes:
    """Put our announce URL before `info`, the only key that peers give."""
    if announce_url is None or not data.startswith(_BEFORE_INFO):
        return data
    return b"d8:announce" + write(announce_url.encode()) + data[1:]
