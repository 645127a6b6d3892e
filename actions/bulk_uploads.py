"""Uploads of many at once: each file or magnet link becomes a draft, is edited, and then published as any upload."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from accounts.model import Principal
from accounts.rights import Right
from actions.curation import Curation
from actions.lookups import Lookups
from actions.uploads import ToldUpload, Uploads
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from cache.drafts import MOST_DRAFTS, Draft, DraftStore
from catalogue import fields
from catalogue.categories import BUILTIN_CATEGORIES, UNSORTED
from catalogue.fields import LONGEST_LINE, TorrentDetails
from catalogue.model import MetainfoSummary, ParsedRelease, Torrent
from catalogue.store import CatalogueStore
from catalogue.text_cleaning import plain_line

EDITED = ("title", "category_id", "year", "season", "tags", "anonymous")
"""The fields of a row, by their names in an upload."""

_TOGETHER = 8  # drafts of one request that are published at once
_SWEEP_SECONDS = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Source:
    """What a row is of: its label, and the bytes of a file or of a link."""

    label: str
    data: bytes
    magnet: bool

    @classmethod
    def of(cls, draft: Draft) -> "_Source":
        """Return what a draft was made of."""
        return cls(draft.infohash.lower, draft.data, draft.is_magnet)


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A file or a link of a bulk upload: what it told, or why it is refused.

    `texts` are the values of EDITED as a form has them. `infohash` is None of what could not be read, `kept` whether
    it waits as a draft, `known` the record that there is already, as far as the principal sees it.
    """

    label: str
    infohash: InfoHash | None = None
    size: int = 0
    file_count: int = 0
    private: bool = False
    magnet: bool = False
    work: str = ""
    texts: Mapping[str, str] | None = None
    fault: Refusal | None = None
    known: Torrent | None = None
    kept: bool = False
    told: ToldUpload | None = None


@dataclass(frozen=True, slots=True)
class SentRow:
    """What became of a draft: its torrent, or the row with the refusal and the texts that were sent."""

    row: DraftRow
    torrent: Torrent | None = None


