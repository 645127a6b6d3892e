"""Takedown notices and counter-notices: what somebody claims of torrents, and what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from bittorrent.infohash import InfoHash
from catalogue.fields import LONGEST_LINE, Field, TextField
from catalogue.model import Page, Person

MOST_TORRENTS = 200
"""Torrents that one notice names."""
MOST_OPEN = 1_000
"""Notices that wait; beyond them nobody can send one."""
LONGEST_STATEMENT = 10_000
LONGEST_TARGETS = 20_000


class NoticeKind(StrEnum):
    """What a notice asks for: that torrents go, or that those of an earlier notice come back."""

    TAKEDOWN = "takedown"
    COUNTER = "counter"


class NoticeState(StrEnum):
    """Where a notice stands."""

    OPEN = "open"
    HONOURED = "honoured"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice before it has a number; `about` is the notice that a counter-notice answers."""

    kind: NoticeKind
    about: int | None
    claimant: str
    contact: str
    work: str
    statement: str
    torrents: tuple[InfoHash, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it is stored. Who sent it and how they are reached is for moderators."""

    id: int
    kind: NoticeKind
    about: int | None
    claimant: str
    contact: str
    work: str
    statement: str
    torrents: tuple[InfoHash, ...]
    added: int
    state: NoticeState
    decided: int | None
    decider: Person | None
    answer: str


@dataclass(frozen=True, slots=True)
class NoticeFigures:
    """The notices of a month (as `2026-11`) in numbers: how many came, and what became of them."""

    month: str
    takedowns: int
    counters: int
    honoured: int
    refused: int
    torrents: int


class NoticeStore(Protocol):
    """Notices; every change is on disk when it returns."""

    async def add(self, notice: NewNotice, now: int, most: int) -> int:
        """Add a notice and return its number. Refusal: `full` where that many are open."""

    async def notice(self, number: int) -> Notice | None:
        """Find a notice."""

    async def notices(self, offset: int, limit: int, *, decided: bool | None) -> Page[Notice]:
        """Return open notices oldest first, decided ones newest first, or with None all, newest first."""

    async def decide(
        self, number: int, state: NoticeState, decider: int | None, answer: str, now: int
    ) -> bool:
        """Decide an open notice; False where it is none."""

    async def figures(self, months: int) -> list[NoticeFigures]:
        """Return the figures of the newest months that had notices."""


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "claimant": TextField(LONGEST_LINE, filled=True),
        "contact": TextField(LONGEST_LINE, filled=True),
        "work": TextField(LONGEST_LINE, filled=True),
        "statement": TextField(LONGEST_STATEMENT, prose=True, filled=True),
        "torrents": TextField(LONGEST_TARGETS, prose=True),
    }
)
"""What a notice says, by field."""


def unique(infohashes: Sequence[InfoHash]) -> tuple[InfoHash, ...]:
    """Return each infohash once, in the order given."""
    return tuple(dict.fromkeys(infohashes))
