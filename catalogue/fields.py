"""Fields of the catalogue: their types, limits and error sentences, and the typed changes that declare them.

A change declares each field once: its table validates requests, describes them in OpenAPI and limits the forms.
"""

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Final, Protocol, Self, cast, get_args, get_type_hints

from bittorrent.refusal import Refusal
from catalogue.categories import BUILTIN_CATEGORIES, FIRST_CUSTOM_ID
from catalogue.model import CollageKind, Freeleech
from catalogue.normalization import LONGEST_TAG, fold_name, normalize_tag
from catalogue.text_cleaning import clean_line, clean_prose

LONGEST_LINE = 255
LONGEST_WORD = 100
LONGEST_PROSE = 65_536
LONGEST_COMMENT = 16_384
LONGEST_REASON = 2_000
LONGEST_URL = 2_048
MOST_TAGS = 50
MOST_AUTHORS = 50
LATEST_YEAR = 9_999
LARGEST_SEASON = 9_999
LARGEST_IMDB = 9_999_999_999
LARGEST_ID = 2**63 - 1
MOST_FIELDS = 64
MOST_IN_COLLAGE = 1_000
MOST_BOOKMARKS = 10_000
"""Bookmarks of one kind that an account may have."""
MOST_REPORTS = 100
"""Open reports that an account may have."""


class Field(Protocol):
    """The type of a field. Both calls raise ValueError with a sentence that begins with "It "."""

    def read(self, value: object) -> object:
        """Return a value as it is stored."""
        ...

    def from_text(self, text: str) -> object:
        """Return the value of a form field for `read`; what cannot be parsed comes back as it is."""
        ...


@dataclass(frozen=True, slots=True)
class TextField:
    """Text of at most `longest` characters: one line, or with `prose` several; `filled` requires at least one.

    `normalize` gives the form that is stored.
    """

    longest: int
    prose: bool = False
    filled: bool = False
    normalize: Callable[[str], str] | None = None

    def read(self, value: object) -> str:
        """Return the text cleaned."""
        if not isinstance(value, str):
            raise _fault("It must be text.")
        text = clean_prose(value, self.longest) if self.prose else clean_line(value, self.longest)
        if self.filled and not text.strip():
            raise _fault("It is required.")
        return self.normalize(text) if self.normalize is not None else text

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


@dataclass(frozen=True, slots=True)
class IntegerField:
    """A whole number from `low` to `high`, or with `nullable` none. With `prefix`, also as text after that."""

    low: int
    high: int
    nullable: bool = False
    prefix: str = ""

    def read(self, value: object) -> int | None:
        """Return the number."""
        if value is None and self.nullable:
            return None
        if self.prefix and isinstance(value, str) and value.startswith(self.prefix):
            value = _number(value[len(self.prefix) :])
        if not isinstance(value, int) or isinstance(value, bool):
            raise _fault("It must be a whole number.")
        if not self.low <= value <= self.high:
            raise _fault(f"It must lie between {self.low} and {self.high}.")
        return value

    def from_text(self, text: str) -> object:
        """Return the number; nothing at all is none."""
        if not text.strip() and self.nullable:
            return None
        return _number(text.strip())


@dataclass(frozen=True, slots=True)
class BooleanField:
    """Yes or no."""

    def read(self, value: object) -> bool:
        """Return the value."""
        if not isinstance(value, bool):
            raise _fault("It must be true or false.")
        return value

    def from_text(self, text: str) -> object:
        """Return the answer, as forms and scripts normalize it."""
        return _BOOLEANS.get(text.strip().lower(), text)


@dataclass(frozen=True, slots=True)
class ChoiceField:
    """One of the values of an IntEnum."""

    kind: type[IntEnum]

    def read(self, value: object) -> IntEnum:
        """Return the member."""
        numbers = [int(member) for member in self.kind]
        if not isinstance(value, int) or isinstance(value, bool) or value not in numbers:
            raise _fault(f"It must be one of {', '.join(map(str, numbers))}.")
        return self.kind(value)

    def from_text(self, text: str) -> object:
        """Return the number."""
        return _number(text.strip())


