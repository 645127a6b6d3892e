"""The history: which torrents were added, changed, removed or blocked, each under a number that only grows.

An entry says of which torrent, never what: whoever reads it asks for the record as it is now. So a torrent has one
entry, which moves to the end with each change, and the history is as long as the catalogue.

Each writer (`node`) counts for itself, in the order in which its changes are committed; a position is one number for
each. That is why several writers can feed one history, and a reader can read the entries of several in any order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal

OWN_NODE = 0
"""The number of this service as a writer."""
_MOST_NODES = 64
_LARGEST = 2**62
_CURSOR = re.compile(r"[0-9]{1,19}-[0-9]{1,19}(?:\.[0-9]{1,19}-[0-9]{1,19})*")


class HistorySubject(StrEnum):
    """What an entry is about: the record of a torrent, or its block."""

    TORRENT = "torrent"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An entry; `gone` when the record was removed or the block lifted, `first` the number under which it came.

    `seen` tells that the record could once be seen by everybody, so that everybody may know of its end. `time` in
    unix seconds.
    """

    node: int
    number: int
    subject: HistorySubject
    infohash: InfoHash
    first: int
    gone: bool
    seen: bool
    time: int


@dataclass(frozen=True, slots=True)
class HistoryPosition:
    """A position in the history: the last number that was read of each node."""

    numbers: Mapping[int, int]

    @classmethod
    def parse(cls, text: str) -> "HistoryPosition":
        """Read a cursor, "" for the beginning. Refusal: `bad-request`."""
        if not text:
            return cls({})
        if not _CURSOR.fullmatch(text) or text.count(".") >= _MOST_NODES:
            raise Refusal("bad-request", "after is no cursor of this service")
        pairs = (part.split("-") for part in text.split("."))
        return cls({int(node): min(int(number), _LARGEST) for node, number in pairs if int(node) < _LARGEST})

    def __str__(self) -> str:
        return ".".join(f"{node}-{number}" for node, number in sorted(self.numbers.items()))

    def of(self, node: int) -> int:
        """Return the number of a node, 0 before its first."""
        return self.numbers.get(node, 0)

    def past(self, entry: HistoryEntry) -> "HistoryPosition":
        """Return the position behind an entry."""
        return HistoryPosition({**self.numbers, entry.node: entry.number})

    @property
    def total(self) -> int:
        """The sum of the numbers, for who shows how far it is."""
        return sum(self.numbers.values())


class HistoryStore(Protocol):
    """The entries; they are written within the transaction of what they tell."""

    async def page(self, after: HistoryPosition, limit: int) -> list[HistoryEntry]:
        """Return up to `limit` entries behind a position, node by node, by number."""
        ...

    async def newest(self) -> HistoryPosition:
        """Return the position of the newest entries."""
        ...

    async def thinned(self) -> HistoryPosition:
        """Return up to where ends were thinned out: who stands before that may have missed some."""
        ...

    async def thin(self, before: int) -> int:
        """Delete entries of what is gone since before a time; return how many."""
        ...


def lost(after: HistoryPosition, newest: HistoryPosition, thinned: HistoryPosition) -> bool:
    """Tell whether a reader at a position may have missed something: it has to take everything again.

    That is so where ends behind it were thinned out, and where it is further than the history, as after a restored
    backup.
    """
    begun = [(node, number) for node, number in after.numbers.items() if number]
    return any(number < thinned.of(node) or number > newest.of(node) for node, number in begun)


def told(entries: Sequence[HistoryEntry]) -> list[InfoHash]:
    """Return the infohashes of torrents that are there."""
    return [each.infohash for each in entries if each.subject is HistorySubject.TORRENT and not each.gone]
