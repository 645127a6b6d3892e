"""Obligations: what an account owes a torrent that it downloaded, and whether it hit and ran."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from bittorrent.infohash import InfoHash


class Obligation(IntEnum):
    """How an account stands to a torrent: nothing downloaded, enough given back, still owing, or hit and run."""

    NONE = 0
    MET = 1
    OWED = 2
    BROKEN = 3


@dataclass(frozen=True, slots=True)
class ObligationRules:
    """When an obligation is met, and when it is broken.

    A torrent counts as downloaded with its completion, or once `share` percent of its size were downloaded (0:
    completion alone). It is met by `seed_time` seconds of seeding, or by `ratio` of uploaded to downloaded bytes (0:
    time alone). One that is not met is broken when `grace` seconds passed since the account was last seen in it.
    `seed_time` 0 asks for nothing.
    """

    seed_time: int = 0
    ratio: float = 0.0
    grace: int = 0
    share: int = 0


@dataclass(frozen=True, slots=True)
class TorrentStanding:
    """What an account moved of a torrent and what it owes; `size` and `title` are the record's, 0 and "" without one.

    `owed` are the seconds of seeding that are left, `until` when it will be broken, 0 while nothing is owed.
    """

    infohash: InfoHash
    title: str
    size: int
    uploaded: int
    downloaded: int
    credited_up: int
    credited_down: int
    seeded: int
    snatched: int
    seen: int
    obligation: Obligation
    owed: int
    until: int


class ObligationStore(Protocol):
    """What accounts owe, read from the ledger."""

    async def standings(
        self, account: int, rules: ObligationRules, now: int, offset: int, limit: int
    ) -> tuple[list[TorrentStanding], int]:
        """Return the torrents of an account with what it owes, broken ones first, then that seen last; and how many."""

    async def counts(self, account: int, rules: ObligationRules, now: int) -> dict[Obligation, int]:
        """Return how many obligations of an account there are of each kind."""
