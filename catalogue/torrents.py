"""Torrents of the catalogue: added, edited, marked, deleted and imported."""

from collections.abc import Callable

from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.categories import UNSORTED
from catalogue.fields import NO_DETAILS, UNSET, TorrentDetails
from catalogue.model import Contents, MetainfoSummary, Outcome, ParsedRelease, Torrent
from catalogue.store import UNRESTRICTED_VIEWER, TorrentStore, TorrentWrite, require
from catalogue.upsert import TorrentUpsert, differences, edit_decision, restore_decision


class Torrents:
    """Changes to torrents; `clock` gives unix seconds."""

    def __init__(self, store: TorrentStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def add(
        self,
        summary: MetainfoSummary,
        release: ParsedRelease,
        details: TorrentDetails = NO_DETAILS,
        uploader: int | None = None,
    ) -> tuple[Torrent, bool]:
        """Add a torrent, in a group of its own unless `details` name one; return it, and whether it is new.

        A known one keeps its fields. One without an owner, of which nobody has written anything, becomes the
        uploader's and takes the details. Refusal: `owned` when an uploader is given and somebody, the uploader
        too, has brought or written it before, `invalid`, `torrent-locked`, `group-locked`.
        """
        number, new = await self.put(summary, release, details, uploader)
        return await self._torrent(number), new

    async def put(
        self,
        summary: MetainfoSummary,
        release: ParsedRelease,
        details: TorrentDetails = NO_DETAILS,
        uploader: int | None = None,
    ) -> tuple[int, bool]:
        """Do the same, and return the torrent's id, and whether it is new."""
        upsert = TorrentUpsert(summary, release, details, uploader)
        return await self._store.upsert(upsert.infohashes, details.group_id, upsert.decide)

    async def add_by_infohash(self, infohash: InfoHash) -> tuple[Torrent, bool]:
        """Add a torrent of which only the infohash is known, without an owner; return it, and whether it is new."""
        return await self.add(self._unheld(infohash), ParsedRelease(infohash.lower, UNSORTED))

    def summarize_magnet(self, magnet: Magnet) -> MetainfoSummary:
        """Return the summary of a torrent of which a magnet link is known; without a name its infohash is one."""
        alias = magnet.v2.truncated if magnet.v1 and magnet.v2 else None
        return self._unheld(magnet.infohashes[0].truncated, alias, magnet.name, magnet.size or 0)

    def _unheld(
        self, infohash: InfoHash, alias: InfoHash | None = None, name: str = "", size: int = 0
    ) -> MetainfoSummary:
        return MetainfoSummary(
            infohash=infohash,
            alias=alias,
            name=name or infohash.lower,
            root="",
            size=size,
            private=False,
            held=False,
            comment="",
            contents=Contents(),
            added=int(self._clock()),
        )

    async def check_upload(
        self, summary: MetainfoSummary, details: TorrentDetails, uploader: int | None
    ) -> None:
        """Refuse what adding the torrent would refuse, before anything of an upload is stored."""
        upsert = TorrentUpsert(summary, ParsedRelease("", UNSORTED), details, uploader)
        await self._store.check(upsert.infohashes, details.group_id, upsert.decide)

    async def edit(self, torrent: int, details: TorrentDetails) -> Torrent:
        """Change a torrent and its group; `group_id` moves it. Refusal: `invalid`, `not-found`."""
        await self._store.change(torrent, details.group_id, edit_decision(details, int(self._clock())))
        return await self._torrent(torrent)

    async def assign(self, torrent: int, uploader: int | None) -> Torrent:
        """Make an account the owner of a torrent, or nobody. Refusal: `not-found`."""
        await self._store.change(torrent, None, lambda _known, _group: TorrentWrite(uploader=uploader))
        return await self._torrent(torrent)

    async def mark(self, torrent: int, *, hidden: bool | None = None, locked: bool | None = None) -> Torrent:
        """Hide or unhide, lock or unlock a torrent; None leaves it as it is. Refusal: `not-found`."""
        write = TorrentWrite(
            hidden=UNSET if hidden is None else hidden, locked=UNSET if locked is None else locked
        )
        await self._store.change(torrent, None, lambda _known, _group: write)
        return await self._torrent(torrent)

    async def remove(self, torrent: int) -> Torrent:
        """Delete a torrent's record, and its group with the last torrent. Refusal: `not-found`."""
        for removed in await self._store.remove([torrent]):
            return removed
        raise Refusal("not-found")

    async def restore(self, infohash: InfoHash, record: TorrentWrite) -> tuple[Torrent, Outcome]:
        """Add an imported torrent, or make the known one equal to it; return it, and what became of it.

        Without a group a new one gets its own, called by its title. Refusal: `invalid`.
        """
        known = await self._store.torrent(infohash, UNRESTRICTED_VIEWER)
        if known is not None and differences(record, known) == TorrentWrite():
            return known, Outcome.SAME
        names = [infohash] if record.alias is UNSET or record.alias is None else [infohash, record.alias]
        number, new = await self._store.upsert(names, record.group_id, restore_decision(record))
        return await self._torrent(number), Outcome.NEW if new else Outcome.CHANGED

    async def _torrent(self, number: int) -> Torrent:
        return require(await self._store.torrent(number, UNRESTRICTED_VIEWER))
