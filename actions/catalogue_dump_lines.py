"""Lines of a catalogue dump: JSON objects with checked fields, identified by names that are valid on any instance.

The first line is a header. `docs/catalogue-dump.md` describes every kind of line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from accounts.erasure import ERASED_NAME
from accounts.fields import is_name
from bittorrent.infohash import V1_LENGTH, InfoHash
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import BooleanField, Field, FieldTable, IntegerField, TextField, validate
from catalogue.model import BookmarkKind

DUMP_FILE_NAME = "catalogue.jsonl"
HEADER: Mapping[str, object] = MappingProxyType({"kind": "peerage-catalogue", "version": 1})
LONGEST_LINE = 2**20
"""Bytes; the longest text that a line can hold takes less than a third of it."""
MOST_LINES = 100_000_000
MOST_TARGETS = 500
"""Bookmarks in one line."""

_LATEST = 2**53
_LONGEST_RAW = 4_096
_MOST_FILES = 2**31


@dataclass(frozen=True, slots=True)
class CollageKey:
    """What identifies a collage."""

    creator: int
    created: int
    name: str


@dataclass(frozen=True, slots=True)
class DumpInfohashField:
    """A 20-byte infohash in hex digits."""

    def read(self, value: object) -> InfoHash:
        """Return the hash."""
        try:
            infohash = InfoHash.parse(value) if isinstance(value, str) else None
        except Refusal as refusal:
            raise ValueError("It must be 40 hex digits.") from refusal
        if infohash is None or len(infohash) != V1_LENGTH:
            raise ValueError("It must be 40 hex digits.")
        return infohash

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class AccountNameField:
    """The name of an account, or that under which stays what erased ones wrote."""

    def read(self, value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or not (is_name(value) or value == ERASED_NAME):
            raise ValueError("It must be the name of an account.")
        return value

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class RawNameField:
    """A name as it is in a .torrent file, with any characters."""

    def read(self, value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or len(value) > _LONGEST_RAW:
            raise ValueError(f"It must be text of at most {_LONGEST_RAW} characters.")
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            raise ValueError("It holds half a character (a lone surrogate).")
        return value

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class OptionalField:
    """A value of a kind, or null."""

    kind: Field

    def read(self, value: object) -> object:
        """Return the value."""
        return None if value is None else self.kind.read(value)

    def from_text(self, text: str) -> object:
        """Return the kind's value of a text."""
        return self.kind.from_text(text)


@dataclass(frozen=True, slots=True)
class ListField:
    """A list of at most `most` values of a kind."""

    kind: Field
    most: int

    def read(self, value: object) -> tuple[object, ...]:
        """Return the values."""
        if not isinstance(value, list) or len(value) > self.most:
            raise ValueError(f"It must be a list of at most {self.most}.")
        return tuple(self.kind.read(each) for each in value)

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class CollageReferenceField:
    """What identifies a collage: creator, creation time and name."""

    def read(self, value: object) -> tuple[str, int, str]:
        """Return the three."""
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError("It must be an account, a time and a name.")
        creator, created, name = value
        return AccountNameField().read(creator), _time(created), TextField(fields.LONGEST_WORD).read(name)

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


def _time(value: object) -> int:
    time = _TIME.read(value)
    assert time is not None
    return time


_TIME = IntegerField(0, _LATEST)
_HASH = DumpInfohashField()
_ACCOUNT = AccountNameField()


def _table(**table: Field) -> FieldTable:
    return MappingProxyType(table)


def _without(table: FieldTable, *names: str) -> dict[str, Field]:
    return {name: field for name, field in table.items() if name not in names}


LINE_FIELDS: Mapping[str, FieldTable] = MappingProxyType(
    {
        "account": _table(name=_ACCOUNT, joined=_TIME),
        "category": _table(**fields.CATEGORY),
        "tag": _table(name=fields.TAG["tag"], aliases=ListField(fields.TAG["alias"], 1_000)),
        "torrent": _table(
            **_without(fields.TORRENT, "group_id"),
            hash=_HASH,
            alias=OptionalField(_HASH),
            group=_HASH,
            name=RawNameField(),
            root=RawNameField(),
            size=IntegerField(0, fields.LARGEST_ID),
            files=IntegerField(0, _MOST_FILES),
            private=BooleanField(),
            uploader=OptionalField(_ACCOUNT),
            added=_TIME,
            updated=_TIME,
            hidden=BooleanField(),
            locked=BooleanField(),
        ),
        "group": _table(**fields.GROUP, group=_HASH, locked=BooleanField(), created=_TIME),
        "author": _table(**fields.AUTHOR),
        "comment": _table(
            **fields.COMMENT,
            group=_HASH,
            author=_ACCOUNT,
            added=_TIME,
            edited=OptionalField(_TIME),
            editor=OptionalField(_ACCOUNT),
            hidden=BooleanField(),
        ),
        "collage": _table(
            **_without(fields.COLLAGE, "kind"),
            of=fields.COLLAGE["kind"],
            creator=_ACCOUNT,
            created=_TIME,
            groups=ListField(_HASH, fields.MOST_IN_COLLAGE),
        ),
        **{
            f"bookmarks-{kind}": _table(account=_ACCOUNT, targets=ListField(target, MOST_TARGETS))
            for kind, target in (
                (BookmarkKind.TORRENT, _HASH),
                (BookmarkKind.GROUP, _HASH),
                (BookmarkKind.AUTHOR, fields.AUTHOR["name"]),
                (BookmarkKind.COLLAGE, CollageReferenceField()),
            )
        },
        "news": _table(**fields.NEWS, author=_ACCOUNT, added=_TIME),
    }
)
"""The fields of each kind of line. All are required; an optional one may be null."""


def write_line(line: Mapping[str, object]) -> bytes:
    """Encode a line of the file."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> tuple[str, dict[str, object]]:
    """Return the kind of a line, and its checked values. Refusal: `invalid`, `unreadable`."""
    values = _object(line)
    kind = values.pop("kind", None)
    table = LINE_FIELDS.get(kind) if isinstance(kind, str) else None
    if table is None or not isinstance(kind, str):
        raise fields.invalid_field("kind", "It must be a kind of line that is known here.")
    if missing := sorted(set(table) - set(values)):
        raise Refusal("invalid", fields={name: [f"The {name} field is required."] for name in missing})
    return kind, validate(values, table)


def is_header(line: bytes) -> bool:
    """Tell whether a line is the header of a dump of a known version."""
    try:
        return _object(line) == HEADER
    except Refusal:
        return False


def _object(line: bytes) -> dict[str, object]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refusal("unreadable", "it is no JSON") from error
    if not isinstance(values, dict):
        raise Refusal("unreadable", "it is no JSON object")
    return values
