"""Allow-list and deny-list of infohashes; an entry covers every infohash of its torrent."""

import unicodedata
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal

REASON_LIMIT = 500
AUTHOR_LIMIT = 100
# Controls, lone surrogates, and the separators that break a line of a log or a page.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BATCH = 500


class Verdict(StrEnum):
    """The list that an entry is on: allowed or denied. Denial always wins."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry for one torrent: the infohash that the operator gave, why, by whom, since when (unix seconds).

    `spellings` are the torrent's other infohashes, as far as known: an entry covers all of them.
    """

    infohash: InfoHash
    verdict: Verdict
    reason: str
    by: str
    since: int
    spellings: tuple[InfoHash, ...] = ()

    @property
    def names(self) -> tuple[InfoHash, ...]:
        """Every infohash that the entry covers, the operator's first."""
        return (self.infohash, *self.spellings)

    def covering(self, infohashes: Iterable[InfoHash]) -> "Entry":
        """Return the entry with these infohashes added, each also truncated."""
        known = _with_truncated((*self.names, *infohashes)) - {self.infohash}
        return replace(self, spellings=tuple(sorted(known)))


class EntryStore(Protocol):
    """The store of entries; every change is durable before it returns."""

    async def set(self, entry: Entry) -> None:
        """Add an entry, in place of an earlier one of the same key; known other infohashes stay."""

    async def unset(self, infohash: InfoHash, verdict: Verdict) -> bool:
        """Delete every entry of the list that covers the infohash; return whether there was one."""

    async def find(self, infohash: InfoHash, verdict: Verdict) -> list[Entry]:
        """Return every entry of the list that covers the infohash."""

    async def page(
        self, verdict: Verdict | None, after: tuple[InfoHash, Verdict] | None, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries above the key `after`, ordered by infohash, then list."""


class Lists:
    """The allow-list and the deny-list of infohashes."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store

    async def set(self, entry: Entry) -> Entry:
        """Add an entry and return it with every infohash it covers, truncated v2 hashes included.

        Refusal: `bad-reason` when the reason or the author is too long or has control characters.
        """
        _check_text("the reason", entry.reason, REASON_LIMIT)
        _check_text("the author", entry.by, AUTHOR_LIMIT)
        covering = entry.covering(())
        await self._store.set(covering)
        return covering

    async def unset(self, infohash: InfoHash, verdict: Verdict) -> bool:
        """Delete every entry of the list that covers the infohash, also truncated; return if there was one."""
        dropped = [await self._store.unset(each, verdict) for each in sorted(_with_truncated((infohash,)))]
        return any(dropped)

    async def find(self, infohashes: Iterable[InfoHash], verdict: Verdict) -> list[Entry]:
        """Return every entry of the list that covers one of the infohashes, each once."""
        found: dict[InfoHash, Entry] = {}
        for each in sorted(_with_truncated(infohashes)):
            found.update({entry.infohash: entry for entry in await self._store.find(each, verdict)})
        return list(found.values())

    async def denied(self, infohashes: Iterable[InfoHash]) -> Entry | None:
        """Return an entry that denies one of the infohashes, or None."""
        return next(iter(await self.find(infohashes, Verdict.DENY)), None)

    async def allowed(self, infohashes: Iterable[InfoHash]) -> Entry | None:
        """Return an entry that allows one of the infohashes, or None."""
        return next(iter(await self.find(infohashes, Verdict.ALLOW)), None)

    async def entries(self, verdict: Verdict | None = None) -> list[Entry]:
        """Return every entry, of one list or of both, ordered by infohash; `walk` bounds the memory."""
        return [entry async for batch in self.walk(verdict) for entry in batch]

    async def walk(self, verdict: Verdict | None = None, batch: int = _BATCH) -> AsyncIterator[list[Entry]]:
        """Yield every entry, of one list or of both, at most `batch` at a time, ordered by infohash."""
        after: tuple[InfoHash, Verdict] | None = None
        while page := await self._store.page(verdict, after, batch):
            yield page
            after = (page[-1].infohash, page[-1].verdict)


def _with_truncated(infohashes: Iterable[InfoHash]) -> set[InfoHash]:
    given = set(infohashes)
    return given | {infohash.cut for infohash in given}


def _check_text(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise Refusal("bad-reason", f"{what} is longer than {limit} characters")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text):
        raise Refusal("bad-reason", f"{what} holds control characters")
