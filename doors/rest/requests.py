"""Tables of the fields of REST requests: the catalogue's fields under this dialect's names."""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

from accounts.fields import LIFETIME_LONGEST, PASSWORD_LONGEST
from accounts.model import Role, Scope
from catalogue import fields
from catalogue.fields import BooleanField, Field, FieldTable, IntegerField, TextField, TextListField
from catalogue.model import BookmarkKind, CollageKind, Freeleech, Subject
from doors.rest.kinds import Country, Day, Hash, PerPage, Raw, Truth, Word
from lists.infohashes import REASON_LIMIT

LONGEST_SEARCH = 1000
NAMES: Mapping[str, str] = MappingProxyType({"imdb_id": "imdb"})
"""The catalogue's names of fields that have another one in this dialect."""


def words(kind: type[StrEnum]) -> Word:
    """Return a field that takes the values of an enum."""
    return Word(MappingProxyType({member.value: member for member in kind}))


def names(kind: type[IntEnum]) -> Word:
    """Return a field that takes the member names of an enum, in lower case."""
    return Word(MappingProxyType({member.name.lower(): member for member in kind}))


def table(**given: Field) -> FieldTable:
    """Return a table of fields by name."""
    return MappingProxyType(given)


def _from(source: FieldTable, *chosen: str) -> dict[str, Field]:
    catalogue_names = {name: other for name, other in NAMES.items() if other in source}
    return {name: source[catalogue_names.get(name, name)] for name in chosen}


def _all(source: FieldTable, without: Iterable[str] = ()) -> dict[str, Field]:
    dialect_names = {other: name for name, other in NAMES.items()}
    return {
        dialect_names.get(name, name): field for name, field in source.items() if name not in set(without)
    }


_ID = fields.TORRENT["group_id"]
_PAGE: Field = IntegerField(1, fields.LARGEST_ID)

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
    as_of=IntegerField(0, fields.LARGEST_ID),
)
BEGINNING = table(search=Raw(LONGEST_SEARCH), page=_PAGE, per_page=PerPage())
COMMENTS = table(order=Word(MappingProxyType({"asc": "asc", "desc": "desc"})), page=_PAGE, per_page=PerPage())
BOOKMARKS = table(kind=words(BookmarkKind), page=_PAGE, per_page=PerPage())
REPORTS = table(resolved=Truth(), page=_PAGE, per_page=PerPage())
TOKENS_OF = table(user=_ID, page=_PAGE, per_page=PerPage())
PEERS = table(day=Day(), country=Country())
REASON = table(reason=fields.REPORT["reason"])

# Freeleech is set by moderators, not by uploaders.
UPLOAD = MappingProxyType(_all(fields.UPLOAD, {"freeleech"}))
EDIT_TORRENT = MappingProxyType(
    {
        **_all(fields.TORRENT, {"freeleech"}),
        **_from(fields.GROUP, "category_id", "tags", "year"),
    }
)
MODERATE_TORRENT = table(hidden=BooleanField(), locked=BooleanField(), freeleech=names(Freeleech))
EDIT_GROUP = MappingProxyType(_all(fields.GROUP))
LOCK = table(locked=BooleanField())
HIDE = table(hidden=BooleanField())
MERGE = table(into=_ID)
CATEGORY = MappingProxyType({**_from(fields.CATEGORY, "name", "parent_id"), "id": fields.CATEGORY["number"]})
EDIT_CATEGORY = fields.EDIT_CATEGORY
ALIAS = fields.TAG
AUTHOR = fields.AUTHOR
COMMENT = fields.COMMENT
COLLAGE = MappingProxyType({**_from(fields.COLLAGE, "name", "description"), "kind": names(CollageKind)})
EDIT_COLLAGE = MappingProxyType({**COLLAGE, **_from(fields.COLLAGE, "locked", "hidden")})
MEMBER = table(group_id=_ID)
REPORT = MappingProxyType({"subject": words(Subject), "target": _ID, **fields.REPORT})
RESOLUTION = fields.RESOLUTION
NEWS = fields.NEWS
LISTED = table(info_hash=Hash(), reason=TextField(REASON_LIMIT, filled=True))

_CREDENTIAL = Raw(PASSWORD_LONGEST)
LOGIN = table(username=_CREDENTIAL, password=_CREDENTIAL)
REGISTER = table(username=_CREDENTIAL, password=_CREDENTIAL, role=words(Role))
EDIT_USER = table(role=words(Role), enabled=BooleanField())
PASSWORD = table(password=_CREDENTIAL, current_password=_CREDENTIAL)
TOKEN = table(
    scope=words(Scope),
    label=TextField(fields.LONGEST_WORD),
    expires_in=IntegerField(1, LIFETIME_LONGEST),
    methods=TextListField(64, 64),
    user_id=_ID,
)
SUSPEND = table(suspended=BooleanField())
