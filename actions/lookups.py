"""Hides where the metadata of a torrent comes from that is known by its hash alone."""

from dataclasses import dataclass
from enum import StrEnum

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo


class Source(StrEnum):
    """Where metadata was found."""

    CACHE = "cache"
    SWARM = "swarm"
    TRACKERS = "trackers"
    DHT = "dht"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup brought, in the cache by now, and from where."""

    metainfo: Metainfo
    source: Source


class Lookups:
    """Finds metadata by hash, in the operator's order of sources, within one time budget for all of them."""

    async def find(
        self, infohash: InfoHash, *, seconds: float, account: int | None, trackers: tuple[str, ...] = ()
    ) -> Found | None:
        """Return the torrent of a hash, looking it up where it is not held; None when nobody has it.

        Concurrent calls for a hash share one search; a miss is remembered. Refusal: `blocked`,
        `lookups-closed` (without an account, where the operator does not allow that), `busy`.
        """
        raise NotImplementedError
