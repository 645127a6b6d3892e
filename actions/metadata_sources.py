"""Sources of metadata for lookups: our own swarms, trackers, the DHT and other caches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from bittorrent.bencode import encode
from bittorrent.infohash import InfoHash
from bittorrent.peers import V4_STRIDE, V6_STRIDE, unpack_all
from downloads.engine import Engine, Peer

if TYPE_CHECKING:
    # Imported by whoever has such caches: its HTTP client takes a tenth of a second.
    from downloads.upstream import UpstreamCache

PEERS_ASKED = 50
"""Peers of our own swarm that a lookup connects to."""

_BEFORE_INFO = b"d4:info"


class SourceKind(StrEnum):
    """Where metadata was found."""

    CACHE = "cache"
    SWARM = "swarm"
    TRACKERS = "trackers"
    DHT = "dht"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class LookupQuery:
    """What is looked up; `trackers` are untrusted."""

    infohash: InfoHash
    trackers: tuple[str, ...] = ()


class MetadataSource(Protocol):
    """A source of metadata."""

    @property
    def kind(self) -> SourceKind:
        """The kind of source."""
        ...

    def available(self, query: LookupQuery) -> bool:
        """Tell whether there is anything to ask right now."""
        ...

    async def fetch(self, query: LookupQuery, seconds: float) -> bytes | None:
        """Return a .torrent, unchecked; None when there is none in time."""
        ...


class SwarmSource:
    """The peers that our own tracker knows. `peers` gives compact peers of both families.

    `announce_url` is our tracker's; it is added to the .torrent, since its peers are there.
    """

    kind = SourceKind.SWARM

    def __init__(
        self,
        engine: Engine,
        peers: Callable[[InfoHash, int], tuple[bytes, bytes]],
        announce_url: str | None = None,
    ) -> None:
        self._engine = engine
        self._peers = peers
        self._announce_url = announce_url

    def available(self, query: LookupQuery) -> bool:
        """Tell whether the tracker knows a peer."""
        return any(self._peers(query.infohash.truncated, 1))

    async def fetch(self, query: LookupQuery, seconds: float) -> bytes | None:
        """Fetch from the peers."""
        peers = unpack_peers(*self._peers(query.infohash.truncated, PEERS_ASKED))
        data = await self._engine.fetch_metadata(
            query.infohash, peers=peers, trackers=(), dht=False, seconds=seconds
        )
        return data if data is None else _with_announce_url(data, self._announce_url)


class TrackersSource:
    """The trackers of the magnet link."""

    kind = SourceKind.TRACKERS

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def available(self, query: LookupQuery) -> bool:
        """Tell whether there is a tracker."""
        return bool(query.trackers)

    async def fetch(self, query: LookupQuery, seconds: float) -> bytes | None:
        """Fetch from peers of the trackers."""
        return await self._engine.fetch_metadata(
            query.infohash, peers=(), trackers=query.trackers, dht=False, seconds=seconds
        )


class DhtSource:
    """The DHT, where it is enabled."""

    kind = SourceKind.DHT

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def available(self, query: LookupQuery) -> bool:
        """Return True: only a query shows what the DHT has."""
        return True

    async def fetch(self, query: LookupQuery, seconds: float) -> bytes | None:
        """Fetch from peers of the DHT."""
        return await self._engine.fetch_metadata(
            query.infohash, peers=(), trackers=(), dht=True, seconds=seconds
        )


class UpstreamSource:
    """Another cache over HTTP."""

    kind = SourceKind.UPSTREAM

    def __init__(self, upstream: "UpstreamCache") -> None:
        self._upstream = upstream

    def available(self, query: LookupQuery) -> bool:
        """Return True: only a request shows what a cache has."""
        return True

    async def fetch(self, query: LookupQuery, seconds: float) -> bytes | None:
        """Fetch the .torrent."""
        return await self._upstream.fetch(query.infohash, seconds)


def unpack_peers(peers: bytes, peers6: bytes) -> Sequence[Peer]:
    """Unpack compact peers of both families."""
    return [*unpack_all(peers, V4_STRIDE), *unpack_all(peers6, V6_STRIDE)]


def _with_announce_url(data: bytes, announce_url: str | None) -> bytes:
    """Add our announce URL to a .torrent that has only `info`."""
    if announce_url is None or not data.startswith(_BEFORE_INFO):
        return data
    return b"d8:announce" + encode(announce_url.encode()) + data[1:]
