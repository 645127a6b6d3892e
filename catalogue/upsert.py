"""Upsert rules of torrent records: the fields of a new one, and what a repeated upload, edit or import changes."""

from dataclasses import dataclass, replace

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.categories import BUILTIN_CATEGORIES, UNSORTED
from catalogue.editions import work_key
from catalogue.fields import LONGEST_LINE, UNSET, GroupChange, TorrentChange, TorrentDetails
from catalogue.model import Freeleech, Group, MetainfoSummary, ParsedRelease, Torrent
from catalogue.store import GroupWrite, TorrentWrite, WriteDecision
from catalogue.text_cleaning import plain_line

_UNNAMED = "unnamed"
_METAINFO = ("name", "root", "size", "private", "file_count")
_WRITTEN_OF_TORRENT = ("platform", "format", "license", "scope", "annotated", "archive", "anonymous")
_WRITTEN_OF_GROUP = (
    "description",
    "picture",
    "tags",
    "authors",
    "organism",
    "strain",
    "accession",
    "lab",
    "location",
)
_RECORD = ("infohash", "alias", "uploader", "added", "updated", "hidden", "locked")


@dataclass(frozen=True, slots=True)
class TorrentUpsert:
    """A torrent to add: its metainfo, its parsed release name, the uploader's details, and the uploader."""

    summary: MetainfoSummary
    release: ParsedRelease
    details: TorrentDetails
    uploader: int | None

    @property
    def infohashes(self) -> list[InfoHash]:
        """Every infohash under which the torrent may have a record."""
        return [infohash for infohash in (self.summary.infohash, self.summary.alias) if infohash is not None]

    def decide(self, known: Torrent | None, group: Group | None) -> TorrentWrite:
        """Return what is written. Refusal: `owned`, `invalid`, `torrent-locked`, `group-locked`."""
        if known is None:
            _check_group(self.details, group)
            return self._new_record()
        write = self._file_arrives(known) if self.summary.held and not known.held else TorrentWrite()
        if self.uploader is None:
            return write
        owner = _uploader_of(known)
        if owner is not None and (owner != self.uploader or known.held):
            raise Refusal("owned")
        _check_claim(known, group, self.details)
        if owner is None and self._is_curated(known):
            if known.held:
                raise Refusal("owned")
            return write  # its file is welcome; what others wrote stays theirs
        claimed = replace(write, uploader=self.uploader, updated=self.summary.added)
        if self.details.group_id is not None:
            claimed = replace(claimed, group=GroupWrite())
        return _with_details(claimed, self.details)

    def _new_record(self) -> TorrentWrite:
        summary, title = self.summary, self.details.torrent.title
        named = title if title is not UNSET else self.release.title
        group = GroupWrite(
            replace(_release_fields(self.release), name=named or _title(summary)), created=summary.added
        )
        write = replace(
            _metainfo(summary),
            change=TorrentChange(title=_title(summary), description=summary.comment),
            group=group if self.details.group_id is None else GroupWrite(),
            uploader=self.uploader,
            added=summary.added,
            updated=summary.added,
        )
        write = _with_details(write, self.details)
        return replace(write, work=work_key(write.group.change) if write.group_id is None else None)

    def _is_curated(self, known: Torrent) -> bool:
        """Return whether a record says more than its file and name do, so that somebody has worked on it."""
        group, read = known.group, _title(self.summary) if known.held else known.name
        written = (
            known.title not in (read, self.release.title),
            known.description not in ("", self.summary.comment),
            known.updated != known.added,
            known.hidden,
            known.freeleech is not Freeleech.NORMAL,
            any(getattr(known, name) for name in _WRITTEN_OF_TORRENT),
            group.locked,
            any(getattr(group, name) for name in _WRITTEN_OF_GROUP),
        )
        return any(written) or self._is_group_edited(known)

    def _is_group_edited(self, known: Torrent) -> bool:
        """Return whether a group says something else than the release; before that is read, False."""
        group, release = known.group, self.release
        if not release.title or not known.held:
            return False
        read = _release_fields(release)
        return group.name not in (known.title, known.name, release.title) or (
            (group.category.id, group.year, group.season, group.imdb)
            != (read.category_id, read.year, read.season, read.imdb)
        )

    def _file_arrives(self, known: Torrent) -> TorrentWrite:
        """Return what a .torrent file adds to a record without one; a title or name that somebody gave stays."""
        title = _title(self.summary) if known.title == known.name else UNSET
        comment = self.summary.comment if not known.description else UNSET
        unnamed = known.group.name == known.infohash.lower
        change = replace(_release_fields(self.release), name=self.release.title) if unnamed else GroupChange()
        return replace(
            _metainfo(self.summary),
            change=TorrentChange(title=title, description=comment),
            group=GroupWrite(change),
        )


