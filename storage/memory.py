"""In-memory stores, for tests and contract suites."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from bittorrent.infohash import HashPage, InfoHash
from cache.record import CacheRecord, HybridNames, StoredFile, day_of, packed_digest
from lists.infohashes import ListEntry, ListKind
from tracker.flusher import JournalRow


class MemoryBlobs:
    """Files in a dictionary."""

    def __init__(self, free: int = 2**40) -> None:
        self.files: dict[InfoHash, bytes] = {}
        self.aside: dict[InfoHash, bytes] = {}
        self.free_bytes = free

    async def put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        """Store gzip bytes; an existing file stays."""
        kept = infohash in self.files
        return StoredFile.of(self.files.setdefault(infohash, packed), kept=kept)

    async def get(
        self, infohash: InfoHash, digest: bytes | None = None, *, again: bool = False
    ) -> bytes | None:
        """Return the gzip bytes, or None, also for bytes of another digest."""
        packed = self.files.get(infohash)
        right = packed is not None and (digest is None or packed_digest(packed) == digest)
        return packed if right else None

    async def set_aside(self, infohash: InfoHash) -> None:
        """Move a file to `aside`."""
        if infohash in self.files:
            self.aside[infohash] = self.files.pop(infohash)

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the file; return whether it was there."""
        return self.files.pop(infohash, None) is not None

    async def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield every infohash in ascending order, in batches."""
        infohashes = sorted(self.files)
        for start in range(0, len(infohashes), 100):
            yield infohashes[start : start + 100]

    async def free(self) -> int:
        """Return `free_bytes`, which a test sets."""
        return self.free_bytes


class MemoryCacheRecords:
    """Records in a dictionary."""

    def __init__(self) -> None:
        self.records: dict[InfoHash, CacheRecord] = {}
        self.asked: dict[InfoHash, int] = {}

    async def add(self, record: CacheRecord) -> None:
        """Add a record, in place of an earlier one of the same infohash."""
        self.records[record.infohash] = record
        self.asked.setdefault(record.infohash, day_of(record.added))

    async def get(self, infohash: InfoHash) -> CacheRecord | None:
        """Find a record by its 20-byte infohash, or by the truncated v2 infohash of a hybrid."""
        aliased = (record for record in self.records.values() if record.alias == infohash)
        return self.records.get(infohash) or next(aliased, None)

    async def get_all(self, infohashes: Sequence[InfoHash]) -> dict[InfoHash, CacheRecord]:
        """Find the records of infohashes; not by the second hash of a hybrid."""
        return {each: self.records[each] for each in infohashes if each in self.records}

    async def remove(self, infohash: InfoHash) -> CacheRecord | None:
        """Delete the record that `get` would find, and return it."""
        record = await self.get(infohash)
        if record is not None:
            del self.records[record.infohash], self.asked[record.infohash]
        return record

    async def note_asked(self, infohashes: Sequence[InfoHash], day: int) -> None:
        """Note that files were asked for on a day, unless a later one is noted."""
        for infohash in infohashes:
            if infohash in self.records:
                self.asked[infohash] = max(day, self.asked[infohash])

    async def totals(self) -> tuple[int, int]:
        """Return the number of records and the sum of their stored bytes."""
        return len(self.records), sum(record.stored for record in self.records.values())

    async def hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records, those next above `after`."""
        return HashPage.of(sorted(each for each in self.records if each > after)[:limit])

    async def public_hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records that the catalogue says are not private, as `hashes`."""
        public = (each.infohash for each in self.records.values() if each.private is False)
        return HashPage.of(sorted(each for each in public if each > after)[:limit])

    async def hybrids(self, after: bytes, limit: int) -> list[HybridNames]:
        """Return the names of up to `limit` hybrids whose alias is above `after`, ascending by it."""
        named = [(each.alias, each.infohash) for each in self.records.values() if each.alias is not None]
        return [HybridNames(infohash, alias) for alias, infohash in sorted(named) if alias > after][:limit]

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the infohashes, first or second, of the records of any of these."""
        names = [{each.infohash, each.alias} - {None} for each in self.records.values()]
        return {
            name for each in names if not each.isdisjoint(infohashes) for name in each if name is not None
        }

    async def walk(self, after: InfoHash | None, limit: int) -> list[CacheRecord]:
        """Return up to `limit` records whose infohash is above `after`, ascending."""
        above = sorted(infohash for infohash in self.records if infohash > (after or b""))
        return [self.records[infohash] for infohash in above[:limit]]

    async def healthy(self) -> bool:
        """Return True."""
        return True