@dataclass(frozen=True, slots=True)
class TextListField:
    """At most `most` texts of at most `longest` characters, each once; `normalize` gives the form that is stored."""

    most: int
    longest: int
    normalize: Callable[[str], str] | None = None

    def read(self, value: object) -> tuple[str, ...]:
        """Return the texts in their order, the first of those that are the same."""
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise _fault("It must be a list of texts.")
        if len(value) > self.most:
            raise _fault(f"It holds more than {self.most}.")
        lines = [clean_line(each, self.longest) for each in value]
        if self.normalize is not None:
            lines = [self.normalize(line) for line in lines]
        if not all(lines):
            raise _fault("It holds an empty text.")
        first = {fold_name(line): line for line in reversed(lines)}
        return tuple(first[key] for key in dict.fromkeys(map(fold_name, lines)))

    def from_text(self, text: str) -> object:
        """Return the texts between the commas."""
        return [
            part.strip() for part in text[: self.most * (self.longest + 2) * 4].split(",") if part.strip()
        ]


@dataclass(frozen=True, slots=True)
class UrlField:
    """An http or https URL, or an empty text."""

    longest: int = LONGEST_URL

    def read(self, value: object) -> str:
        """Return the URL."""
        if not isinstance(value, str):
            raise _fault("It must be text.")
        link = clean_line(value, self.longest)
        if link and not _WEB_URL.fullmatch(link):
            raise _fault("It must be a link that begins with http:// or https://.")
        return link

    def from_text(self, text: str) -> object:
        """Return the text."""
        return text


FieldTable = Mapping[str, Field]

_WEB_URL = re.compile(r"https?://[A-Za-z0-9\[][!#-&(-;=?-\[\]_a-z~]*")
_BOOLEANS: Mapping[str, bool] = MappingProxyType(
    {
        "1": True,
        "true": True,
        "on": True,
        "yes": True,
        "0": False,
        "false": False,
        "off": False,
        "no": False,
        "": False,
    }
)


class Unset(Enum):
    """The type of UNSET: a field that is not given, where None may be a value."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return self.name


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Label:
    """What a form calls a field, and a hint on what to enter."""

    text: str
    hint: str = ""


# Types of fields: what is stored, and what validates, describes and limits it.
Name = Annotated[str, TextField(LONGEST_LINE, filled=True)]
Line = Annotated[str, TextField(LONGEST_LINE)]
Word = Annotated[str, TextField(LONGEST_WORD)]
Prose = Annotated[str, TextField(LONGEST_PROSE, prose=True)]
Url = Annotated[str, UrlField()]
Flag = Annotated[bool, BooleanField()]
Id = Annotated[int, IntegerField(1, LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class Change:
    """Values for some fields of a record; the others are UNSET."""

    @classmethod
    def read(cls, given: Mapping[str, object], required: Collection[str] = ()) -> Self:
        """Validate values by field name. Refusal: `invalid`, with a sentence for every field at fault."""
        return cls(**validate(given, table_of(cls), required))

    @property
    def given(self) -> dict[str, Any]:
        """The fields that are set, and their values."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value is not UNSET}

    def __bool__(self) -> bool:
        return bool(self.given)

    def overlaid(self, other: Self) -> Self:
        """Return this change with the set fields of another in place of its own."""
        return replace(self, **other.given)

    def differing(self, known: Callable[[str], object]) -> Self:
        """Return this change without the fields that have the value `known` already."""
        same = [name for name, value in self.given.items() if known(name) == value]
        return replace(self, **dict.fromkeys(same, UNSET))


@dataclass(frozen=True, slots=True)
class TorrentChange(Change):
    """What people may set of a torrent; `group_id` is the group that it is in."""

    title: Annotated[Name, Label("Title")] | Unset = UNSET
    description: (
        Annotated[Prose, Label("Description", "Plain text, or BBCode such as [b]bold[/b] and [url]…[/url].")]
        | Unset
    ) = UNSET
    group_id: Id | Unset = UNSET
    anonymous: Annotated[Flag, Label("Do not tell who uploaded it")] | Unset = UNSET
    platform: Annotated[Word, Label("Platform")] | Unset = UNSET
    format: Annotated[Word, Label("Format")] | Unset = UNSET
    license: Annotated[Word, Label("License")] | Unset = UNSET
    scope: Annotated[Word, Label("Scope")] | Unset = UNSET
    annotated: Annotated[Flag, Label("Annotated")] | Unset = UNSET
    archive: Annotated[Word, Label("Archive")] | Unset = UNSET
    freeleech: Annotated[Freeleech, ChoiceField(Freeleech)] | Unset = UNSET


