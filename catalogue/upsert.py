"""Upsert rules of torrent records: the fields of a new one, and what a repeated upload changes."""

from dataclasses import dataclass, replace

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.categories import BUILTIN_CATEGORIES, UNSORTED
from catalogue.fields import GROUP_FIELDS_IN_UPLOAD, LONGEST_LINE
from catalogue.model import Contents, Details, Group, MetainfoSummary, ParsedRelease, Torrent
from catalogue.store import NO_VALUES, TorrentChanges, Values, WriteDecision
from catalogue.text_cleaning import plain_line

_UNNAMED = "unnamed"
_BLANK_TORRENT: Values = {
    **dict.fromkeys(("platform", "format", "license", "scope", "archive"), ""),
    **dict.fromkeys(("anonymous", "annotated", "hidden", "locked", "freeleech"), 0),
    **dict.fromkeys(("seeders", "leechers", "snatched"), 0),
}
_BLANK_GROUP: Values = {
    **dict.fromkeys(("description", "picture", "organism", "strain", "accession", "lab", "location"), ""),
    "locked": 0,
}


@dataclass(frozen=True, slots=True)
class TorrentUpsert:
    """A torrent to add: its metainfo, its parsed release name, the uploader's details, and the uploader.

    `details` are validated as those of an upload.
    """

    summary: MetainfoSummary
    release: ParsedRelease
    details: Details
    uploader: int | None

    @property
    def infohashes(self) -> list[InfoHash]:
        """Every infohash under which the torrent may have a record."""
        return [infohash for infohash in (self.summary.infohash, self.summary.alias) if infohash is not None]

    def decide(self, known: Torrent | None, group: Group | None) -> TorrentChanges:
        """Return what is written. Refusal: `owned`, `invalid`, `torrent-locked`, `group-locked`."""
        if known is None:
            check_group(self.details, group)
            return self._new_record()
        owner = known.uploader.id if known.uploader is not None else None
        if self.uploader is not None and owner not in (None, self.uploader):
            raise Refusal("owned")
        adds_file = self.summary.held and not known.held
        torrent = _file_fields(known, self.summary) if adds_file else {}
        group_values = _group_name_fields(known, self.release) if adds_file else {}
        contents = self.summary.contents if adds_file else None
        if self.uploader is None or owner is not None:
            return TorrentChanges(torrent, group_values=group_values, contents=contents)
        _check_claim(known, group, self.details)
        claim = {**torrent, "uploader_id": self.uploader, "updated": self.summary.added}
        return self._with_details(claim, group_values, contents)

    def _new_record(self) -> TorrentChanges:
        summary, details = self.summary, self.details
        title = details.get("title") or _title(summary)
        name = details.get("title") or self.release.title or title
        group_values = {
            **_BLANK_GROUP,
            **_release_fields(self.release),
            "name": name,
            "created": summary.added,
        }
        torrent = {
            **_BLANK_TORRENT,
            **_metainfo_fields(summary),
            "title": title,
            "description": summary.comment,
            "uploader_id": self.uploader,
            "added": summary.added,
            "updated": summary.added,
        }
        return self._with_details(torrent, group_values, summary.contents)

    def _with_details(
        self, torrent: Values, group_values: Values, contents: Contents | None
    ) -> TorrentChanges:
        own = group_values if "group_id" not in self.details else NO_VALUES
        return replace(_with_details(self.details, torrent, own), contents=contents)


def edit_decision(details: Details, now: int) -> WriteDecision:
    """Return the decision that edits a torrent and its group; `details` are validated as an upload's."""

    def decide(known: Torrent | None, group: Group | None) -> TorrentChanges:
        if known is None:
            raise Refusal("not-found")
        _check_group_exists(details, group)
        return _with_details(details, {"updated": now})

    return decide


def requested_group(details: Details) -> int | None:
    """Return the group that the details name, or None."""
    group = details.get("group_id")
    return group if isinstance(group, int) else None


def group_changes(details: Details) -> TorrentChanges:
    """Return the changes to a group alone."""
    group_values = {name: value for name, value in details.items() if name not in ("tags", "authors")}
    return TorrentChanges(
        group_values=group_values, tags=_texts(details, "tags"), authors=_texts(details, "authors")
    )


def check_group(details: Details, group: Group | None) -> None:
    """Refuse to put a torrent into a group that does not exist, or that is locked."""
    _check_group_exists(details, group)
    if group is not None and group.locked:
        raise Refusal("group-locked")


def _check_group_exists(details: Details, group: Group | None) -> None:
    if "group_id" not in details:
        return
    if group is None:
        raise Refusal("invalid", fields={"group_id": ["The group_id field names no group."]})
    if others := sorted(set(details) & set(GROUP_FIELDS_IN_UPLOAD)):
        sentence = "The {} field is the group's: leave it out where group_id names one."
        raise Refusal("invalid", fields={name: [sentence.format(name)] for name in others})


def _check_claim(known: Torrent, group: Group | None, details: Details) -> None:
    if known.locked:
        raise Refusal("torrent-locked")
    if known.group.locked and set(details) & set(GROUP_FIELDS_IN_UPLOAD):
        raise Refusal("group-locked")
    check_group(details, group)


def _with_details(details: Details, torrent: Values, group_values: Values = NO_VALUES) -> TorrentChanges:
    """Overlay what would be written otherwise with the uploader's details."""
    of_group = {name: details[key] for key, name in GROUP_FIELDS_IN_UPLOAD.items() if key in details}
    own = {name: value for name, value in details.items() if name not in GROUP_FIELDS_IN_UPLOAD}
    own.pop("group_id", None)
    written = group_changes(of_group)
    return TorrentChanges(
        torrent={**torrent, **own},
        group=requested_group(details),
        group_values={**group_values, **written.group_values},
        tags=written.tags,
        authors=written.authors,
    )


def _metainfo_fields(summary: MetainfoSummary) -> Values:
    return {
        "infohash": summary.infohash,
        "alias": summary.alias,
        "name": summary.name,
        "root": summary.root,
        "size": summary.size,
        "file_count": len(summary.contents.files),
        "private": summary.private,
        "held": summary.held,
    }


def _file_fields(known: Torrent, summary: MetainfoSummary) -> Values:
    """Return what a .torrent file adds to a record without one; a title that somebody gave stays."""
    comment = {"description": summary.comment} if not known.description else {}
    title = {"title": _title(summary)} if known.title == known.name else {}
    return {**_metainfo_fields(summary), **comment, **title}


def _group_name_fields(known: Torrent, release: ParsedRelease) -> Values:
    """Return the release name's fields for a group that nobody has named: its name is the torrent's infohash."""
    return (
        {**_release_fields(release), "name": release.title}
        if known.group.name == known.infohash.lower
        else {}
    )


def _release_fields(release: ParsedRelease) -> Values:
    return {
        "category_id": BUILTIN_CATEGORIES.get(release.category, BUILTIN_CATEGORIES[UNSORTED]),
        "year": release.year,
        "season": release.season,
        "imdb": release.imdb,
    }


def _title(summary: MetainfoSummary) -> str:
    return plain_line(summary.name, LONGEST_LINE) or _UNNAMED


def _texts(details: Details, name: str) -> tuple[str, ...] | None:
    texts = details.get(name)
    return tuple(map(str, texts)) if isinstance(texts, tuple) else None
