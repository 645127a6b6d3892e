"""Makes metadata lookups, the lookups of announced hashes, and the engine's announces to our own tracker."""

import time

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


def make_lookups(
    settings: Settings,
    engine: Engine | None,
    store: SwarmStore,
    *,
    uploads: Uploads,
    cache: TorrentCache,
    takedowns: Takedowns,
) -> Lookups:
    """Return the lookups; without an engine, only upstream caches are asked. What is found is accepted by `uploads`."""
    wanted = settings.lookups
    terms = LookupTerms(
        wanted.timeout, wanted.concurrent, wanted.queue, wanted.remember_misses, wanted.anonymous
    )
    sources = _sources(settings, engine, store, uploads.limit)
    return Lookups(uploads, cache, takedowns, sources, terms, timer=time.monotonic)


def _sources(settings: Settings, engine: Engine | None, store: SwarmStore, limit: int) -> list[Place]:
    wanted, outgoing = settings.lookups, Outgoing(allow_private=settings.lookups.private_peers)
    announce_url = f"{settings.public_url}/announce" if settings.public_url else None
    sources: dict[str, list[Place]] = {
        "upstream": [UpstreamPlace(Upstream(each, outgoing, limit)) for each in wanted.upstream]
    }
    if engine is not None:
        sources["swarm"] = [SwarmPlace(engine, store.peers, announce_url)]
        sources["trackers"] = [TrackersPlace(engine)]
        sources["dht"] = [DhtPlace(engine)]
    return [source for name in dict.fromkeys(wanted.sources) for source in sources.get(name, [])]


def make_filling(
    settings: Settings, lookups: Lookups, catalogue: Catalogue, store: SwarmStore
) -> Filling | None:
    """Return the lookups of announced hashes; None where `lookups.fill` is off."""
    wanted = settings.lookups
    if wanted.fill == "off":
        return None
    rate = limits.parse(wanted.fill_rate)
    return Filling(
        lookups,
        catalogue,
        store.scrape,
        every=rate.get_expiry() / rate.amount,
        at_once=max(1, wanted.concurrent // 2),  # leaves slots for lookups that people ask for
        longest_pause=wanted.remember_misses,
        timer=time.monotonic,
    )


def make_announcing(settings: Settings, downloads: Downloads, store: SwarmStore) -> Announcing | None:
    """Return what announces the engine to our own swarms; None without an engine or a public address."""
    addresses = [parse_address(text) for text in settings.downloads.public_address]
    if downloads.engine is None or not addresses:
        return None
    return Announcing(store.announce, downloads.engine, addresses, downloads.running, time.time)
