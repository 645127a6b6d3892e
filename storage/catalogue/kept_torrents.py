"""Keeps torrents and groups as they were read last, until a commit changes what they show."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from catalogue.model import Group, Torrent, Viewer
from catalogue.store import UNRESTRICTED_VIEWER
from storage.catalogue.torrent_queries import CatalogueReader, is_visible
from storage.database import Database
from storage.table_versions import TableChange, changes_of

MOST_BYTES = 16 * 2**20
"""Of all that is kept, as it is estimated; then everything is read again."""
_RECORD_BYTES = 2048  # beside its description
_LARGEST_GROUP = 100  # torrents; those of a larger one are read each time

SHOWN: frozenset[TableChange] = changes_of(
    ("torrent", "work", "category", "tag", "tagging", "author", "authorship", "report")
) | {TableChange("delete", "account")}
"""What changes a record; an account's name never does."""


class KeptTorrents:
    """Reads torrents and groups for any viewer; what is kept is the same for all, and filtered for each."""

    def __init__(self, database: Database, reader: CatalogueReader, most_bytes: int = MOST_BYTES) -> None:
        self._database = database
        self._reader = reader
        self._most = most_bytes
        self._version = -1
        self.size = 0
        """Bytes that are kept, as they are estimated."""
        self._torrents: dict[int, Torrent] = {}
        self._groups: dict[int, Group] = {}
        self._members: dict[int, tuple[Torrent, ...]] = {}

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return torrents in the order of the ids."""
        version, kept = self._current(), self._torrents
        found = {number: kept[number] for number in ids if number in kept}
        if missing := [number for number in ids if number not in found]:
            read = await self._reader.torrents(self._database, missing, UNRESTRICTED_VIEWER)
            found |= read
            if self._has_room(version, read.values()):
                self._torrents |= read
        return [found[number] for number in ids if number in found and is_visible(found[number], viewer)]

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> dict[int, tuple[Torrent, ...]]:
        """Return the torrents of groups, oldest first."""
        version, kept = self._current(), self._members
        found = {number: kept.get(number, ()) for number in groups}
        if missing := [number for number in groups if number not in kept]:
            rows = await self._reader.torrents_of(self._database, missing, UNRESTRICTED_VIEWER)
            rows.sort(key=lambda each: each.group.id)
            read = {number: tuple(members) for number, members in groupby(rows, lambda each: each.group.id)}
            found |= read
            small = {number: members for number, members in read.items() if len(members) <= _LARGEST_GROUP}
            if self._has_room(version, (each for members in small.values() for each in members)):
                self._members |= small
        return {
            number: tuple(each for each in members if is_visible(each, viewer))
            for number, members in found.items()
        }

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return groups of which the viewer sees a torrent, in the order of the ids."""
        version, kept = self._current(), self._groups
        found = {number: kept[number] for number in ids if number in kept}
        if missing := [number for number in ids if number not in found]:
            read = await self._reader.groups(self._database, missing, UNRESTRICTED_VIEWER)
            found |= read
            if self._has_room(version, read.values()):
                self._groups |= read
        # Of a group without a public torrent the viewer may see one, or none.
        if doubtful := [number for number, group in found.items() if not group.torrents]:
            seen = await self._reader.groups(self._database, doubtful, viewer)
            found = {number: group for number, group in found.items() if group.torrents or number in seen}
        return [found[number] for number in ids if number in found]

    def _current(self) -> int:
        """Return the version of what is stored, and drop what was kept of an earlier one."""
        version = self._database.version(SHOWN)
        if version != self._version:
            self._clear()
            self._version = version
        return version

    def _has_room(self, version: int, read: Iterable[Torrent | Group]) -> bool:
        """Return whether records can be kept that were read since a version; where there is no room, some is made."""
        if version != self._current():
            return False
        size = sum(map(_size, read))
        if size > self._most:
            return False
        if self.size + size > self._most:
            self._clear()
        self.size += size
        return True

    def _clear(self) -> None:
        self._torrents, self._groups, self._members = {}, {}, {}
        self.size = 0


def _size(record: Torrent | Group) -> int:
    group = record.group if isinstance(record, Torrent) else record
    texts = len(group.description) + (len(record.description) if isinstance(record, Torrent) else 0)
    return _RECORD_BYTES + 2 * texts