class MemoryListEntries:
    """Entries of the infohash lists in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[tuple[InfoHash, ListKind], ListEntry] = {}

    async def set(self, entry: ListEntry) -> None:
        """Store an entry, in place of an earlier one of the same key; known aliases stay."""
        key = (entry.infohash, entry.kind)
        known = set(entry.aliases)
        if (earlier := self.kept.get(key)) is not None:
            known.update(earlier.aliases)
        self.kept[key] = replace(entry, aliases=tuple(sorted(known)))

    async def unset(self, infohash: InfoHash, kind: ListKind) -> bool:
        """Delete every entry of the kind that covers the infohash; return whether there was one."""
        covering = await self.find(infohash, kind)
        for entry in covering:
            del self.kept[entry.infohash, kind]
        return bool(covering)

    async def find(self, infohash: InfoHash, kind: ListKind) -> list[ListEntry]:
        """Return every entry of the kind that covers the infohash."""
        entries = (self.kept[key] for key in sorted(self.kept))
        return [entry for entry in entries if entry.kind == kind and infohash in entry.infohashes]

    async def page(
        self, kind: ListKind | None, after: tuple[InfoHash, ListKind] | None, limit: int, skip: int = 0
    ) -> list[ListEntry]:
        """Return up to `limit` entries above the key `after`, but `skip` of them, by infohash, then kind."""
        above = sorted(key for key in self.kept if after is None or key > after)
        entries = (self.kept[key] for key in above)
        return [entry for entry in entries if kind in (None, entry.kind)][skip : skip + limit]

    async def count(self, kind: ListKind, most: int) -> int:
        """Count the entries of the kind, and stop at `most`."""
        return min(most, sum(entry.kind == kind for entry in self.kept.values()))

    async def hashes(self, kind: ListKind, after: bytes, limit: int) -> HashPage:
        """Return up to `limit` of the 20-byte hashes above `after` that entries of the kind cover."""
        covered = {each for entry in self.kept.values() if entry.kind == kind for each in entry.infohashes}
        return HashPage.of(sorted(each for each in covered if not each.is_v2 and each > after)[:limit])

    async def packed(self, kind: ListKind, limit: int) -> AsyncIterator[bytes]:
        """Yield every 20-byte hash that entries of the kind cover, one behind another, at most `limit` at a time."""
        after = b""
        while (page := await self.hashes(kind, after, limit)).packed:
            yield page.packed
            after = page.last

    async def reasons(self, kind: ListKind, after: bytes, limit: int) -> list[tuple[str, HashPage]]:
        """Return a page of `hashes` by the reasons of their entries; of two entries of a hash both are told."""
        pairs = sorted(
            (name, entry.reason)
            for entry in self.kept.values()
            if entry.kind == kind
            for name in entry.infohashes
            if not name.is_v2 and name > after
        )[:limit]
        said = sorted({reason for _, reason in pairs})
        return [(each, HashPage.of(name for name, reason in pairs if reason == each)) for each in said]

    async def of_source(
        self, kind: ListKind, source: str, after: bytes, limit: int
    ) -> list[tuple[InfoHash, str]]:
        """Return up to `limit` infohashes above `after` of a source's entries, each with its reason, in order."""
        mine = sorted(self.kept[key].infohash for key in self.kept if key[1] == kind)
        entries = [self.kept[each, kind] for each in mine if each > after]
        return [(entry.infohash, entry.reason) for entry in entries if entry.source == source][:limit]

    async def add_all(self, entries: Sequence[ListEntry]) -> None:
        """Add entries of one source; one that is there stays, but for the reason of one of the same source."""
        for entry in entries:
            earlier = self.kept.get((entry.infohash, entry.kind))
            if earlier is None:
                await self.set(entry)
            elif earlier.source == entry.source:
                self.kept[entry.infohash, entry.kind] = replace(earlier, reason=entry.reason)

    async def remove_all(self, infohashes: Sequence[InfoHash], kind: ListKind, source: str) -> None:
        """Delete entries of a source."""
        for each in infohashes:
            if (found := self.kept.get((each, kind))) is not None and found.source == source:
                del self.kept[each, kind]


class MemoryJournal:
    """A swarm journal in a dictionary; `failing` makes writes fail, for tests of the flusher."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, int], bytes] = {}
        self.failing = False
        self.closed = False

    async def write(self, rows: Sequence[JournalRow]) -> None:
        """Write all rows or none. A payload of None deletes the row."""
        if self.failing:
            raise OSError("the journal was told to fail")
        written = dict(self.rows)
        for row in rows:
            if row.payload is None:
                written.pop((row.infohash, row.part), None)
            else:
                written[row.infohash, row.part] = row.payload
        self.rows = written

    async def read(self, batch: int) -> AsyncIterator[list[JournalRow]]:
        """Yield every row in key order, at most `batch` at a time."""
        keys = sorted(self.rows)
        for start in range(0, len(keys), batch):
            page = keys[start : start + batch]
            yield [JournalRow(infohash, part, self.rows[infohash, part]) for infohash, part in page]

    async def healthy(self) -> bool:
        """Return whether it is open and not set to fail."""
        return not self.failing and not self.closed

    async def close(self) -> None:
        """Close it; the rows stay."""
        self.closed = True
