"""Hides how lookups are joined to the engine, our tracker and other caches, as the settings say."""

import time
from dataclasses import dataclass

import limits

from actions.announcing import Announcing
from actions.filling import Filling
from actions.lookups import Lookups, LookupTerms
from actions.sources import DhtPlace, Place, SwarmPlace, TrackersPlace, UpstreamPlace
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.peers import parse_address
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue
from downloads.downloads import Downloads
from downloads.engine import Engine
from downloads.outgoing import Outgoing
from downloads.upstream import Upstream
from peerage.config import Settings
from tracker.store import SwarmStore


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeps a torrent that was found, and knows what is held or blocked."""

    uploads: Uploads
    cache: TorrentCache
    takedowns: Takedowns


def make_lookups(
    settings: Settings,
    engine: Engine | None,
    store: SwarmStore,
    keeping: Keeping,
) -> Lookups:
    """Return the lookups, which without an engine ask other caches alone."""
    wanted = settings.lookups
    terms = LookupTerms(
        wanted.timeout, wanted.concurrent, wanted.queue, wanted.remember_misses, wanted.anonymous
    )
    places = _places(settings, engine, store, keeping.uploads.limit)
    return Lookups(keeping.uploads, keeping.cache, keeping.takedowns, places, terms, timer=time.monotonic)


def _places(settings: Settings, engine: Engine | None, store: SwarmStore, limit: int) -> list[Place]:
    wanted, outgoing = settings.lookups, Outgoing(allow_private=settings.lookups.private_peers)
    announce_url = f"{settings.public_url}/announce" if settings.public_url else None
    places: dict[str, list[Place]] = {
        "upstream": [UpstreamPlace(Upstream(each, outgoing, limit)) for each in wanted.upstream]
    }
    if engine is not None:
        places["swarm"] = [SwarmPlace(engine, store.peers, announce_url)]
        places["trackers"] = [TrackersPlace(engine)]
        places["dht"] = [DhtPlace(engine)]
    return [place for name in dict.fromkeys(wanted.sources) for place in places.get(name, [])]


def make_filling(
    settings: Settings, lookups: Lookups, catalogue: Catalogue, store: SwarmStore
) -> Filling | None:
    """Return what looks up announced hashes, None where the operator does not want it."""
    wanted = settings.lookups
    if wanted.fill == "off":
        return None
    rate = limits.parse(wanted.fill_rate)
    return Filling(
        lookups,
        catalogue,
        store.scrape,
        every=rate.get_expiry() / rate.amount,
        at_once=max(1, wanted.concurrent // 2),  # so that people's lookups find a turn
        longest_pause=wanted.remember_misses,
        timer=time.monotonic,
    )


def make_announcing(settings: Settings, downloads: Downloads, store: SwarmStore) -> Announcing | None:
    """Return what makes the engine a peer of our own swarms, None without one or a public address."""
    addresses = [parse_address(text) for text in settings.downloads.public_address]
    if downloads.engine is None or not addresses:
        return None
    return Announcing(store.announce, downloads.engine, addresses, downloads.running, time.time)
