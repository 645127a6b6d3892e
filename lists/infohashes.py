"""Allow-list and deny-list of infohashes; an entry covers every infohash of its torrent."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from bittorrent.infohash import HashPage, InfoHash
from lists.entry_text import AUTHOR_LIMIT, REASON_LIMIT, check_text

_BATCH = 500
_PACKED = 100_000  # hashes at once: two megabytes, and four more as digits while they are read


class ListKind(StrEnum):
    """The list that an entry is on: allowed or denied. Denial always wins."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class ListEntry:
    """An entry for one torrent: the infohash that the operator gave, why, by whom, since when (unix seconds).

    `aliases` are the torrent's other infohashes, as far as known: an entry covers all of them. `source` is the list
    whose file holds it, empty for one that somebody set.
    """

    infohash: InfoHash
    kind: ListKind
    reason: str
    by: str
    since: int
    aliases: tuple[InfoHash, ...] = ()
    source: str = ""

    @property
    def infohashes(self) -> tuple[InfoHash, ...]:
        """Every infohash that the entry covers, the operator's first."""
        return (self.infohash, *self.aliases)

    def with_aliases(self, infohashes: Iterable[InfoHash]) -> "ListEntry":
        """Return the entry with these infohashes added, each also truncated."""
        known = _with_truncated((*self.infohashes, *infohashes)) - {self.infohash}
        return replace(self, aliases=tuple(sorted(known))) if known != set(self.aliases) else self


class ListEntryStore(Protocol):
    """The store of entries; every change is durable before it returns."""

    async def set(self, entry: ListEntry) -> None:
        """Add an entry, in place of an earlier one of the same key; known other infohashes stay."""

    async def unset(self, infohash: InfoHash, kind: ListKind) -> bool:
        """Delete every entry of the list that covers the infohash; return whether there was one."""

    async def find(self, infohash: InfoHash, kind: ListKind) -> list[ListEntry]:
        """Return every entry of the list that covers the infohash."""

    async def page(
        self, kind: ListKind | None, after: tuple[InfoHash, ListKind] | None, limit: int, skip: int = 0
    ) -> list[ListEntry]:
        """Return up to `limit` entries above the key `after`, but `skip` of them, by infohash, then list."""

    async def count(self, kind: ListKind, most: int) -> int:
        """Count the entries of a list, and stop at `most`."""

    async def hashes(self, kind: ListKind, after: bytes, limit: int) -> HashPage:
        """Return up to `limit` of the 20-byte hashes above `after` that entries of a list cover."""

    def packed(self, kind: ListKind, limit: int) -> AsyncIterator[bytes]:
        """Yield every 20-byte hash that entries of a list cover, one behind another, at most `limit` at a time.

        They come in any order; what is added or removed meanwhile may be among them or not.
        """

    async def reasons(self, kind: ListKind, after: bytes, limit: int) -> list[tuple[str, HashPage]]:
        """Return a page of `hashes` by the reasons of their entries; of two entries of a hash both are told."""

    async def of_source(
        self, kind: ListKind, source: str, after: bytes, limit: int
    ) -> list[tuple[InfoHash, str]]:
        """Return up to `limit` infohashes above `after` of a source's entries, each with its reason, in order."""

    async def add_all(self, entries: Sequence[ListEntry]) -> None:
        """Add entries of one source; one that is there stays, but for the reason of one of the same source."""

    async def remove_all(self, infohashes: Sequence[InfoHash], kind: ListKind, source: str) -> None:
        """Delete entries of a source."""


