"""The protocol of a swarm store: the calls that every implementation answers with the same bytes."""

from collections.abc import Sequence
from typing import Protocol

from bittorrent.infohash import InfoHash
from tracker.journal_row import JournalRow
from tracker.model import Announce, AnnounceFailure, Counts, Reply, SwarmTotals


class SwarmStore(Protocol):
    """Every swarm in memory, and who may have one. Calls are plain functions without waiting; times are unix seconds.

    Two stores given the same calls, terms and random source answer with the same bytes: slots are filled and
    emptied in the same order, and random numbers are drawn in the order that `Swarms` and `Pool.pick` state.
    """

    @property
    def name(self) -> str:
        """The name of this store in settings, logs and metrics."""
        ...

    @property
    def listed(self) -> bool:
        """Whether only allowed torrents are tracked."""
        ...

    @listed.setter
    def listed(self, listed: bool) -> None: ...

    @property
    def restoring(self) -> bool:
        """Whether announces are put off with a warning, because the journal is still being read."""
        ...

    @restoring.setter
    def restoring(self, restoring: bool) -> None: ...

    def allow(self, infohash: InfoHash, allowed: bool) -> None:
        """Put a torrent on the allow list or take it off; its swarm is not touched."""
        ...

    def deny(self, infohash: InfoHash, denied: bool) -> None:
        """Put a torrent on the deny list, which wins over any other, or take it off; its swarm is not touched."""
        ...

    def refusal(self, infohash: InfoHash) -> str | None:
        """Return the code of the refusal for a hash, or None; a denial always wins."""
        ...

    def has_rules(self) -> bool:
        """Return whether anything is allowed or denied."""
        ...

    def remove_denied(self) -> None:
        """Remove the swarms of denied torrents."""
        ...

    def announce(self, announce: Announce, now: int) -> Reply | AnnounceFailure:
        """Store the announcer and return its answer; see `Swarms.announce`."""
        ...

    def scrape(self, infohash: InfoHash) -> Counts:
        """Return a swarm in numbers, zeros where there is none or it is refused."""
        ...

    def peers(self, infohash: InfoHash, numwant: int) -> tuple[bytes, bytes]:
        """Return compact IPv4 and IPv6 peers, as a leecher outside the swarm is given; nothing changes by it."""
        ...

    def expire(self, now: int, budget: int) -> int:
        """Drop peers that were silent too long, looking at about `budget` slots; return how many went."""
        ...

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make two hashes name one swarm from now on, merging what both have."""
        ...

    def remove(self, infohash: InfoHash) -> None:
        """Remove a swarm, its peers and its completed count."""
        ...

    def take_dirty(self) -> list[JournalRow]:
        """Return the next dirty rows of a round through all swarms, marked clean; an empty list ends the round.

        Within a round rows come key-sorted, deletions last; what changes again behind it is left to the next round.
        """
        ...

    def put_back(self, rows: Sequence[JournalRow]) -> None:
        """Mark rows dirty again, because they could not be written, and begin a new round."""
        ...

    def restore(self, rows: Sequence[JournalRow]) -> None:
        """Merge rows of a journal; in any order, more than once, beside live peers. Damaged ones are passed over."""
        ...

    def totals(self) -> SwarmTotals:
        """Return the whole store in numbers."""
        ...