@dataclass(frozen=True, slots=True)
class GroupChange(Change):
    """What people may set of a group."""

    name: Annotated[Name, Label("Name")] | Unset = UNSET
    year: Annotated[int | None, IntegerField(1, LATEST_YEAR, nullable=True), Label("Year")] | Unset = UNSET
    category_id: Annotated[Id, Label("Category")] | Unset = UNSET
    tags: (
        Annotated[
            tuple[str, ...],
            TextListField(MOST_TAGS, LONGEST_TAG, normalize_tag),
            Label("Tags", "Words, with commas between them"),
        ]
        | Unset
    ) = UNSET
    authors: (
        Annotated[
            tuple[str, ...],
            TextListField(MOST_AUTHORS, LONGEST_LINE),
            Label("Authors", "Names, with commas between them"),
        ]
        | Unset
    ) = UNSET
    description: Annotated[Prose, Label("Description", "Plain text, or BBCode.")] | Unset = UNSET
    picture: Annotated[Url, Label("Link to a picture")] | Unset = UNSET
    organism: Annotated[Line, Label("Organism")] | Unset = UNSET
    strain: Annotated[Line, Label("Strain")] | Unset = UNSET
    accession: Annotated[Line, Label("Accession")] | Unset = UNSET
    lab: Annotated[Line, Label("Lab")] | Unset = UNSET
    location: Annotated[Line, Label("Location")] | Unset = UNSET
    season: Annotated[int | None, IntegerField(0, LARGEST_SEASON, nullable=True), Label("Season")] | Unset = (
        UNSET
    )
    imdb: (
        Annotated[
            int | None,
            IntegerField(1, LARGEST_IMDB, nullable=True, prefix="tt"),
            Label("IMDb id", "tt and 7 to 10 digits"),
        ]
        | Unset
    ) = UNSET


@dataclass(frozen=True, slots=True)
class CategoryChange(Change):
    """What operators may set of a category; its parent is a built-in one."""

    name: Annotated[str, TextField(64, filled=True)] | Unset = UNSET
    parent_id: Annotated[int, IntegerField(1, len(BUILTIN_CATEGORIES))] | Unset = UNSET


@dataclass(frozen=True, slots=True)
class AuthorChange(Change):
    """What operators may set of an author."""

    name: Name | Unset = UNSET
    picture: Url | Unset = UNSET
    description: Prose | Unset = UNSET


@dataclass(frozen=True, slots=True)
class CollageChange(Change):
    """What people may set of a collage."""

    name: Annotated[str, TextField(LONGEST_WORD, filled=True)] | Unset = UNSET
    description: Prose | Unset = UNSET
    kind: Annotated[CollageKind, ChoiceField(CollageKind)] | Unset = UNSET
    locked: Flag | Unset = UNSET
    hidden: Flag | Unset = UNSET


def table_of(change: type[Change]) -> FieldTable:
    """Return the field types of a change by name."""
    return _read_table(cast("Any", change))  # mypy takes no class for hashable whose instances have a hash


def labels_of(change: type[Change]) -> Mapping[str, Label]:
    """Return the labels of a change's fields by name; a field that no form shows has none."""
    found = {name: declared[1] for name, declared in _declarations(change).items() if len(declared) > 1}
    return MappingProxyType(found)


@cache
def _read_table(change: type[Change]) -> FieldTable:
    return MappingProxyType({name: declared[0] for name, declared in _declarations(change).items()})


def _declarations(change: type[Change]) -> dict[str, tuple[Any, ...]]:
    """Return the field type, and the label, in `Annotated[..., field type, label] | Unset` of each field."""
    hints = get_type_hints(change, include_extras=True)
    return {
        name: next(each.__metadata__ for each in get_args(hint) if each is not Unset)
        for name, hint in hints.items()
    }


def _table(**types: Field) -> FieldTable:
    return MappingProxyType(types)


