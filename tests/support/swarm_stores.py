"""Every store of swarms there is, made from terms and a seed; a new one is added to STORES."""

from collections.abc import Callable
from ipaddress import ip_network

from bittorrent.shares import ShareTerms
from tracker.model import AnnounceTerms
from tracker.native_swarms import AVAILABLE, NativeSwarms
from tracker.random_source import SplitMix
from tracker.store import SwarmStore
from tracker.swarms import Swarms

NO_SHARES = ShareTerms(exempt=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""Terms under which no address is held to a share."""

StoreFactory = Callable[[AnnounceTerms, int], SwarmStore]


def python(terms: AnnounceTerms, seed: int) -> SwarmStore:
    return Swarms(terms, SplitMix(seed))


def native(terms: AnnounceTerms, seed: int) -> SwarmStore:
    return NativeSwarms(terms, seed, seed.to_bytes(16, "big"))


STORES: dict[str, StoreFactory] = {"python": python} | ({"native": native} if AVAILABLE else {})
