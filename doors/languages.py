"""Languages of the pages: catalogues in the form of gettext's .po files, and how each writes numbers and dates."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from gettext import c2py
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from doors.byte_sizes import largest_unit

if TYPE_CHECKING:
    from starlette.requests import Request

COOKIE = "language"
LONGEST_ACCEPTED = 200
"""Characters of `Accept-Language` that are read."""
MOST_KEPT = 1_000
"""Headers whose language is kept."""
MOST_BYTES = 4 << 20
"""Of a catalogue."""

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that datetime knows
_PLACE = re.compile(r"%\((\w+)\)s")
_CODE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class Message(str):
    """A text of the interface in English, which is to be looked up where it is shown."""

    __slots__ = ()


message = Message

_DAY, _MOMENT, _CLOCK = message("%Y-%m-%d"), message("%Y-%m-%d %H:%M"), message("%H:%M")
_NUMBER = message("1,234.5")
_NOW = message("now")
_UNITS = (
    (message("y"), 31_557_600),
    (message("mo"), 2_629_800),
    (message("w"), 604_800),
    (message("d"), 86_400),
    (message("h"), 3_600),
    (message("min"), 60),
)


class CatalogueError(ValueError):
    """A catalogue cannot be read."""


@dataclass(frozen=True, eq=False)
class Language:
    """A language: its code (BCP 47), its own name, the direction of its script, and its texts by the English ones.

    What has no text here stays English. `forms` has one text for each plural form, which `form` chooses for a number.
    """

    code: str
    name: str
    direction: str = "ltr"
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    form: Callable[[int], int] = field(default=lambda number: int(number != 1), repr=False)

    def text(self, english: str, /, **values: object) -> str:
        """Return a text with values in its places."""
        found = self.texts.get(english, english)
        return found % values if values else found

    def plural(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the text for a number of things, with values in its places."""
        return self.forms_of(one, many)[self.form_of(number)] % values

    def forms_of(self, one: str, many: str) -> tuple[str, ...]:
        """Return the texts of each plural form."""
        return self.forms.get(one) or tuple((one, many)[min(index, 1)] for index in range(self._count))

    def form_of(self, number: int) -> int:
        """Return which of the plural forms a number takes."""
        return min(self.form(number), self._count - 1)

    def say(self, text: str) -> str:
        """Return the translation of a message; any other text, such as a name, as it is."""
        return self.text(text) if isinstance(text, Message) else text

    def sentence(self, english: str) -> str:
        """Return the translation of a sentence that a deeper package made, with its numbers in their places.

        What no message fits stays English.
        """
        if english in self.texts:
            return self.texts[english]
        for pattern, translated in self._sentences:
            if found := pattern.fullmatch(english):
                return translated % found.groupdict()
        return english

    def count(self, number: int) -> str:
        """Format a number with the signs between thousands."""
        return f"{number:,}".replace(",", self._signs[0])

    def size(self, number: int) -> str:
        """Format bytes in their largest unit."""
        value, unit = largest_unit(number)
        return f"{value.replace('.', self._signs[1])} {unit}"

    def decimal(self, number: float, digits: int = 1) -> str:
        """Format a number with digits behind its point."""
        return f"{number:.{digits}f}".replace(".", self._signs[1])

    def day(self, seconds: int) -> str:
        """Format the UTC day of a unix time."""
        return _utc(seconds).strftime(self.text(_DAY))

    def moment(self, seconds: int) -> str:
        """Format a unix time to the minute, in UTC."""
        return _utc(seconds).strftime(self.text(_MOMENT))

    def clock_time(self, seconds: int) -> str:
        """Format the hour and minute of a unix time, in UTC."""
        return _utc(seconds).strftime(self.text(_CLOCK))

    def age(self, seconds: float) -> str:
        """Format how long ago something was, in its largest unit."""
        for name, length in _UNITS:
            if seconds >= length:
                return f"{int(seconds // length)}\u00a0{self.text(name)}"
        return self.text(_NOW)

    @cached_property
    def _count(self) -> int:
        return len(next(iter(self.forms.values()), ("", "")))

    @cached_property
    def _signs(self) -> tuple[str, str]:
        """The sign between thousands, and the decimal one."""
        written = self.text(_NUMBER)
        return written[1], written[-2]

    @cached_property
    def _sentences(self) -> list[tuple[re.Pattern[str], str]]:
        return [(_pattern(english), text) for english, text in self.texts.items() if _PLACE.search(english)]


ENGLISH = Language("en", "English")


