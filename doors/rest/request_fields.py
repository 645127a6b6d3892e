"""Tables of the fields of REST requests: the catalogue's fields under this dialect's names."""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

from accounts.erasure import Writings
from accounts.fields import LIFETIME_LONGEST, PASSWORD_LONGEST
from accounts.model import Role, Scope
from actions.crediting import MOST_GRANTED
from actions.membership import MOST_BOUGHT
from catalogue import fields
from catalogue.fields import BooleanField, Field, FieldTable, IntegerField, TextField, TextListField
from catalogue.model import BookmarkKind, CollageKind, Freeleech, Subject
from doors.rest.field_types import (
    CountryField,
    DateField,
    EnumField,
    InfohashField,
    PerPageField,
    RawTextField,
    TrueFalseField,
)
from lists.access_rules import LONGEST_PATTERN, RuleSubject
from lists.entry_text import REASON_LIMIT
from lists.infohashes import ListKind
from tracker.credit import LATEST, MOST_PERCENT

LONGEST_SEARCH = 1000
CATALOGUE_NAMES: Mapping[str, str] = MappingProxyType({"imdb_id": "imdb"})
"""The catalogue's names of fields that have another one in this dialect."""


def enum_values(kind: type[StrEnum]) -> EnumField:
    """Return a field that takes the values of an enum."""
    return EnumField(MappingProxyType({member.value: member for member in kind}))


def enum_names(kind: type[IntEnum]) -> EnumField:
    """Return a field that takes the member names of an enum, in lower case."""
    return EnumField(MappingProxyType({member.name.lower(): member for member in kind}))


def field_table(**given: Field) -> FieldTable:
    """Return a table of fields by name."""
    return MappingProxyType(given)


def _from(source: FieldTable, *chosen: str) -> dict[str, Field]:
    catalogue_names = {name: other for name, other in CATALOGUE_NAMES.items() if other in source}
    return {name: source[catalogue_names.get(name, name)] for name in chosen}


def _all(source: FieldTable, without: Iterable[str] = ()) -> dict[str, Field]:
    dialect_names = {other: name for name, other in CATALOGUE_NAMES.items()}
    return {
        dialect_names.get(name, name): field for name, field in source.items() if name not in set(without)
    }


_ID = fields.TORRENT["group_id"]
_PAGE: Field = IntegerField(1, fields.LARGEST_ID)

PAGING = field_table(page=_PAGE, per_page=PerPageField())
SORTS = ("created_at", "id", "title", "size", "seeders", "leechers", "completed", "year", "relevance")
SEARCH = field_table(
    search=RawTextField(LONGEST_SEARCH),
    sort=EnumField(MappingProxyType({name: name for name in SORTS})),
    order=EnumField(MappingProxyType({"asc": "asc", "desc": "desc"})),
    page=_PAGE,
    per_page=PerPageField(),
    category=_ID,
    uploader=RawTextField(LONGEST_SEARCH),
    as_of=IntegerField(0, fields.LARGEST_ID),
)
NAME_SEARCH = field_table(search=RawTextField(LONGEST_SEARCH), page=_PAGE, per_page=PerPageField())
COMMENTS = field_table(
    order=EnumField(MappingProxyType({"asc": "asc", "desc": "desc"})), page=_PAGE, per_page=PerPageField()
)
BOOKMARKS = field_table(kind=enum_values(BookmarkKind), page=_PAGE, per_page=PerPageField())
REPORTS = field_table(resolved=TrueFalseField(), page=_PAGE, per_page=PerPageField())
SESSIONS = field_table(user=_ID)
TOKENS = field_table(user=_ID, page=_PAGE, per_page=PerPageField())
WEBHOOK = field_table(url=RawTextField(1000), events=TextListField(20, 40))
CHANGES = field_table(after=RawTextField(1000), limit=IntegerField(1, 100))
PEERS = field_table(day=DateField(), country=CountryField())
REASON = field_table(reason=fields.REPORT["reason"])