def edit_decision(details: TorrentDetails, now: int) -> WriteDecision:
    """Return the decision that edits a torrent and its group."""

    def decide(known: Torrent | None, group: Group | None) -> TorrentWrite:
        if known is None:
            raise Refusal("not-found")
        _check_group_exists(details, group)
        return _with_details(TorrentWrite(updated=now), details)

    return decide


def restore_decision(record: TorrentWrite) -> WriteDecision:
    """Return the decision that makes a torrent equal to an imported record, or adds it."""

    def decide(known: Torrent | None, _: Group | None) -> TorrentWrite:
        if known is not None:
            return differences(record, known)
        change = GroupChange(name=record.change.title, category_id=BUILTIN_CATEGORIES[UNSORTED])
        own_group = GroupWrite(change, created=record.added)
        return replace(record, group=own_group if record.group_id is None else GroupWrite())

    return decide


def differences(record: TorrentWrite, known: Torrent) -> TorrentWrite:
    """Return what of an imported record differs; the file's metainfo is left out where the cache holds it."""
    compared = _RECORD if known.held else (*_RECORD, *_METAINFO)
    changed = {
        name: value
        for name in compared
        if (value := getattr(record, name)) is not UNSET and value != _value(known, name)
    }
    group = record.group_id if record.group_id != known.group.id else None
    return TorrentWrite(record.change.differing(lambda name: _value(known, name)), group, **changed)


def _value(known: Torrent, name: str) -> object:
    return _uploader_of(known) if name == "uploader" else getattr(known, name)


def _uploader_of(torrent: Torrent) -> int | None:
    return torrent.uploader.id if torrent.uploader is not None else None


def _check_group(details: TorrentDetails, group: Group | None) -> None:
    """Refuse to put a torrent into a group that does not exist, or that is locked."""
    _check_group_exists(details, group)
    if group is not None and group.locked:
        raise Refusal("group-locked")


def _check_group_exists(details: TorrentDetails, group: Group | None) -> None:
    if details.group_id is None:
        return
    if group is None:
        raise Refusal("invalid", fields={"group_id": ["The group_id field names no group."]})
    if others := sorted(details.group_names):
        sentence = "The {} field is the group's: leave it out where group_id names one."
        raise Refusal("invalid", fields={name: [sentence.format(name)] for name in others})


def _check_claim(known: Torrent, group: Group | None, details: TorrentDetails) -> None:
    if known.locked:
        raise Refusal("torrent-locked")
    if known.group.locked and details.group:
        raise Refusal("group-locked")
    _check_group(details, group)


def _with_details(write: TorrentWrite, details: TorrentDetails) -> TorrentWrite:
    """Overlay what would be written otherwise with what an uploader or editor sets."""
    return replace(
        write,
        change=write.change.overlaid(replace(details.torrent, group_id=UNSET)),
        group_id=details.group_id,
        group=replace(write.group, change=write.group.change.overlaid(details.group)),
    )


def _metainfo(summary: MetainfoSummary) -> TorrentWrite:
    return TorrentWrite(
        infohash=summary.infohash,
        alias=summary.alias,
        name=summary.name,
        root=summary.root,
        size=summary.size,
        file_count=summary.contents.file_count,
        private=summary.private,
        held=summary.held,
        contents=summary.contents,
    )


def _release_fields(release: ParsedRelease) -> GroupChange:
    return GroupChange(
        category_id=BUILTIN_CATEGORIES.get(release.category, BUILTIN_CATEGORIES[UNSORTED]),
        year=release.year,
        season=release.season,
        imdb=release.imdb,
    )


def _title(summary: MetainfoSummary) -> str:
    return plain_line(summary.name, LONGEST_LINE) or _UNNAMED
