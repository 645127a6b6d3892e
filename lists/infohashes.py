"""Hides which infohashes are allowed and refused, and that a torrent has several names for one verdict."""

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
    """What an entry says: the hash is let in, or refused. A refusal always wins."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Entry:
    """One verdict on one torrent: as the operator named it, why, by whom, since when (s since 1970).

    `spellings` are its other names as far as they are known: an entry on any name is one on all.
    """

    infohash: InfoHash
    verdict: Verdict
    reason: str
    by: str
    since: int
    spellings: tuple[InfoHash, ...] = ()

    @property
    def names(self) -> tuple[InfoHash, ...]:
        """Every name that the entry covers, the operator's first."""
        return (self.infohash, *self.spellings)

    def covering(self, infohashes: Iterable[InfoHash]) -> "Entry":
        """Return the entry with these names added, each with its cut form."""
        known = _with_cuts((*self.names, *infohashes)) - {self.infohash}
        return replace(self, spellings=tuple(sorted(known)))


class EntryStore(Protocol):
    """Where entries lie; every change is durable before it returns."""

    async def set(self, entry: Entry) -> None:
        """Keep an entry, in place of an earlier one of the same key; known spellings stay."""

    async def unset(self, infohash: InfoHash, verdict: Verdict) -> bool:
        """Drop every entry of the verdict that covers the hash; tell whether there was one."""

    async def find(self, infohash: InfoHash, verdict: Verdict) -> list[Entry]:
        """Return every entry of the verdict that covers the hash."""

    async def page(
        self, verdict: Verdict | None, after: tuple[InfoHash, Verdict] | None, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries above the key `after`, ordered by infohash, then verdict."""


class Lists:
    """The allow-list and the deny-list of infohashes."""

    def __init__(self, store: EntryStore) -> None:
        self._store = store

    async def set(self, entry: Entry) -> Entry:
        """Keep an entry and return it with every name it covers; the cut form of a v2 hash is one.

        Refusal: `bad-reason` when the reason or the author is too long or holds control characters.
        """
        _check_text("the reason", entry.reason, REASON_LIMIT)
        _check_text("the author", entry.by, AUTHOR_LIMIT)
        covering = entry.covering(())
        await self._store.set(covering)
        return covering

    async def unset(self, infohash: InfoHash, verdict: Verdict) -> bool:
        """Drop every entry of the verdict that covers the hash or its cut form; tell if there was one."""
        dropped = [await self._store.unset(name, verdict) for name in sorted(_with_cuts((infohash,)))]
        return any(dropped)

    async def find(self, infohashes: Iterable[InfoHash], verdict: Verdict) -> list[Entry]:
        """Return every entry of the verdict that covers one of the hashes, each once."""
        found: dict[InfoHash, Entry] = {}
        for name in sorted(_with_cuts(infohashes)):
            found.update({entry.infohash: entry for entry in await self._store.find(name, verdict)})
        return list(found.values())

    async def denied(self, infohashes: Iterable[InfoHash]) -> Entry | None:
        """Return an entry that refuses one of the hashes, or None."""
        return next(iter(await self.find(infohashes, Verdict.DENY)), None)

    async def allowed(self, infohashes: Iterable[InfoHash]) -> Entry | None:
        """Return an entry that allows one of the hashes, or None."""
        return next(iter(await self.find(infohashes, Verdict.ALLOW)), None)

    async def entries(self, verdict: Verdict | None = None) -> list[Entry]:
        """Return every entry, or every one of a verdict, ordered by infohash; `walk` bounds the memory."""
        return [entry async for batch in self.walk(verdict) for entry in batch]

    async def walk(self, verdict: Verdict | None = None, batch: int = _BATCH) -> AsyncIterator[list[Entry]]:
        """Yield every entry, or every one of a verdict, at most `batch` at a time, ordered by infohash."""
        after: tuple[InfoHash, Verdict] | None = None
        while page := await self._store.page(verdict, after, batch):
            yield page
            after = (page[-1].infohash, page[-1].verdict)


def _with_cuts(infohashes: Iterable[InfoHash]) -> set[InfoHash]:
    given = set(infohashes)
    return given | {infohash.cut for infohash in given}


def _check_text(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise Refusal("bad-reason", f"{what} is longer than {limit} characters")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in text):
        raise Refusal("bad-reason", f"{what} holds control characters")
