"""Makes metadata lookups, the lookups of announced hashes, and the engine's announces to our own tracker."""

import time
from collections.abc import Callable

from actions.auto_fetch import AutoFetch
from actions.engine_announcer import EngineAnnouncer
from actions.lookups import Lookups, LookupSettings
from actions.metadata_sources import DhtSource, MetadataSource, SwarmSource, TrackersSource, UpstreamSource
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.peers import parse_address
from cache.torrents import TorrentCache
from catalogue.store import TorrentStore
from downloads.downloads import Downloads
from downloads.engine import Engine
from downloads.outgoing_filter import OutgoingFilter
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
    timer: Callable[[], float],
) -> Lookups:
    """Return the lookups; without an engine, only upstream caches are asked. What is found is accepted by `uploads`."""
    wanted = settings.lookups
    terms = LookupSettings(
        wanted.timeout, wanted.concurrent, wanted.queue, wanted.remember_misses, wanted.anonymous
    )
    sources = _sources(settings, engine, store, uploads.limit)
    return Lookups(uploads, cache, takedowns, sources, terms, timer=timer)


def _sources(
    settings: Settings, engine: Engine | None, store: SwarmStore, limit: int
) -> list[MetadataSource]:
    wanted, outgoing = settings.lookups, OutgoingFilter(allow_private=settings.lookups.private_peers)
    announce_url = f"{settings.public_url}/announce" if settings.public_url else None
    sources: dict[str, list[MetadataSource]] = {}
    if wanted.upstream:
        # Its HTTP client takes a tenth of a second to import.
        from downloads.upstream import UpstreamCache  # noqa: PLC0415

        sources["upstream"] = [
            UpstreamSource(UpstreamCache(each, outgoing, limit)) for each in wanted.upstream
        ]
    if engine is not None:
        sources["swarm"] = [SwarmSource(engine, store.peers, announce_url)]
        sources["trackers"] = [TrackersSource(engine)]
        sources["dht"] = [DhtSource(engine)]
    return [source for name in dict.fromkeys(wanted.sources) for source in sources.get(name, [])]


def make_auto_fetch(
    settings: Settings, lookups: Lookups, torrents: TorrentStore, store: SwarmStore
) -> AutoFetch | None:
    """Return the lookups of announced hashes; None where `lookups.fill` is off."""
    wanted = settings.lookups
    if wanted.fill == "off":
        return None
    from limits import parse  # noqa: PLC0415 - no command needs it

    rate = parse(wanted.fill_rate)
    return AutoFetch(
        lookups,
        torrents,
        store.scrape,
        every=rate.get_expiry() / rate.amount,
        at_once=max(1, wanted.concurrent // 2),  # leaves slots for lookups that people ask for
        longest_pause=wanted.remember_misses,
        timer=time.monotonic,
    )


def make_engine_announcer(
    settings: Settings, downloads: Downloads, store: SwarmStore
) -> EngineAnnouncer | None:
    """Return what announces the engine to our own swarms; None without an engine or a public address."""
    addresses = [parse_address(text) for text in settings.downloads.public_address]
    if downloads.engine is None or not addresses:
        return None
    return EngineAnnouncer(store.announce, downloads.engine, addresses, downloads.running, time.time)