class Lists:
    """The allow-list and the deny-list of infohashes."""

    def __init__(self, store: ListEntryStore) -> None:
        self._store = store

    async def set(self, entry: ListEntry) -> ListEntry:
        """Add an entry and return it with every infohash it covers, truncated v2 hashes included.

        Refusal: `bad-reason` when the reason or the author is too long or has control characters.
        """
        check_text("the reason", entry.reason, REASON_LIMIT)
        check_text("the author", entry.by, AUTHOR_LIMIT)
        covering = entry.with_aliases(())
        await self._store.set(covering)
        return covering

    async def unset(self, infohash: InfoHash, kind: ListKind) -> bool:
        """Delete every entry of the list that covers the infohash, also truncated; return if there was one."""
        dropped = [await self._store.unset(each, kind) for each in sorted(_with_truncated((infohash,)))]
        return any(dropped)

    async def find(self, infohashes: Iterable[InfoHash], kind: ListKind) -> list[ListEntry]:
        """Return every entry of the list that covers one of the infohashes, each once."""
        found: dict[InfoHash, ListEntry] = {}
        for each in sorted(_with_truncated(infohashes)):
            found.update({entry.infohash: entry for entry in await self._store.find(each, kind)})
        return list(found.values())

    async def denied(self, infohashes: Iterable[InfoHash]) -> ListEntry | None:
        """Return an entry that denies one of the infohashes, or None."""
        return next(iter(await self.find(infohashes, ListKind.DENY)), None)

    async def allowed(self, infohashes: Iterable[InfoHash]) -> ListEntry | None:
        """Return an entry that allows one of the infohashes, or None."""
        return next(iter(await self.find(infohashes, ListKind.ALLOW)), None)

    async def page(self, kind: ListKind, skip: int, limit: int) -> list[ListEntry]:
        """Return up to `limit` entries of a list but its first `skip`, ordered by infohash."""
        return await self._store.page(kind, None, limit, skip)

    async def count(self, kind: ListKind, most: int) -> int:
        """Count the entries of a list, and stop at `most`."""
        return await self._store.count(kind, most)

    async def hashes(self, kind: ListKind, after: bytes, limit: int) -> HashPage:
        """Return up to `limit` of the 20-byte hashes above `after` that entries of a list cover."""
        return await self._store.hashes(kind, after, limit)

    def packed(self, kind: ListKind, limit: int = _PACKED) -> AsyncIterator[bytes]:
        """Yield every 20-byte hash that entries of a list cover, one behind another, at most `limit` at a time."""
        return self._store.packed(kind, limit)

    async def reasons(self, kind: ListKind, after: bytes, limit: int) -> list[tuple[str, HashPage]]:
        """Return a page of `hashes` by the reasons of their entries."""
        return await self._store.reasons(kind, after, limit)

    async def of_source(
        self, kind: ListKind, source: str, after: bytes, limit: int
    ) -> list[tuple[InfoHash, str]]:
        """Return up to `limit` infohashes above `after` of a source's entries, each with its reason, in order."""
        return await self._store.of_source(kind, source, after, limit)

    async def add_all(self, entries: Sequence[ListEntry]) -> list[ListEntry]:
        """Add entries of a source, whose texts are right, and return them with every infohash they cover."""
        covering = [each.with_aliases(()) for each in entries]
        await self._store.add_all(covering)
        return covering

    async def remove_all(self, infohashes: Sequence[InfoHash], kind: ListKind, source: str) -> None:
        """Delete entries of a source."""
        await self._store.remove_all(infohashes, kind, source)

    async def entries(self, kind: ListKind | None = None) -> list[ListEntry]:
        """Return every entry, of one list or of both, ordered by infohash; `walk` bounds the memory."""
        return [entry async for batch in self.walk(kind) for entry in batch]

    async def walk(self, kind: ListKind | None = None, batch: int = _BATCH) -> AsyncIterator[list[ListEntry]]:
        """Yield every entry, of one list or of both, at most `batch` at a time, ordered by infohash."""
        after: tuple[InfoHash, ListKind] | None = None
        while page := await self._store.page(kind, after, batch):
            yield page
            after = (page[-1].infohash, page[-1].kind)


def _with_truncated(infohashes: Iterable[InfoHash]) -> set[InfoHash]:
    given = set(infohashes)
    return given | {infohash.truncated for infohash in given}
