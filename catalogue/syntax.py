"""The search syntax: a text parsed to a query, and a query written as text.

It is documented in `docs/apis/search.md`. Any text is valid: what cannot be parsed is searched for as words,
unbalanced brackets are ignored, and what exceeds a limit is left out.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.model import Freeleech
from catalogue.normalization import fold_name, normalize_tag
from catalogue.query import (
    MATCH_ALL,
    MATCH_NONE,
    AddedRange,
    AllOf,
    AnyOf,
    Attribute,
    AttributeTerm,
    CategoryTerm,
    FreeleechTerm,
    ImdbTerm,
    InfohashTerm,
    Not,
    PrivateTerm,
    Query,
    SearchColumn,
    SeedersRange,
    SizeRange,
    TagTerm,
    TextTerm,
    UploaderTerm,
    YearRange,
)

LONGEST_TEXT = 1024
"""Characters of a search that are read; a magnet link may be longer."""
MOST_TERMS = 32
DEEPEST = 6

_TOKEN = re.compile(
    r"""
    \s* (?:
        (?P<close> \) )
      | (?P<or> \| )
      | (?P<not> [-!]? )
        (?:
            (?P<open> \( )
          | (?: (?P<prefix> [A-Za-z]{2,12} ) : )?
            (?: "(?P<phrase> [^"]* ) "? (?P<star> \*? )
              | (?P<word> [^\s"()|]+ (?: \| (?! [A-Za-z]{2,12}: ) [^\s"()|]+ )* )
            )
        )
    )
    """,
    re.VERBOSE,
)
# The index's tokens: letters and digits, with the accents that follow a letter.
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")
_QUOTES = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb", '"' * 5)
_AMOUNT = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?\s*([kmgtp]?)(i?)b?", re.IGNORECASE)
_POWERS = ("", "k", "m", "g", "t", "p")
_LARGEST = 2**63 - 1
_DAY = 86_400
_LAST_DAY = 253_402_300_799  # of the year 9999, the last that dates know
_YEAR = re.compile(r"[0-9]{1,4}")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?", re.ASCII)
_SECOND = re.compile(r"@(-?[0-9]{1,18})", re.ASCII)
_IMDB = re.compile(r"(?:tt)?([0-9]{1,10})", re.IGNORECASE)
_SIMPLE = re.compile(r"[^\W_]+")
_HASH_LENGTHS = (32, 40, 64)

_COLUMNS: Final[Mapping[str, SearchColumn]] = {
    "name": SearchColumn.NAME,
    "title": SearchColumn.NAME,
    "group": SearchColumn.GROUP,
    "author": SearchColumn.AUTHORS,
    "artist": SearchColumn.AUTHORS,
    "description": SearchColumn.DESCRIPTION,
    "file": SearchColumn.FILES,
}
_PREFIXES: Final[Mapping[SearchColumn, str]] = {
    SearchColumn.NAME: "name",
    SearchColumn.GROUP: "group",
    SearchColumn.AUTHORS: "author",
    SearchColumn.TAGS: "tag",
    SearchColumn.DESCRIPTION: "description",
    SearchColumn.FILES: "file",
}
_FREE = ("no", "free", "neutral")
_KINDS: Final[Mapping[str, frozenset[Freeleech]]] = {
    "no": frozenset({Freeleech.NORMAL}),
    "yes": frozenset({Freeleech.FREE, Freeleech.NEUTRAL}),
    "free": frozenset({Freeleech.FREE}),
    "neutral": frozenset({Freeleech.NEUTRAL}),
}


def parse(text: str) -> Query:
    """Parse a search text; an empty one finds everything, punctuation alone finds nothing. Never raises."""
    if text.lstrip()[:8].lower() == "magnet:?" and (query := _magnet(text)):
        return query
    tidy = unicodedata.normalize("NFC", text[:LONGEST_TEXT]).translate(_QUOTES)
    query = _Parser(_tokens(tidy)).alternatives(0)
    return query or (MATCH_NONE if tidy.strip() else MATCH_ALL)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A word of a search that begins like a filter and is none: `word` as it was written, and what is wrong."""

    word: str
    reason: str


def read(text: str) -> tuple[Query, tuple[Unreadable, ...]]:
    """Parse a search text for somebody who can be told what could not be read; that is left out. Never raises.

    `parse` looks for the same words instead, as programs expect that send names as they are.
    """
    tidy = unicodedata.normalize("NFC", text[:LONGEST_TEXT]).translate(_QUOTES)
    wrong, kept, end = [], [], 0
    if text.lstrip()[:8].lower() != "magnet:?":
        for found in _TOKEN.finditer(tidy):
            if (reason := _wrong(found)) is not None:
                wrong.append(Unreadable(found[0].strip(), reason))
                kept.append(tidy[end : found.start()])
                end = found.end()
    return parse(" ".join([*kept, tidy[end:]]) if wrong else text), tuple(wrong)