TORRENT = table_of(TorrentChange)
GROUP = table_of(GroupChange)
GROUP_FIELDS_IN_UPLOAD: Mapping[str, str] = MappingProxyType(
    {{"name": "group_name", "description": "group_description"}.get(name, name): name for name in GROUP}
)
"""The names of the group's fields in an upload, and in the group itself."""
UPLOAD: FieldTable = MappingProxyType(
    {**TORRENT, **{name: GROUP[of_group] for name, of_group in GROUP_FIELDS_IN_UPLOAD.items()}}
)
EDIT_CATEGORY = table_of(CategoryChange)
CATEGORY: FieldTable = MappingProxyType(
    {**EDIT_CATEGORY, "number": IntegerField(FIRST_CUSTOM_ID, LARGEST_ID)}
)
AUTHOR = table_of(AuthorChange)
COLLAGE = table_of(CollageChange)
COMMENT = _table(body=TextField(LONGEST_COMMENT, prose=True, filled=True))
BULK_REASON = _table(reason=TextField(LONGEST_REASON, filled=True))
REPORT = _table(reason=TextField(LONGEST_REASON, prose=True, filled=True))
RESOLUTION = _table(resolution=TextField(LONGEST_REASON, prose=True, filled=True))
NEWS = _table(
    title=TextField(LONGEST_LINE, filled=True), body=TextField(LONGEST_PROSE, prose=True, filled=True)
)
TAG = _table(
    alias=TextField(LONGEST_TAG, filled=True, normalize=normalize_tag),
    tag=TextField(LONGEST_TAG, filled=True, normalize=normalize_tag),
)


@dataclass(frozen=True, slots=True)
class TorrentDetails:
    """What an uploader or editor sets of a torrent and of its group."""

    torrent: TorrentChange = field(default_factory=TorrentChange)
    group: GroupChange = field(default_factory=GroupChange)

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Self:
        """Validate values by their names in an upload. Refusal: `invalid`."""
        values = validate(given, UPLOAD)
        of_group = {name: values.pop(key) for key, name in GROUP_FIELDS_IN_UPLOAD.items() if key in values}
        return cls(TorrentChange(**values), GroupChange(**of_group))

    @property
    def group_names(self) -> list[str]:
        """The names in an upload of the group's fields that are set."""
        given = self.group.given
        return [key for key, name in GROUP_FIELDS_IN_UPLOAD.items() if name in given]

    @property
    def names(self) -> list[str]:
        """The names in an upload of all fields that are set."""
        return [*self.torrent.given, *self.group_names]

    @property
    def group_id(self) -> int | None:
        """The id of the group to put the torrent into, or None."""
        return None if self.torrent.group_id is UNSET else self.torrent.group_id

    def __bool__(self) -> bool:
        return bool(self.torrent or self.group)


NO_DETAILS = TorrentDetails()


def validate(
    given: Mapping[str, object], table: FieldTable, required: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values as they are stored. Refusal: `invalid`, with a sentence for every field at fault."""
    faults = {name: [f"The {name} field is required."] for name in required if given.get(name) is None}
    values: dict[str, Any] = {}
    if len(given) > MOST_FIELDS:
        raise invalid_field("fields", f"There are more than {MOST_FIELDS}.")
    for name, value in given.items():
        field_type = table.get(name)
        if field_type is None:
            faults[_printable(name)] = ["There is no such field."]
        elif name not in faults:
            try:
                values[name] = field_type.read(value)
            except ValueError as error:
                faults[name] = [_about(name, str(error))]
    if faults:
        raise Refusal("invalid", fields=faults)
    return values


def from_form(texts: Mapping[str, str], table: FieldTable) -> dict[str, object]:
    """Return the fields of a form as `validate` takes them; unknown ones stay texts."""
    return {name: table[name].from_text(text) if name in table else text for name, text in texts.items()}


def invalid_field(name: str, sentence: str) -> Refusal:
    """Make the refusal of one field; "It " at the start of the sentence becomes the field's name."""
    return Refusal("invalid", fields={name: [_about(name, sentence)]})


def _about(name: str, sentence: str) -> str:
    return f"The {name} field {sentence[3:]}" if sentence.startswith("It ") else sentence


def _printable(name: str) -> str:
    """Return an unknown field's name, harmless to show."""
    plain = "".join(each for each in name[:LONGEST_WORD] if each >= " " and each != "\x7f")
    return plain.encode("ascii", "backslashreplace").decode()[:LONGEST_WORD]


def _number(text: str) -> object:
    plain = text.removeprefix("-")
    return int(text) if plain.isascii() and plain.isdigit() and len(plain) <= 20 else text


def _fault(sentence: str) -> ValueError:
    return ValueError(sentence)
