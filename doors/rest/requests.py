"""Hides what requests of this dialect may carry: the catalogue's own fields, under this dialect's names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from accounts.fields import LIFETIME_LONGEST, PASSWORD_LONGEST
from accounts.model import Role, Scope
from catalogue import fields
from catalogue.fields import Field, Flag, Table, Whole, Words
from catalogue.model import Bookmarked, CollageKind, Freeleech, Subject

PER_PAGE = 50
PER_PAGE_MOST = 100
LONGEST_SEARCH = 1000
NAMES: Mapping[str, str] = MappingProxyType({"imdb_id": "imdb"})
"""What this dialect calls by another name than the catalogue does."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that is taken as it is: what is searched for, and what proves somebody."""

    longest: int

    def read(self, value: object) -> str:
        """Return the text; ValueError with a sentence."""
        if not isinstance(value, str):
            raise ValueError("It must be text.")  # noqa: TRY004 (what a field raises)
        if len(value) > self.longest:
            raise ValueError(f"It is longer than {self.longest} characters.")
        if any("\ud800" <= each <= "\udfff" for each in value):
            raise ValueError("It holds half a character (a lone surrogate).")
        return value

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words, each of which stands for a value."""

    values: Mapping[str, object]

    def read(self, value: object) -> object:
        """Return what the word stands for; ValueError with a sentence."""
        if not isinstance(value, str) or value not in self.values:
            raise ValueError(f"It must be one of {', '.join(self.values)}.")
        return self.values[value]

    def from_text(self, text: str) -> object:
        """Return the word."""
        return text


@dataclass(frozen=True, slots=True)
class PerPage:
    """How many items a page has; more than it may have are taken as that many."""

    number: Whole = Whole(1, fields.LARGEST_ID)

    def read(self, value: object) -> int:
        """Return the number; ValueError with a sentence."""
        return min(self.number.read(value) or PER_PAGE, PER_PAGE_MOST)

    def from_text(self, text: str) -> object:
        """Return the number that the text is."""
        return self.number.from_text(text)


def words(kind: type[StrEnum]) -> Word:
    """Take the values of a kind."""
    return Word(MappingProxyType({member.value: member for member in kind}))


def names(kind: type[IntEnum]) -> Word:
    """Take the names of a kind, in lower case."""
    return Word(MappingProxyType({member.name.lower(): member for member in kind}))


def table(**given: Field) -> Table:
    """Make a table."""
    return MappingProxyType(given)


def _from(source: Table, *chosen: str) -> dict[str, Field]:
    theirs = {ours: name for ours, name in NAMES.items() if name in source}
    return {ours: source[theirs.get(ours, ours)] for ours in chosen}


def _all(source: Table, without: Iterable[str] = ()) -> dict[str, Field]:
    ours = {name: said for said, name in NAMES.items()}
    return {ours.get(name, name): field for name, field in source.items() if name not in set(without)}


_ID = fields.TORRENT["group_id"]
_PAGE: Field = Whole(1, fields.LARGEST_ID)

NOTHING = table()
PAGING = table(page=_PAGE, per_page=PerPage())
SORTS = ("created_at", "id", "title", "size", "seeders", "leechers", "completed", "year", "relevance")
SEARCH = table(
    search=Raw(LONGEST_SEARCH),
    sort=Word(MappingProxyType({name: name for name in SORTS})),
    order=Word(MappingProxyType({"asc": "asc", "desc": "desc"})),
    page=_PAGE,
    per_page=PerPage(),
    category=_ID,
    uploader=Raw(LONGEST_SEARCH),
    as_of=Whole(0, fields.LARGEST_ID),
)
BEGINNING = table(search=Raw(LONGEST_SEARCH), page=_PAGE, per_page=PerPage())
COMMENTS = table(
    order=Word(MappingProxyType({"asc": "asc", "desc": "desc"})), page=_PAGE, per_page=PerPage()
)
BOOKMARKS = table(kind=words(Bookmarked), page=_PAGE, per_page=PerPage())
REPORTS = table(resolved=Flag(), page=_PAGE, per_page=PerPage())
TOKENS_OF = table(user=_ID, page=_PAGE, per_page=PerPage())
PEERS = table(day=Raw(10), country=Raw(2))
REASON = table(reason=fields.REPORT["reason"])

# A moderator says what of the traffic counts, not who uploads.
UPLOAD = MappingProxyType(_all(fields.UPLOAD, {"freeleech"}))
EDIT_TORRENT = MappingProxyType(
    {
        **_all(fields.TORRENT, {"freeleech"}),
        **_from(fields.GROUP, "category_id", "tags", "year"),
    }
)
MODERATE_TORRENT = table(hidden=Flag(), locked=Flag(), freeleech=names(Freeleech))
EDIT_GROUP = MappingProxyType(_all(fields.GROUP))
LOCK = table(locked=Flag())
HIDE = table(hidden=Flag())
MERGE = table(into=_ID)
CATEGORY = MappingProxyType({**_from(fields.CATEGORY, "name", "parent_id"), "id": fields.CATEGORY["number"]})
EDIT_CATEGORY = MappingProxyType(_from(fields.CATEGORY, "name", "parent_id"))
ALIAS = fields.TAG
AUTHOR = fields.AUTHOR
COMMENT = fields.COMMENT
COLLAGE = MappingProxyType({**_from(fields.COLLAGE, "name", "description"), "kind": names(CollageKind)})
EDIT_COLLAGE = MappingProxyType({**COLLAGE, **_from(fields.COLLAGE, "locked", "hidden")})
MEMBER = table(group_id=_ID)
REPORT = MappingProxyType({"subject": words(Subject), "target": _ID, **fields.REPORT})
RESOLUTION = fields.RESOLUTION
NEWS = fields.NEWS
LISTED = table(info_hash=Raw(256), reason=Raw(4096))

_SECRET = Raw(PASSWORD_LONGEST)
LOGIN = table(username=_SECRET, password=_SECRET)
REGISTER = table(username=_SECRET, password=_SECRET, role=words(Role))
EDIT_USER = table(role=words(Role), enabled=Flag())
PASSWORD = table(password=_SECRET, current_password=_SECRET)
TOKEN = table(
    scope=words(Scope),
    label=Raw(256),
    expires_in=Whole(1, LIFETIME_LONGEST),
    methods=Words(64, 64),
    user_id=_ID,
)
SUSPEND = table(suspended=Flag())