# Freeleech is set by moderators, not by uploaders.
UPLOAD = MappingProxyType(_all(fields.UPLOAD, {"freeleech"}))
EDIT_TORRENT = MappingProxyType(
    {
        **_all(fields.TORRENT, {"freeleech"}),
        **_from(fields.GROUP, "category_id", "tags", "year"),
    }
)
MODERATE_TORRENT = field_table(hidden=BooleanField(), locked=BooleanField(), freeleech=enum_names(Freeleech))
EDIT_GROUP = MappingProxyType(_all(fields.GROUP))
LOCK = field_table(locked=BooleanField())
HIDE = field_table(hidden=BooleanField())
MERGE = field_table(into=_ID)
CATEGORY = MappingProxyType({**_from(fields.CATEGORY, "name", "parent_id"), "id": fields.CATEGORY["number"]})
EDIT_CATEGORY = fields.EDIT_CATEGORY
ALIAS = fields.TAG
AUTHOR = fields.AUTHOR
COMMENT = fields.COMMENT
COLLAGE = MappingProxyType({**_from(fields.COLLAGE, "name", "description"), "kind": enum_names(CollageKind)})
EDIT_COLLAGE = MappingProxyType({**COLLAGE, **_from(fields.COLLAGE, "locked", "hidden")})
COLLAGE_GROUP = field_table(group_id=_ID)
REPORT = MappingProxyType({"subject": enum_values(Subject), "target": _ID, **fields.REPORT})
RESOLUTION = fields.RESOLUTION
NEWS = fields.NEWS
LIST_ENTRY = field_table(info_hash=InfohashField(), reason=TextField(REASON_LIMIT, filled=True))
LOG = field_table(
    verb=RawTextField(LONGEST_SEARCH),
    subject=enum_values(Subject),
    actor=RawTextField(LONGEST_SEARCH),
    page=_PAGE,
    per_page=PerPageField(),
)
RULES = field_table(subject=enum_values(RuleSubject), page=_PAGE, per_page=PerPageField())
RULE = field_table(
    subject=enum_values(RuleSubject),
    pattern=TextField(LONGEST_PATTERN, filled=True),
    verdict=enum_values(ListKind),
    reason=TextField(REASON_LIMIT),
)

_PERCENT = IntegerField(0, MOST_PERCENT)
_MOMENT = IntegerField(0, LATEST)
CREDIT_RULE = field_table(
    user_id=_ID,
    info_hash=InfohashField(),
    upload=_PERCENT,
    download=_PERCENT,
    since=_MOMENT,
    until=_MOMENT,
    reason=TextField(fields.LONGEST_WORD),
)
EXCHANGE = field_table(tokens=IntegerField(0, MOST_BOUGHT), gib=IntegerField(0, MOST_BOUGHT))
GRANT_INVITES = field_table(invites=IntegerField(-MOST_GRANTED, MOST_GRANTED))
GRANT_TOKENS = field_table(tokens=IntegerField(-MOST_GRANTED, MOST_GRANTED))

_CREDENTIAL = RawTextField(PASSWORD_LONGEST)
LOGIN = field_table(username=_CREDENTIAL, password=_CREDENTIAL)
REGISTER = field_table(
    username=_CREDENTIAL,
    password=_CREDENTIAL,
    role=enum_values(Role),
    invitation=_CREDENTIAL,
    answer=_CREDENTIAL,
)
EDIT_USER = field_table(role=enum_values(Role), enabled=BooleanField())
OWNER = field_table(username=_CREDENTIAL)
PASSWORD = field_table(password=_CREDENTIAL, current_password=_CREDENTIAL)
LOST_PASSWORD = field_table(username=_CREDENTIAL)
MAIL_ADDRESS = field_table(email=_CREDENTIAL, current_password=_CREDENTIAL)
SETTLE_COMMENT = field_table(shown=BooleanField())
ERASURE = field_table(current_password=_CREDENTIAL, code=_CREDENTIAL, writings=enum_values(Writings))
TOKEN = field_table(
    scope=enum_values(Scope),
    label=TextField(fields.LONGEST_WORD),
    expires_in=IntegerField(1, LIFETIME_LONGEST),
    methods=TextListField(64, 64),
    user_id=_ID,
)
SUSPEND = field_table(suspended=BooleanField())