class Languages:
    """The languages that pages are given in; English is among them."""

    def __init__(self, others: Iterable[Language] = ()) -> None:
        self.all: Mapping[str, Language] = MappingProxyType(
            {each.code: each for each in (ENGLISH, *sorted(others, key=lambda each: each.code))}
        )
        self._accepted: dict[str, Language] = {}

    def chosen(self, request: "Request") -> Language:
        """Return the language that a request wants: that of its cookie, else the first that its browser reads."""
        return self.all.get(request.cookies.get(COOKIE, "")) or self._of_header(
            request.headers.get("accept-language", "")
        )

    def _of_header(self, header: str) -> Language:
        # A browser sends the same few headers again and again; what is longer than any of them is not kept.
        if len(header) > LONGEST_ACCEPTED:
            return ENGLISH
        if header not in self._accepted:
            if len(self._accepted) >= MOST_KEPT:
                self._accepted.clear()
            self._accepted[header] = self._read_accepted(header)
        return self._accepted[header]

    def _read_accepted(self, header: str) -> Language:
        wanted = sorted(_weighted(header), key=lambda each: -each[1])
        for code, weight in wanted:
            found = self.all.get(code) or self.all.get(code.split("-")[0])
            if found is not None and weight > 0:
                return found
        return ENGLISH


def read_catalogue(text: str) -> Language:
    """Return the language of a .po file, whose header says its name and direction. CatalogueError."""
    texts: dict[str, str] = {}
    forms: dict[str, tuple[str, ...]] = {}
    header: dict[str, str] = {}
    for entry in _entries(text):
        english = entry.get("msgid", "")
        if not english:
            lines = entry.get("msgstr", "").splitlines()
            header = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
        elif "msgid_plural" in entry:
            said = tuple(entry[name] for name in sorted(entry) if name.startswith("msgstr["))
            if all(said):
                forms[english] = said
        elif entry.get("msgstr"):
            texts[english] = entry["msgstr"]
    return _language(header, texts, forms)


@cache
def usual_languages() -> Languages:
    """Return English and the languages of the package."""
    return languages_with(None)


def languages_with(folder: Path | None) -> Languages:
    """Return English, those of the package, and those of the .po files in a folder. CatalogueError, OSError."""
    packaged = [each for each in files("doors").joinpath("locales").iterdir() if each.name.endswith(".po")]
    read = [read_catalogue(each.read_text("utf-8")) for each in packaged]
    for path in sorted(folder.glob("*.po")) if folder is not None else ():
        if path.stat().st_size > MOST_BYTES:
            raise CatalogueError(f"{path.name} is larger than {MOST_BYTES >> 20} MiB")
        read.append(read_catalogue(path.read_text("utf-8")))
    return Languages({each.code: each for each in read}.values())


def _language(
    header: Mapping[str, str], texts: dict[str, str], forms: dict[str, tuple[str, ...]]
) -> Language:
    code = header.get("language", "").replace("_", "-")
    if not _CODE.fullmatch(code):
        raise CatalogueError("the header names no Language")
    direction = header.get("x-direction", "ltr")
    if direction not in {"ltr", "rtl"}:
        raise CatalogueError("X-Direction is ltr or rtl")
    given = re.search(r"plural=([^;]+)", header.get("plural-forms", ""))
    try:
        form = c2py(given[1].strip()) if given else ENGLISH.form
    except ValueError as error:
        raise CatalogueError(f"Plural-Forms cannot be read: {error}") from error
    return Language(code, header.get("x-name", code), direction, texts, forms, form)


def _entries(text: str) -> Iterator[dict[str, str]]:
    """Read the entries of a .po file: the texts of each by their keywords. What is marked fuzzy is left out."""
    entry: dict[str, str] = {}
    keyword, fuzzy = "", False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        stripped = line.strip()
        if not stripped:
            if entry and not fuzzy:
                yield entry
            entry, keyword, fuzzy = {}, "", False
        elif stripped.startswith("#"):
            fuzzy = fuzzy or (stripped.startswith("#,") and "fuzzy" in stripped)
        else:
            if not stripped.startswith('"'):
                keyword, _, stripped = stripped.partition(" ")
                entry[keyword] = ""
            try:
                entry[keyword] += str(ast.literal_eval(stripped))
            except (SyntaxError, ValueError, KeyError) as error:
                raise CatalogueError(f"line {number} cannot be read") from error


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            yield code.strip(), float(weight or 1)
        except ValueError:
            continue


def _pattern(english: str) -> re.Pattern[str]:
    pieces = _PLACE.split(english)
    written = [f"(?P<{each}>.+?)" if index % 2 else re.escape(each) for index, each in enumerate(pieces)]
    return re.compile("".join(written), re.DOTALL)


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)