def _wrong(found: re.Match[str]) -> str | None:
    """Return what is wrong with a token, None where nothing is."""
    prefix = (found["prefix"] or "").lower()
    if prefix not in _EXPECTED:
        return None
    values = [found["phrase"]] if found["phrase"] is not None else found["word"].split("|")
    return (
        None if all(_PREFIX_PARSERS[prefix](each.strip()) for each in values if each) else _EXPECTED[prefix]
    )


def words(text: str) -> tuple[str, ...]:
    """Split a text into the index's tokens: letters and digits, punctuation left out."""
    return tuple(_WORD.findall(text))


def unparse(query: Query) -> str:
    """Write a query as a text that parses to the same query."""
    match query:
        case AllOf(terms):
            return " ".join(_grouped(term) for term in terms)
        case AnyOf(terms):
            return " or ".join(_grouped(term) for term in terms) or "()"
        case Not(term):
            return "-" + _grouped(term)
        case _:
            return _term(query)


class _Token(NamedTuple):
    """A bracket, an `or`, or a term."""

    kind: str
    negated: bool = False
    term: Query | None = None


class _Parser:
    """A recursive-descent parser: adjacent terms are joined by AND, which binds tighter than `or`."""

    def __init__(self, tokens: Iterator[_Token]) -> None:
        self._tokens = tokens

    def alternatives(self, depth: int) -> Query | None:
        """Parse up to the closing bracket or the end; None when there are no terms."""
        choices: list[list[Query]] = [[]]
        for token in self._tokens:
            if token.kind == "close":
                if depth:
                    break
            elif token.kind == "or":
                choices.append([])
            elif (term := self._one(token, depth)) is not None:
                choices[-1].append(Not(term) if token.negated else term)
        return _any([_all(terms) for terms in choices if terms])

    def _one(self, token: _Token, depth: int) -> Query | None:
        if token.kind != "open":
            return token.term
        return self.alternatives(depth + 1) if depth < DEEPEST else None


def _all(terms: list[Query]) -> Query:
    return terms[0] if len(terms) == 1 else AllOf(tuple(terms))


def _any(choices: list[Query]) -> Query | None:
    if not choices:
        return None
    return choices[0] if len(choices) == 1 else AnyOf(tuple(choices))


def _tokens(text: str) -> Iterator[_Token]:
    left = MOST_TERMS
    for found in _TOKEN.finditer(text):
        negated = bool(found["not"])
        if found["close"]:
            yield _Token("close")
        elif found["or"] or found[0].strip().lower() == "or":
            yield _Token("or")
        elif found["open"]:
            yield _Token("open", negated)
        else:
            terms = _terms(found)[:left]
            left -= len(terms)
            yield _Token("term", negated, _any(terms))
        if not left:
            return


def _terms(found: re.Match[str]) -> list[Query]:
    """Return a term's alternatives: the values of a prefix may be joined by `|`."""
    prefix, phrase = found["prefix"], found["phrase"]
    if phrase is not None:
        read = _prefixed(prefix, phrase + found["star"])
        return [read] if read else []
    if prefix is None:
        return [term for each in found["word"].split("|") if (term := _unprefixed(each))]
    return [term for each in found["word"].split("|") if (term := _prefixed(prefix, each))]


def _unprefixed(word: str) -> Query | None:
    return _hashed(word) or _text(word)


def _prefixed(prefix: str | None, value: str) -> Query | None:
    """Parse the value of a prefix; an unknown prefix or invalid value is searched for as words."""
    if prefix is None:
        return _text(value)
    if prefix.lower() in _PREFIX_PARSERS and (term := _PREFIX_PARSERS[prefix.lower()](value.strip())):
        return term
    return _magnet(f"{prefix}:{value}") or _text(f"{prefix} {value}")


def _text(value: str, *columns: SearchColumn) -> TextTerm | None:
    found = words(value)
    return TextTerm(found, value.rstrip().endswith("*"), frozenset(columns)) if found else None


def _hashed(word: str) -> Query | None:
    if len(word) not in _HASH_LENGTHS:
        return None
    try:
        return InfohashTerm(InfoHash.parse(word))
    except Refusal:
        return None


def _magnet(text: str) -> Query | None:
    try:
        link = Magnet.parse(text)
    except Refusal:
        return None
    return _any([InfohashTerm(name) for name in (link.v1, link.v2) if name is not None])


def _tag(value: str) -> Query | None:
    try:
        return TagTerm(normalize_tag(value.rstrip("*")), value.endswith("*"))
    except ValueError:
        return None


