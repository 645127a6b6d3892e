"""The search parameters of `browse`, parsed into a query of the catalogue."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from catalogue.model import Freeleech, Torrent
from catalogue.normalization import fold_name, normalize_tag_or_none, normalize_tag_prefix
from catalogue.query import (
    AllOf,
    AnyOf,
    Attribute,
    AttributeTerm,
    CategoryTerm,
    FreeleechTerm,
    Not,
    Query,
    SearchColumn,
    SizeRange,
    SortOrder,
    TagTerm,
    TextTerm,
    YearRange,
)
from doors.gazelle.parameters import GazelleParameters

PAGE_SIZE = 50
_LARGEST = 2**63 - 1

# One-word platforms of BioTorrents: such a word matches the platform as well as the text.
PLATFORMS = frozenset(
    {"cpas-bgi/mgi", "helicos", "hplc", "microfluidics", "nanopore", "pacbio", "rna-seq", "sanger", "solid"}
    | {"x-rays"}
)
COLUMNS = {
    "groupname": SearchColumn.GROUP,
    "artistname": SearchColumn.AUTHORS,
    "description": SearchColumn.DESCRIPTION,
}
# Names of music sites first, then those of film sites, then our own.
ATTRIBUTES = {
    "media": Attribute.PLATFORM,
    "encoding": Attribute.LICENSE,
    "cataloguenumber": Attribute.ACCESSION,
    "codec": Attribute.LICENSE,
    "container": Attribute.FORMAT,
    "resolution": Attribute.SCOPE,
    "studio": Attribute.LAB,
    "series": Attribute.LOCATION,
    "numbers": Attribute.ACCESSION,
    **{attribute.value: attribute for attribute in Attribute},
}
_TORRENT_ATTRIBUTES: dict[Attribute, Callable[[Torrent], str]] = {
    Attribute.PLATFORM: lambda torrent: torrent.platform,
    Attribute.FORMAT: lambda torrent: torrent.format,
    Attribute.LICENSE: lambda torrent: torrent.license,
    Attribute.SCOPE: lambda torrent: torrent.scope,
    Attribute.ARCHIVE: lambda torrent: torrent.archive,
}
_ORDERS = {
    "year": SortOrder.YEAR,
    "size": SortOrder.SIZE,
    "seeders": SortOrder.SEEDERS,
    "leechers": SortOrder.LEECHERS,
    "snatched": SortOrder.SNATCHED,
    "random": SortOrder.RANDOM,
}
_FREELEECH = {
    "0": frozenset({Freeleech.NORMAL}),
    "1": frozenset({Freeleech.FREE}),
    "2": frozenset({Freeleech.NEUTRAL}),
    "3": frozenset({Freeleech.FREE, Freeleech.NEUTRAL}),
}
_ANY_TAG = "0"
_YEARS = re.compile(r"([0-9]{0,9})(-?)([0-9]{0,9})")
_DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_LARGEST_UNIT = 6
_ID = re.compile(r"[0-9]{1,18}")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class BrowseQuery:
    """A parsed `browse` search: the query, and the filters that each torrent of a matching group must pass."""

    query: Query
    torrent_filters: tuple[AttributeTerm | FreeleechTerm | Not, ...]

    def matches(self, torrent: Torrent) -> bool:
        """Return whether a torrent passes the filters; its group matched by any of its torrents."""
        return all(_passes(term, torrent) for term in self.torrent_filters)


def parse(parameters: GazelleParameters) -> BrowseQuery:
    """Parse the search parameters."""
    attributes = [
        term for name in ATTRIBUTES for term in _attribute_terms(ATTRIBUTES[name], parameters.text(name))
    ]
    free = [
        FreeleechTerm(_FREELEECH[kind]) for kind in [parameters.text("freetorrent")] if kind in _FREELEECH
    ]
    terms: list[Query] = [
        *_words(parameters.text("searchstr"), None),
        *(term for name in COLUMNS for term in _words(parameters.text(name), COLUMNS[name])),
        *_files(parameters.text("filelist")),
        *_tags(parameters.text("taglist"), parameters.text("tags_type")),
        *attributes,
        *_categories(parameters),
        *free,
        *_years(parameters.text("year")),
        *_sizes(parameters),
    ]
    return BrowseQuery(AllOf(tuple(terms)), (*attributes, *free))


def sort_order(parameters: GazelleParameters) -> tuple[SortOrder, bool]:
    """Return the sort order, and whether it descends; by time, newest first, for an unknown one."""
    return _ORDERS.get(parameters.text("order_by"), SortOrder.TIME), parameters.text("order_way") != "asc"


def _split_exclusions(words: Iterable[str]) -> list[tuple[str, bool]]:
    """Return words and whether each is excluded; a lone hyphen, as between artist and title, is left out."""
    found = []
    for word in words:
        bare = word.strip()
        excluded = len(bare) > 1 and bare[0] == "!" and "!" not in bare[1:]
        if bare not in {"", "-"}:
            found.append((bare[1:].strip() if excluded else bare, excluded))
    return found


def _words(text: str, column: SearchColumn | None) -> list[Query]:
    """Return a term for each word that has a letter or digit."""
    columns = frozenset({column}) if column else frozenset()
    terms: list[Query] = []
    for word, excluded in _split_exclusions(text.split()):
        if not _WORD.search(word):
            continue
        term: Query = TextTerm((word,), columns=columns)
        if column is None and word in PLATFORMS:
            term = AnyOf((AttributeTerm(Attribute.PLATFORM, frozenset({word})), term))
        terms.append(Not(term) if excluded else term)
    return terms


def _files(text: str) -> list[Query]:
    words = tuple(word for word in text.split() if _WORD.search(word))
    return [TextTerm(words, columns=frozenset({SearchColumn.FILES}))] if words else []


def _tags(text: str, kind: str) -> list[Query]:
    parsed = [each for each in _split_exclusions(text.split(",")) if _WORD.search(each[0])]
    included = tuple(
        TagTerm(normalize_tag_prefix(name), prefix=True) for name, excluded in parsed if not excluded
    )
    normalized = [normalize_tag_or_none(name) for name, excluded in parsed if excluded]
    # What is no valid tag excludes nothing.
    excluded_tags = [Not(TagTerm(name)) for name in normalized if name is not None]
    if kind == _ANY_TAG and included:
        return [AnyOf(included), *excluded_tags]
    return [*included, *excluded_tags]


def _attribute_terms(attribute: Attribute, text: str) -> list[AttributeTerm | Not]:
    parsed = _split_exclusions(text.split("|"))
    included = frozenset(value for value, excluded in parsed if not excluded)
    without = frozenset(value for value, excluded in parsed if excluded)
    terms: list[AttributeTerm | Not] = [AttributeTerm(attribute, included)] if included else []
    return [*terms, Not(AttributeTerm(attribute, without))] if without else terms


def _categories(parameters: GazelleParameters) -> list[Query]:
    values = parameters.keys("filter_cat") or parameters.text("filter_cat").split("|")
    categories = {each.strip() for each in values if each.strip()}
    ids = frozenset(int(each) for each in categories if _ID.fullmatch(each))
    names = frozenset(fold_name(each) for each in categories if not _ID.fullmatch(each))
    return [CategoryTerm(ids, names)] if categories else []


def _years(text: str) -> list[Query]:
    match = _YEARS.fullmatch(text)
    if match is None or not (match[1] or match[3]):
        return []
    low, high = (int(year) if year else None for year in (match[1], match[3]))
    if not match[2]:
        return [YearRange(low, low)]
    if low is not None and high is not None and low > high:
        low, high = high, low
    return [YearRange(low, high)]


def _sizes(parameters: GazelleParameters) -> list[Query]:
    unit = min(parameters.number("size_unit") or 0, _LARGEST_UNIT)
    low, high = (_size(parameters.text(name), unit) for name in ("size_min", "size_max"))
    return [] if low is None and high is None else [SizeRange(low, high)]


def _size(text: str, unit: int) -> int | None:
    return min(int(float(text) * 1024**unit), _LARGEST) if _DECIMAL.fullmatch(text) else None


def _passes(term: AttributeTerm | FreeleechTerm | Not, torrent: Torrent) -> bool:
    if isinstance(term, Not):
        return isinstance(term.term, AttributeTerm) and (
            term.term.attribute not in _TORRENT_ATTRIBUTES or not _has_value(term.term, torrent)
        )
    if isinstance(term, FreeleechTerm):
        return torrent.freeleech in term.kinds
    return term.attribute not in _TORRENT_ATTRIBUTES or _has_value(term, torrent)


def _has_value(term: AttributeTerm, torrent: Torrent) -> bool:
    value = _TORRENT_ATTRIBUTES[term.attribute](torrent).casefold()
    return value in {each.casefold() for each in term.values}
