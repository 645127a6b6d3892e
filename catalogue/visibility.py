"""Visibility: which viewer is shown which field of a torrent, in one table that every door asks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final

from catalogue.model import Contents, Person, Torrent, Viewer


class Audience(StrEnum):
    """Who looks at a torrent; the uploader is whoever owns it."""

    NOBODY = "nobody"
    ACCOUNT = "account"
    UPLOADER = "uploader"
    MODERATOR = "moderator"
    ADMIN = "admin"


class TorrentField(StrEnum):
    """What of a torrent can be shown."""

    RECORD = "record"
    """That it is there: its page, its rows in lists and searches, its file list, the comments of its group."""
    FILE = "file"
    """The .torrent; without ORIGINAL its trackers are replaced by the viewer's own announce URL."""
    ORIGINAL = "original"
    """The .torrent byte for byte."""
    TRACKERS = "trackers"
    """The announce URLs that it was uploaded with, in lists of trackers and in magnet links."""
    WEB_SEEDS = "web seeds"
    """The URLs from which a client fetches content over HTTP."""
    UPLOADER_NAME = "uploader's name"
    """The account that owns it."""


class Restriction(StrEnum):
    """What restricts a torrent; one may have several, and a viewer is shown what all of them allow."""

    NONE = "public"
    PRIVATE = "private"
    HIDDEN = "hidden"
    ANONYMOUS = "anonymous"


_EVERYBODY: Final = frozenset(Audience)
_ACCOUNTS: Final = _EVERYBODY - {Audience.NOBODY}
_OWNERS: Final = frozenset({Audience.UPLOADER, Audience.ADMIN})
_STAFF: Final = frozenset({Audience.UPLOADER, Audience.MODERATOR, Audience.ADMIN})

TABLE: Final[Mapping[Restriction, Mapping[TorrentField, frozenset[Audience]]]] = MappingProxyType(
    {
        Restriction.NONE: MappingProxyType(dict.fromkeys(TorrentField, _EVERYBODY)),
        # Its addresses often hold the passkey of whoever uploaded it.
        Restriction.PRIVATE: MappingProxyType(
            {
                **dict.fromkeys(TorrentField, _EVERYBODY),
                TorrentField.FILE: _ACCOUNTS,
                TorrentField.ORIGINAL: _OWNERS,
                TorrentField.TRACKERS: _OWNERS,
                TorrentField.WEB_SEEDS: _OWNERS,
            }
        ),
        Restriction.HIDDEN: MappingProxyType(dict.fromkeys(TorrentField, _STAFF)),
        Restriction.ANONYMOUS: MappingProxyType(
            {**dict.fromkeys(TorrentField, _EVERYBODY), TorrentField.UPLOADER_NAME: _STAFF}
        ),
    }
)
"""Who is shown what, beside the rights to read and to download."""


class VisibilityDoor(StrEnum):
    """A door that shows torrents. SOAP takes uploads alone; commands are an operator's, who is an admin."""

    CACHE = "cache"
    PAGES = "pages"
    REST = "REST"
    GAZELLE = "Gazelle"
    TORRENT_API = "Torrent API"
    TORBOX = "TorBox"
    FEEDS = "feeds"
    """RSS, Atom and Torznab; the files that they link to are the cache's."""


_AS_NOBODY: Final = frozenset(
    {
        (VisibilityDoor.GAZELLE, TorrentField.UPLOADER_NAME),
        (VisibilityDoor.TORRENT_API, TorrentField.RECORD),
        (VisibilityDoor.TORBOX, TorrentField.RECORD),
        (VisibilityDoor.TORBOX, TorrentField.TRACKERS),
        (VisibilityDoor.FEEDS, TorrentField.RECORD),
    }
)
"""What a door shows to everybody whom it serves as it would to nobody, since its dialect knows no difference."""

FIELDS_OF_DOORS: Final[Mapping[VisibilityDoor, frozenset[TorrentField]]] = MappingProxyType(
    {
        VisibilityDoor.CACHE: frozenset({TorrentField.FILE, TorrentField.ORIGINAL}),
        VisibilityDoor.PAGES: frozenset(TorrentField) - {TorrentField.FILE, TorrentField.ORIGINAL},
        VisibilityDoor.REST: frozenset(TorrentField),
        VisibilityDoor.GAZELLE: frozenset(TorrentField) - {TorrentField.TRACKERS, TorrentField.WEB_SEEDS},
        VisibilityDoor.TORRENT_API: frozenset({TorrentField.RECORD}),
        VisibilityDoor.TORBOX: frozenset({TorrentField.RECORD, TorrentField.TRACKERS}),
        VisibilityDoor.FEEDS: frozenset({TorrentField.RECORD}),
    }
)
"""What each door has to show; its answers have no other field of these."""