def _category(value: str) -> Query | None:
    if value.isascii() and value.isdigit() and len(value) < 19:
        return CategoryTerm(frozenset({int(value)}))
    return CategoryTerm(names=frozenset({fold_name(value)})) if words(value) else None


def _user(value: str) -> Query | None:
    return UploaderTerm(value) if value else None


def _imdb(value: str) -> Query | None:
    found = _IMDB.fullmatch(value)
    return ImdbTerm(int(found[1])) if found else None


def _free(value: str) -> Query | None:
    kinds = _KINDS.get(value.lower())
    return FreeleechTerm(kinds) if kinds else None


def _size(value: str) -> Query | None:
    """Parse a size or a range; a size alone matches five percent either way, as people round."""
    bounds = _range(value, _amount)
    if bounds is not None:
        return SizeRange(*bounds)
    about = _amount(value)
    return None if about is None else SizeRange(about - about // 20, min(about + about // 20, _LARGEST))


def _amount(text: str) -> int | None:
    found = _AMOUNT.fullmatch(text.strip())
    if not found:
        return None
    whole, part, power, binary = found.groups()
    unit = (1024 if binary else 1000) ** _POWERS.index(power.lower())
    part = part or ""
    number: int = int(whole) * unit + int(part or "0") * unit // 10 ** len(part)
    return min(number, _LARGEST)


def _year(value: str) -> Query | None:
    bounds = _range(value, _one_year) or _range(value.replace("-", ".."), _one_year)
    if bounds is None and (year := _one_year(value)) is not None:
        bounds = (year, year)
    return None if bounds is None else YearRange(*bounds)


def _added(value: str) -> Query | None:
    """Parse a day, month or year, or a range of them, as the seconds from its beginning to its end."""
    low, dots, high = value.partition("..")
    if dots:
        first, last = _span(low), _span(high)
        spoiled = (low and first is None) or (high and last is None) or (first is None and last is None)
        return None if spoiled else AddedRange(first[0] if first else None, last[1] if last else None)
    span = _span(value.lstrip("<>").removeprefix("="))
    if span is None:
        return None
    inclusive = value[1:2] == "="
    match value[0]:
        case ">":
            return AddedRange(span[0] if inclusive else span[1] + 1, None)
        case "<":
            return AddedRange(None, span[1] if inclusive else span[0] - 1)
        case _:
            return AddedRange(*span)


def _span(text: str) -> tuple[int, int] | None:
    """Return the first and the last second of a day, month or year, or of `@` and unix seconds; None for others."""
    if second := _SECOND.fullmatch(text):
        return int(second[1]), int(second[1])
    found = _DATE.fullmatch(text)
    if not found:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
        if day:
            after = first + timedelta(days=1)
        else:
            after = (
                (first + timedelta(days=32)).replace(day=1) if month else first.replace(year=first.year + 1)
            )
    except (ValueError, OverflowError):
        return None
    return int(first.timestamp()), int(after.timestamp()) - 1


def _seeders(value: str) -> Query | None:
    bounds = _range(value, _count)
    if bounds is None and (number := _count(value)) is not None:
        bounds = (number, number)
    return None if bounds is None else SeedersRange(*bounds)


def _seeded(value: str) -> Query | None:
    return {"yes": SeedersRange(1, None), "no": SeedersRange(None, 0)}.get(value.lower())


def _private(value: str) -> Query | None:
    return {"yes": PrivateTerm(True), "no": PrivateTerm(False)}.get(value.lower())


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _one_year(text: str) -> int | None:
    return int(text) if text.isascii() and _YEAR.fullmatch(text) else None


def _range(value: str, read: Callable[[str], int | None]) -> tuple[int | None, int | None] | None:
    """Read `LOW..HIGH` (either may be missing), `>N`, `>=N`, `<N` or `<=N` as inclusive bounds."""
    low, dots, high = value.partition("..")
    if dots:
        bounds = read(low), read(high)
        spoiled = (low and bounds[0] is None) or (high and bounds[1] is None) or bounds == (None, None)
        return None if spoiled else bounds
    sign = value[:1]
    number = read(value.lstrip("<>").removeprefix("=")) if sign in {"<", ">"} else None
    if number is None:
        return None
    beyond = 0 if value[1:2] == "=" else 1
    return (number + beyond, None) if sign == ">" else (None, number - beyond)


def _having(attribute: Attribute) -> Callable[[str], Query | None]:
    return lambda value: AttributeTerm(attribute, frozenset({value.casefold()})) if words(value) else None


def _within(column: SearchColumn) -> Callable[[str], Query | None]:
    return lambda value: _text(value, column)


_PREFIX_PARSERS: Final[Mapping[str, Callable[[str], Query | None]]] = {
    **{name: _within(column) for name, column in _COLUMNS.items()},
    **{attribute.value: _having(attribute) for attribute in Attribute},
    "tag": _tag,
    "category": _category,
    "size": _size,
    "year": _year,
    "user": _user,
    "uploader": _user,
    "imdb": _imdb,
    "freeleech": _free,
    "added": _added,
    "seeders": _seeders,
    "seeded": _seeded,
    "private": _private,
    "hash": _hashed,
    "infohash": _hashed,
}


_EXPECTED: Final[Mapping[str, str]] = {
    "size": "a size as 700MiB, >1GB or 1GB..2GB",
    "year": "a year as 1968, >1968 or 1920..1929",
    "added": "a date as 2024-12-31, 2024-12, >2024 or 2024..2025",
    "seeders": "a number as 5, >5 or 5..10",
    "seeded": "yes or no",
    "private": "yes or no",
    "freeleech": "yes, no, free or neutral",
    "imdb": "a number as tt0063350",
    "hash": "40 or 64 hex digits",
    "infohash": "40 or 64 hex digits",
}
"""What those prefixes take that not every text is."""


def _grouped(query: Query) -> str:
    written = unparse(query)
    return f"({written})" if isinstance(query, AllOf | AnyOf | Not) else written


def _term(query: Query) -> str:
    match query:
        case TextTerm(found, prefix, columns):
            return _several(sorted(_PREFIXES[column] for column in columns), [_phrase(found, prefix)])
        case TagTerm(name, prefix):
            return f"tag:{_quoted(name)}" + "*" * prefix
        case CategoryTerm(ids, names):
            return _several(["category"], [*map(str, sorted(ids)), *map(_quoted, sorted(names))])
        case SizeRange(low, high):
            return f"size:{_between(low, high, _in_units)}"
        case AddedRange(low, high):
            return f"added:{_second(low, 0)}..{_second(high, 1)}"
        case SeedersRange(1, None):
            return "seeded:yes"
        case SeedersRange(None, 0):
            return "seeded:no"
        case SeedersRange(low, high):
            return f"seeders:{_between(low, high)}"
        case PrivateTerm(private):
            return f"private:{'yes' if private else 'no'}"
        case YearRange(low, high):
            return f"year:{_between(low, high)}"
        case AttributeTerm(attribute, values):
            return _several([attribute.value], map(_quoted, sorted(values)))
        case FreeleechTerm(kinds):
            known = [name for name, kind in _KINDS.items() if kind == kinds]
            return _several(["freeleech"], known or [_FREE[kind] for kind in sorted(kinds)])
        case UploaderTerm(name):
            return f"user:{_quoted(name)}"
        case ImdbTerm(number):
            return f"imdb:tt{number:07}"
        case InfohashTerm(infohash):
            return infohash.lower
        case _:
            raise TypeError(query)


def _several(prefixes: Iterable[str], values: Iterable[str]) -> str:
    """Write each prefix with each of the values; without prefixes the values alone."""
    given = list(prefixes)
    terms = [f"{prefix}:{value}" for prefix in given for value in values] if given else list(values)
    return terms[0] if len(terms) == 1 else "(" + " or ".join(terms) + ")"


def _quoted(value: str) -> str:
    return value if _SIMPLE.fullmatch(value) else '"' + value.replace('"', " ") + '"'


def _phrase(found: tuple[str, ...], prefix: bool) -> str:
    value = " ".join(found)
    bare = _SIMPLE.fullmatch(value) and value.lower() != "or" and len(value) not in _HASH_LENGTHS
    return (value if bare else f'"{value}"') + "*" * prefix


def _second(time: int | None, after: int) -> str:
    """Write a time as its day where it is the first second of one, or the last, else as seconds."""
    if time is None:
        return ""
    if (time + after) % _DAY == 0 and 0 <= time < _LAST_DAY:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")
    return f"@{time}"


def _between(low: int | None, high: int | None, number: Callable[[int], str] = str) -> str:
    if low is None:
        return "<0" if high is not None and high < 0 else f"<={number(_LARGEST if high is None else high)}"
    if high is None:
        above = number(low - 1)
        return (f">={number(low)}" if len(number(low)) < len(above) else f">{above}") if low > 0 else ">=0"
    return f"{number(low)}..{number(high)}"


def _in_units(size: int) -> str:
    """Write a size in the largest unit of 1000 that it is a multiple of."""
    for power in range(len(_POWERS) - 1, 0, -1):
        if size and size % 1000**power == 0:
            return f"{size // 1000**power}{_POWERS[power].upper()}B"
    return str(size)
