"""Every store of swarms there is, made from terms and a seed; a new one is added to STORES."""

from collections.abc import Callable

from tracker.draw import SplitMix
from tracker.model import Terms
from tracker.native_swarms import AVAILABLE, NativeSwarms
from tracker.store import SwarmStore
from tracker.swarms import Swarms

Make = Callable[[Terms, int], SwarmStore]


def python(terms: Terms, seed: int) -> SwarmStore:
    return Swarms(terms, SplitMix(seed))


def native(terms: Terms, seed: int) -> SwarmStore:
    return NativeSwarms(terms, seed, seed.to_bytes(16, "big"))


STORES: dict[str, Make] = {"python": python} | ({"native": native} if AVAILABLE else {})