OPEN_DOORS: Final = frozenset(
    {
        VisibilityDoor.CACHE,
        VisibilityDoor.PAGES,
        VisibilityDoor.REST,
        VisibilityDoor.TORBOX,
        VisibilityDoor.FEEDS,
    }
)
"""The doors that serve requests without an account."""


def shown_at(door: VisibilityDoor, field: TorrentField, restriction: Restriction) -> frozenset[Audience]:
    """Return who is shown a field of a torrent with one restriction at a door."""
    if field not in FIELDS_OF_DOORS[door]:
        return frozenset()
    served = _EVERYBODY if door in OPEN_DOORS else _ACCOUNTS
    allowed = TABLE[restriction][field]
    if (door, field) in _AS_NOBODY:
        return served if Audience.NOBODY in allowed else frozenset()
    return served & allowed


def as_markdown() -> str:
    """Return the table of visibility, door by door, as its page shows it."""
    head = ("door", "field", *Restriction)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for door in VisibilityDoor:
        for field in (each for each in TorrentField if each in FIELDS_OF_DOORS[door]):
            cells = [_words(shown_at(door, field, restriction), door) for restriction in Restriction]
            lines.append(f"| {' | '.join((door, field, *cells))} |")
    return "\n".join(lines)


def _words(shown: frozenset[Audience], door: VisibilityDoor) -> str:
    if shown == (_EVERYBODY if door in OPEN_DOORS else _ACCOUNTS):
        return "all"
    return ", ".join(each for each in Audience if each in shown) or "none"


@dataclass(frozen=True, slots=True)
class TorrentRestrictions:
    """What the table is asked about: a torrent's restrictions and the id of its owner."""

    private: bool
    hidden: bool = False
    anonymous: bool = False
    uploader: int | None = None

    @classmethod
    def of(cls, torrent: Torrent) -> "TorrentRestrictions":
        """Return those of a record of the catalogue."""
        owner = torrent.uploader.id if torrent.uploader is not None else None
        return cls(torrent.private, torrent.hidden, torrent.anonymous, owner)

    def __iter__(self) -> Iterator[Restriction]:
        yield Restriction.NONE
        if self.private:
            yield Restriction.PRIVATE
        if self.hidden:
            yield Restriction.HIDDEN
        if self.anonymous:
            yield Restriction.ANONYMOUS


def audience(viewer: Viewer, uploader: int | None) -> Audience:
    """Return as what a viewer looks at a torrent of an uploader."""
    if viewer.administers:
        return Audience.ADMIN
    if viewer.user_id is not None and viewer.user_id == uploader:
        return Audience.UPLOADER
    if viewer.moderates:
        return Audience.MODERATOR
    return Audience.NOBODY if viewer.user_id is None else Audience.ACCOUNT


def shows(field: TorrentField, restrictions: TorrentRestrictions, viewer: Viewer) -> bool:
    """Return whether a viewer is shown a field."""
    asking = audience(viewer, restrictions.uploader)
    return asking in _allowed(field, restrictions.private, restrictions.hidden, restrictions.anonymous)


@cache
def _allowed(field: TorrentField, private: bool, hidden: bool, anonymous: bool) -> frozenset[Audience]:
    """Return who is shown a field of torrents with these restrictions: whom all of them allow."""
    restrictions = TorrentRestrictions(private, hidden, anonymous)
    return _EVERYBODY.intersection(*(TABLE[each][field] for each in restrictions))


def shown_uploader(torrent: Torrent, viewer: Viewer) -> Person | None:
    """Return the owner of a torrent where the viewer is shown the name."""
    return (
        torrent.uploader
        if shows(TorrentField.UPLOADER_NAME, TorrentRestrictions.of(torrent), viewer)
        else None
    )


def shown_contents(torrent: Torrent, contents: Contents, viewer: Viewer, announce: str = "") -> Contents:
    """Return the contents without the addresses that the viewer is not shown.

    An account that is not shown the trackers sees `announce` in their place, unless that is empty.
    """
    restrictions = TorrentRestrictions.of(torrent)
    if not shows(TorrentField.TRACKERS, restrictions, viewer):
        replaced = announce and shows(TorrentField.FILE, restrictions, viewer)
        contents = replace(contents, trackers=((announce,),) if replaced else ())
    if not shows(TorrentField.WEB_SEEDS, restrictions, viewer):
        contents = replace(contents, web_seeds=())
    return contents
