"""Changes: pages of the history as a viewer may know it, with the records as they are now, for whoever mirrors them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from actions.catalogue_export import DumpLine, group_line, torrent_line
from actions.maintenance import NoteMaintenance, note_nowhere
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.categories import FIRST_CUSTOM_ID
from catalogue.history import HistoryEntry, HistoryPosition, HistorySubject, lost, told
from catalogue.model import Group, Torrent, Viewer
from catalogue.store import CatalogueStore
from lists.infohashes import ListEntry, ListKind, Lists

MOST_CHANGES = 100
"""Changes of one page."""
_THIN_SECONDS = 3600.0

log = structlog.get_logger()


class ChangeKind(StrEnum):
    """What became of a torrent since a reader's position."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    """A change; `torrent` and `group` are lines of a dump, as the records are now, None for what is gone.

    `reason` is why it is blocked. `time` in unix seconds.
    """

    kind: ChangeKind
    infohash: InfoHash
    time: int
    held: bool = False
    torrent: DumpLine | None = None
    group: DumpLine | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page; `cursor` is where the next one begins, `whole` whether this one reaches the end.

    `position` of `newest` is how far the reader is.
    """

    changes: Sequence[CatalogueChange]
    cursor: str
    whole: bool
    position: int
    newest: int


class Changes:
    """Reads the history. Ends are kept for `keep` seconds; `clock` gives unix seconds."""

    def __init__(
        self,
        store: CatalogueStore,
        lists: Lists,
        clock: Callable[[], float],
        *,
        keep: int,
        note: NoteMaintenance = note_nowhere,
    ) -> None:
        self._note = note
        self._store = store
        self._lists = lists
        self._clock = clock
        self._keep = keep

    async def page(
        self, after: str, viewer: Viewer, *, blocks: bool, limit: int = MOST_CHANGES
    ) -> ChangesPage:
        """Return the changes behind a cursor, "" for all that there is; `blocks` tells those of the blocklist too.

        A viewer hears of a torrent that it is not shown, or not any more, only where everybody could once see it, and
        then as removed. Refusal: `bad-request`, `changes-lost` (it has to begin anew).
        """
        position = HistoryPosition.parse(after)
        newest = await self._store.history.newest()
        if lost(position, newest, await self._store.history.thinned()):
            raise Refusal("changes-lost")
        entries = await self._store.history.page(position, min(limit, MOST_CHANGES))
        changes = await self._changes(entries, position, viewer, blocks=blocks)
        for entry in entries:
            position = position.past(entry)
        whole = len(entries) < min(limit, MOST_CHANGES)
        return ChangesPage(changes, str(position), whole, position.total, newest.total)

    async def run(self) -> None:
        """Thin out ends every hour; never returns."""
        while True:
            try:
                await self.thin()
            except Exception:
                log.exception("history.not_thinned")
            await asyncio.sleep(_THIN_SECONDS)

    async def thin(self) -> int:
        """Forget ends of torrents that are old enough, and note that; return how many."""
        began = self._clock()
        thinned = await self._store.history.thin(int(began) - self._keep)
        if thinned:
            log.info("history.thinned", entries=thinned)
            await self._note("history", began, {"entries": thinned})
        return thinned

    async def _changes(
        self, entries: Sequence[HistoryEntry], after: HistoryPosition, viewer: Viewer, *, blocks: bool
    ) -> list[CatalogueChange]:
        torrents = await self._store.torrents.named(told(entries), viewer)
        known = {torrent.infohash: torrent for torrent in torrents}
        groups = await self._groups(torrents, viewer)
        found: list[CatalogueChange] = []
        for entry in entries:
            if entry.subject is HistorySubject.BLOCK:
                found += [await self._block(entry)] if blocks else []
                continue
            change = _change(entry, after, known.get(entry.infohash), groups)
            if change is not None:
                found.append(change)
        return found

    async def _groups(
        self, torrents: Sequence[Torrent], viewer: Viewer
    ) -> Mapping[int, tuple[Group, InfoHash]]:
        """Return groups by id, with the infohash of the oldest torrent that the viewer sees of each."""
        ids = sorted({torrent.group.id for torrent in torrents})
        members = await self._store.groups.torrents_of(ids, viewer) if ids else {}
        groups = await self._store.groups.groups(ids, viewer) if ids else []
        return {each.id: (each, members[each.id][0].infohash) for each in groups if members.get(each.id)}

    async def _block(self, entry: HistoryEntry) -> CatalogueChange:
        found: Sequence[ListEntry] = await self._lists.find((entry.infohash,), ListKind.DENY)
        if not found:
            return CatalogueChange(ChangeKind.UNBLOCKED, entry.infohash, entry.time)
        return CatalogueChange(ChangeKind.BLOCKED, entry.infohash, entry.time, reason=found[0].reason)


def _change(
    entry: HistoryEntry,
    after: HistoryPosition,
    torrent: Torrent | None,
    groups: Mapping[int, tuple[Group, InfoHash]],
) -> CatalogueChange | None:
    found = groups.get(torrent.group.id) if torrent is not None else None
    if torrent is None or found is None:
        return CatalogueChange(ChangeKind.REMOVED, entry.infohash, entry.time) if entry.seen else None
    group, key = found
    kind = ChangeKind.ADDED if entry.first > after.of(entry.node) else ChangeKind.CHANGED
    category = group.category
    # Categories beyond the nine have numbers of their own in each service.
    number = category.id if category.id < FIRST_CUSTOM_ID else category.parent
    return CatalogueChange(
        kind,
        entry.infohash,
        entry.time,
        torrent.held,
        # Who uploaded it is an account of this service alone.
        torrent_line(torrent, key.upper) | {"uploader": None},
        group_line(group, key.upper) | {"category_id": number},
    )