class BulkUploads:
    """Reads, keeps and publishes what an account uploads in bulk; the rules are those of a single upload.

    Every method may raise Refusal `unauthenticated` or `forbidden` (UPLOAD). What concerns one row alone is told in it.
    """

    def __init__(
        self,
        curation: Curation,
        uploads: Uploads,
        lookups: Callable[[], Lookups],
        store: CatalogueStore,
        drafts: DraftStore,
    ) -> None:
        """Make it; `lookups` is called for what looks up metadata, once a magnet link is published."""
        self._curation = curation
        self._uploads = uploads
        self._lookups = lookups
        self._store = store
        self._drafts = drafts

    async def run(self) -> None:
        """Delete drafts that nobody sent, every hour; never returns."""
        while True:
            try:
                if deleted := await self._drafts.sweep():
                    log.info("drafts.deleted", count=deleted)
            except Exception:
                log.exception("drafts.not_swept")
            await asyncio.sleep(_SWEEP_SECONDS)

    async def read(
        self, principal: Principal, files: Sequence[tuple[str, bytes]], magnets: str = ""
    ) -> list[DraftRow]:
        """Read `.torrent` files by their names, and magnet links, one a line; return a row for each, in their order.

        Refusal: `full` for more than MOST_DRAFTS in all.
        """
        account = self._account(principal)
        links = [line.strip() for line in magnets.splitlines() if line.strip()]
        if len(files) + len(links) > MOST_DRAFTS:
            raise Refusal("full", f"at most {MOST_DRAFTS}")
        sources = [_Source(label, data, magnet=False) for label, data in files]
        sources += [_Source(link, link.encode("utf-8", "replace"), magnet=True) for link in links]
        return [await self._read_one(principal, account, source) for source in sources]

    async def waiting(self, principal: Principal) -> list[DraftRow]:
        """Return the rows of all drafts of an account, in the order in which they came."""
        account, rows = self._account(principal), []
        for infohash in await self._drafts.waiting(account):
            draft = await self._drafts.get(account, infohash)
            if draft is not None:
                rows.append(await self._checked(principal, await self._told(_Source.of(draft)), kept=True))
        return rows

    async def send(
        self,
        principal: Principal,
        sent: Mapping[InfoHash, Mapping[str, str]],
        *,
        address: bytes | None = None,
    ) -> list[SentRow]:
        """Publish drafts with what a form says of each, by the names of EDITED; return a row for each, in their order.

        What stands as it was told is left to the upload itself. A draft that was published is let go of.
        """
        account, rows = self._account(principal), list(sent.items())
        done: list[SentRow] = []
        for start in range(0, len(rows), _TOGETHER):
            work = [
                self._send_one(principal, account, infohash, texts, address)
                for infohash, texts in rows[start : start + _TOGETHER]
            ]
            done += await asyncio.gather(*work)
        return done

    async def drop(self, principal: Principal, infohashes: Sequence[InfoHash]) -> None:
        """Let go of drafts."""
        account = self._account(principal)
        for infohash in infohashes:
            await self._drafts.remove(account, infohash)

    def _account(self, principal: Principal) -> int:
        self._curation.rights.require(principal, Right.UPLOAD)
        if principal.id is None:
            raise Refusal("unauthenticated")
        return principal.id

    async def _read_one(self, principal: Principal, account: int, source: _Source) -> DraftRow:
        label = plain_line(source.label, LONGEST_LINE)
        try:
            row = replace(await self._told(source), label=label)
            row = await self._checked(principal, row, kept=False)
            if row.fault is not None or row.infohash is None:
                return row
            if not await self._drafts.put(account, Draft(row.infohash, source.data)):
                return replace(row, fault=Refusal("draft-waits"))
            return replace(row, kept=True)
        except Refusal as refusal:
            return DraftRow(label, magnet=source.magnet, fault=refusal)

    async def _told(self, source: _Source) -> DraftRow:
        """Return what a source tells of itself. Refusal: it cannot be read."""
        if source.magnet:
            told = await self._uploads.tell_magnet(_magnet(source.data))
        else:
            told = await self._uploads.tell(source.data)
        summary, release = told.summary, told.release
        return DraftRow(
            label=plain_line(summary.name, LONGEST_LINE),
            infohash=summary.infohash.truncated,
            size=summary.size,
            file_count=summary.contents.file_count,
            private=summary.private,
            magnet=source.magnet,
            work=release.title,
            texts=_texts(summary, release),
            told=told,
        )

    async def _checked(self, principal: Principal, row: DraftRow, *, kept: bool) -> DraftRow:
        """Return a row with the refusal that publishing it would meet, and the record that there is already."""
        assert row.told is not None
        fault = None
        try:
            await self._uploads.check(row.told, principal.id)
        except Refusal as refusal:
            fault = refusal
        known = await self._store.torrents.torrent(
            row.told.summary.infohash, self._curation.viewer(principal)
        )
        if row.magnet and fault is None and known is not None:
            fault = Refusal("owned")  # a link has nothing to add
        return replace(row, fault=fault, known=known, kept=kept)

    async def _send_one(
        self,
        principal: Principal,
        account: int,
        infohash: InfoHash,
        texts: Mapping[str, str],
        address: bytes | None,
    ) -> SentRow:
        row = DraftRow(infohash.lower, infohash)
        try:
            draft = await self._drafts.get(account, infohash)
            if draft is None:
                raise Refusal("draft-gone")
            row = replace(await self._told(_Source.of(draft)), kept=True)
            torrent = await self._publish(principal, draft, row, texts, address)
        except Refusal as refusal:
            shown = None if row.texts is None else {**row.texts, **texts}
            return SentRow(replace(row, texts=shown, fault=refusal))
        await self._drafts.remove(account, infohash)
        return SentRow(replace(row, kept=False), torrent)

    async def _publish(
        self,
        principal: Principal,
        draft: Draft,
        row: DraftRow,
        texts: Mapping[str, str],
        address: bytes | None,
    ) -> Torrent:
        details = _details(row.texts or {}, texts)
        if not draft.is_magnet:
            return await self._curation.publish(principal, draft.data, "bulk", details, address=address)
        magnet = _magnet(draft.data)
        torrent = await self._curation.add_magnet(principal, magnet, details)
        await self._lookups().begin(torrent.infohash, account=principal.id, trackers=magnet.trackers)
        return torrent


def _magnet(data: bytes) -> Magnet:
    return Magnet.parse(data.decode("utf-8", "replace"))


def _texts(summary: MetainfoSummary, release: ParsedRelease) -> dict[str, str]:
    """Return what a torrent told, as a form has it."""
    category = BUILTIN_CATEGORIES.get(release.category, BUILTIN_CATEGORIES[UNSORTED])
    return {
        "title": plain_line(summary.name, LONGEST_LINE),
        "category_id": str(category),
        "year": "" if release.year is None else str(release.year),
        "season": "" if release.season is None else str(release.season),
        "tags": "",
        "anonymous": "0",
    }


def _details(told: Mapping[str, str], sent: Mapping[str, str]) -> TorrentDetails:
    """Return what a form says otherwise than it was told; no title is the one that was told. Refusal: `invalid`."""
    differing = {
        name: text for name, text in sent.items() if name in EDITED and text.strip() != told.get(name, "")
    }
    if not differing.get("title", "").strip():
        differing.pop("title", None)
    return TorrentDetails.read(fields.from_form(differing, fields.UPLOAD))
