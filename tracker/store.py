"""Hides which store keeps the swarms: what the one in Python and every other must do, byte for byte alike."""

from collections.abc import Sequence
from typing import Protocol

from bittorrent.infohash import InfoHash
from tracker.model import Announce, Counts, Reply, Totals
from tracker.row import Row


class SwarmStore(Protocol):
    """Every swarm in memory. Calls are plain functions without waiting; times are unix seconds.

    Two stores given the same calls, terms and source of chance answer with the same bytes: slots are filled and
    emptied in the same order, and chance is drawn in the order that `Swarms` and `Pool.pick` state.
    """

    def announce(self, announce: Announce, now: int) -> Reply:
        """Store the announcer and return its answer; see `Swarms.announce`."""
        ...

    def scrape(self, infohash: InfoHash) -> Counts:
        """Return a swarm in numbers, zeros where there is none."""
        ...

    def expire(self, now: int, budget: int) -> int:
        """Drop peers that were silent too long, looking at about `budget` slots; return how many went."""
        ...

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make two hashes name one swarm from now on, merging what both have."""
        ...

    def remove(self, infohash: InfoHash) -> None:
        """Forget a swarm, its peers and its completed count."""
        ...

    def take_dirty(self) -> list[Row]:
        """Return some changed rows, key-sorted, and call them clean; an empty list when nothing is left."""
        ...

    def put_back(self, rows: Sequence[Row]) -> None:
        """Call rows changed again, because they could not be written."""
        ...

    def restore(self, rows: Sequence[Row]) -> None:
        """Merge rows of a journal; in any order, more than once, beside live peers. Damaged ones are passed over."""
        ...

    def totals(self) -> Totals:
        """Return the whole store in numbers."""
        ...
