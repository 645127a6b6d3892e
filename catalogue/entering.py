"""Hides what a torrent's record says at first, and what becomes of it when the torrent comes again."""

from dataclasses import dataclass, replace

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.categories import NINE, UNSORTED
from catalogue.fields import LONGEST_LINE, OF_GROUP_IN_UPLOAD
from catalogue.model import Contents, Details, Group, Reading, Sheet, Torrent
from catalogue.shelf import NO_VALUES, Decision, Values, Writing
from catalogue.texts import plain_line

_UNNAMED = "unnamed"
_BLANK_TORRENT: Values = {
    **dict.fromkeys(("platform", "format", "license", "scope", "archive"), ""),
    **dict.fromkeys(("anonymous", "annotated", "hidden", "locked", "freeleech"), 0),
    **dict.fromkeys(("seeders", "leechers", "snatched"), 0),
}
_BLANK_WORK: Values = {
    **dict.fromkeys(("description", "picture", "organism", "strain", "accession", "lab", "location"), ""),
    "locked": 0,
}


@dataclass(frozen=True, slots=True)
class Entrance:
    """A torrent that comes in: what is known of it, what was read and said, and by whom.

    `said` was checked as an upload's details.
    """

    sheet: Sheet
    reading: Reading
    said: Details
    uploader: int | None

    @property
    def names(self) -> list[InfoHash]:
        """Every hash that the torrent may be known by."""
        return [name for name in (self.sheet.infohash, self.sheet.alias) if name is not None]

    def decide(self, known: Torrent | None, group: Group | None) -> Writing:
        """Return what is written. Refusal: `owned`, `invalid`, `torrent-locked`, `group-locked`."""
        if known is None:
            refuse_group(self.said, group)
            return self._first()
        owner = known.uploader.id if known.uploader is not None else None
        if self.uploader is not None and owner not in (None, self.uploader):
            raise Refusal("owned")
        fills = self.sheet.held and not known.held
        torrent = _filling(known, self.sheet) if fills else {}
        work = _naming(known, self.reading) if fills else {}
        contents = self.sheet.contents if fills else None
        if self.uploader is None or owner is not None:
            return Writing(torrent, work=work, contents=contents)
        _refuse_claim(known, group, self.said)
        claim = {**torrent, "uploader_id": self.uploader, "updated": self.sheet.added}
        return self._said(claim, work, contents)

    def _first(self) -> Writing:
        sheet, said = self.sheet, self.said
        title = said.get("title") or _title(sheet)
        name = said.get("title") or self.reading.title or title
        work = {**_BLANK_WORK, **_read(self.reading), "name": name, "created": sheet.added}
        torrent = {
            **_BLANK_TORRENT,
            **_facts(sheet),
            "title": title,
            "description": sheet.comment,
            "uploader_id": self.uploader,
            "added": sheet.added,
            "updated": sheet.added,
        }
        return self._said(torrent, work, sheet.contents)

    def _said(self, torrent: Values, work: Values, contents: Contents | None) -> Writing:
        own = work if "group_id" not in self.said else NO_VALUES
        return replace(_said(self.said, torrent, own), contents=contents)


def change_of(said: Details, now: int) -> Decision:
    """Return the decision on changes to a torrent and its group; `said` was checked as an upload's details."""

    def decide(known: Torrent | None, group: Group | None) -> Writing:
        if known is None:
            raise Refusal("not-found")
        _refuse_unknown(said, group)
        return _said(said, {"updated": now})

    return decide


def group_of(said: Details) -> int | None:
    """Return the group that was asked for."""
    group = said.get("group_id")
    return group if isinstance(group, int) else None


def of_group(said: Details) -> Writing:
    """Return what changes to a group alone write."""
    work = {name: value for name, value in said.items() if name not in ("tags", "authors")}
    return Writing(work=work, tags=_words(said, "tags"), authors=_words(said, "authors"))


def refuse_group(said: Details, group: Group | None) -> None:
    """Refuse to put a torrent into a group that does not exist, or that is locked."""
    _refuse_unknown(said, group)
    if group is not None and group.locked:
        raise Refusal("group-locked")


def _refuse_unknown(said: Details, group: Group | None) -> None:
    if "group_id" not in said:
        return
    if group is None:
        raise Refusal("invalid", fields={"group_id": ["The group_id field names no group."]})
    if others := sorted(set(said) & set(OF_GROUP_IN_UPLOAD)):
        sentence = "The {} field is the group's: leave it out where group_id names one."
        raise Refusal("invalid", fields={name: [sentence.format(name)] for name in others})


def _refuse_claim(known: Torrent, group: Group | None, said: Details) -> None:
    if known.locked:
        raise Refusal("torrent-locked")
    if known.group.locked and set(said) & set(OF_GROUP_IN_UPLOAD):
        raise Refusal("group-locked")
    refuse_group(said, group)


def _said(said: Details, torrent: Values, work: Values = NO_VALUES) -> Writing:
    """Lay what was said over what would be written otherwise."""
    of_work = {name: said[key] for key, name in OF_GROUP_IN_UPLOAD.items() if key in said}
    own = {name: value for name, value in said.items() if name not in OF_GROUP_IN_UPLOAD}
    own.pop("group_id", None)
    written = of_group(of_work)
    return Writing(
        torrent={**torrent, **own},
        group=group_of(said),
        work={**work, **written.work},
        tags=written.tags,
        authors=written.authors,
    )


def _facts(sheet: Sheet) -> Values:
    return {
        "infohash": sheet.infohash,
        "alias": sheet.alias,
        "name": sheet.name,
        "root": sheet.root,
        "size": sheet.size,
        "file_count": len(sheet.contents.files),
        "private": sheet.private,
        "held": sheet.held,
    }


def _filling(known: Torrent, sheet: Sheet) -> Values:
    """Return what a file adds to a record that had none; a title that somebody gave stays."""
    words = {"description": sheet.comment} if not known.description else {}
    title = {"title": _title(sheet)} if known.title == known.name else {}
    return {**_facts(sheet), **words, **title}


def _naming(known: Torrent, reading: Reading) -> Values:
    """Return what a file tells of a group that nobody has named: it is called by the torrent's hash."""
    return {**_read(reading), "name": reading.title} if known.group.name == known.infohash.lower else {}


def _read(reading: Reading) -> Values:
    return {
        "category_id": NINE.get(reading.category, NINE[UNSORTED]),
        "year": reading.year,
        "season": reading.season,
        "imdb": reading.imdb,
    }


def _title(sheet: Sheet) -> str:
    return plain_line(sheet.name, LONGEST_LINE) or _UNNAMED


def _words(said: Details, name: str) -> tuple[str, ...] | None:
    words = said.get(name)
    return tuple(map(str, words)) if isinstance(words, tuple) else None
