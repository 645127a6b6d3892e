"""Makes the swarm store: the one in C where it was built, unless the settings say otherwise."""

import secrets

from bittorrent.shares import ShareTerms
from peerage.sections import TrackerSection
from peerage.wiring.environment import NoNativeStore
from tracker.model import AnnounceTerms
from tracker.native_swarms import AVAILABLE, NativeSwarms
from tracker.random_source import SplitMix
from tracker.store import SwarmStore
from tracker.swarms import Swarms

_DAY = 86_400
_SEED_BITS = 64
_KEY_BYTES = 16


def announce_terms(settings: TrackerSection, shares: ShareTerms, node: int = 0) -> AnnounceTerms:
    """Return intervals and caps of announces, as the settings name them, for the node of a number."""
    return AnnounceTerms(
        interval=settings.interval,
        min_interval=settings.min_interval,
        max_torrents=settings.max_torrents,
        max_peers=settings.max_peers,
        peers_per_address=settings.peers_per_address,
        remember_completed=settings.remember_completed * _DAY,
        shares=shares,
        node=node,
        most_rate=settings.most_rate,
        announce_spacing=settings.announce_spacing,
        peers_per_account=settings.peers_per_account,
        download_slots=settings.download_slots,
        peers_per_hour=settings.peers_per_hour,
    )


def make_swarm_store(
    settings: TrackerSection, shares: ShareTerms, *, node: int = 0, native: bool = AVAILABLE
) -> SwarmStore:
    """Return an empty store of the kind that the settings name, where that in C is there. Raises NoNativeStore."""
    terms, seed = announce_terms(settings, shares, node), secrets.randbits(_SEED_BITS)
    if settings.store == "native" and not native:
        raise NoNativeStore(
            "tracker.store is native, but the C extension was not built: install again with a C compiler at hand"
        )
    if settings.store == "python" or not native:
        return Swarms(terms, SplitMix(seed))
    return NativeSwarms(terms, seed, secrets.token_bytes(_KEY_BYTES))
