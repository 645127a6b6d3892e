"""The magnet link of a torrent in the catalogue."""

from bittorrent.infohash import V2_LENGTH
from bittorrent.magnet import Magnet
from cache.torrents import CacheRecord
from catalogue.model import Torrent


def magnet_of(torrent: Torrent, record: CacheRecord | None, trackers: tuple[str, ...]) -> Magnet:
    """Return the link with every hash that is known: `record` is the cache's, None for a torrent that is not held."""
    if record is not None:
        v1, v2 = record.v1, record.v2
    else:
        is_v2 = len(torrent.infohash) == V2_LENGTH
        v1, v2 = (None, torrent.infohash) if is_v2 else (torrent.infohash, None)
    return Magnet(v1, v2, torrent.name, trackers, size=torrent.size or None)
