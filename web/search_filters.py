"""What a search is narrowed by: chips for what is on, and links with counts for what can be added or changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catalogue.model import Freeleech
from catalogue.normalization import fold_name
from catalogue.query import (
    SIZES,
    AddedRange,
    AllOf,
    CategoryTerm,
    FacetCounts,
    FreeleechTerm,
    PrivateTerm,
    Query,
    SeedersRange,
    SizeRange,
    TagTerm,
    TextTerm,
)
from catalogue.syntax import unparse
from doors.languages import Message, message

_DAY = 86_400
_FREE = FreeleechTerm(frozenset({Freeleech.FREE, Freeleech.NEUTRAL}))
_SEEDED = SeedersRange(1, None)
AGES = (
    (message("Past day"), 1),
    (message("Past week"), 7),
    (message("Past month"), 30),
    (message("Past year"), 365),
)
"""Names of spans, and their days."""
_SIZE_NAMES = (
    message("below 100 MB"),
    message("100 MB to 1 GB"),
    message("1 to 10 GB"),
    message("10 to 50 GB"),
    message("above 50 GB"),
)

Link = Callable[[str], str]
"""Returns the link to a search of a text, in the order of the present one."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, as it is written, and the link to the search without it."""

    text: str
    link: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet: how many hits have it, the link that narrows to it, or back where it is `on`."""

    name: str
    count: int
    link: str
    on: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that a search can be narrowed by."""

    name: str
    choices: tuple[Choice, ...]


def since(now: float) -> tuple[int, ...]:
    """Return the beginnings of AGES: of whole days, so that they stay the same over a day."""
    today = int(now) // _DAY
    return tuple((today - days) * _DAY for _, days in AGES)


def chips(query: Query, link: Link) -> list[Chip]:
    """Return the filters of a search, words not among them."""
    terms = _terms(query)
    filters = [term for term in terms if not isinstance(term, TextTerm)]
    return [Chip(unparse(term), link(_written([each for each in terms if each != term]))) for term in filters]


def facets(query: Query, counts: FacetCounts, now: float, link: Link) -> list[Facet]:
    """Return what a search can be narrowed by; a facet without a choice that would change something is left out."""
    terms = _terms(query)

    def choice(name: str, count: int, term: Query, *, many: bool = False) -> Choice:
        on = term in terms
        kept = [each for each in terms if each != term and (many or type(each) is not type(term))]
        return Choice(name, count, link(_written(kept if on else [*kept, term])), on)

    bounds = (None, *SIZES, None)
    sizes = dict(counts.sizes)
    found = [
        Facet(
            message("Category"),
            tuple(choice(Message(name), n, _category(name)) for name, n in counts.categories),
        ),
        Facet(
            message("Size"),
            tuple(
                choice(name, sizes[high], SizeRange(low, high))
                for name, low, high in zip(_SIZE_NAMES, bounds[:-1], bounds[1:], strict=True)
                if high in sizes
            ),
        ),
        Facet(
            message("Added"),
            tuple(
                choice(name, count, AddedRange(begin, None))
                for (name, _), begin, count in zip(AGES, since(now), counts.since, strict=True)
                if count
            ),
        ),
        Facet(
            message("Only"),
            tuple(
                choice(name, count, term)
                for name, count, term in (
                    (message("Seeded"), counts.seeded, _SEEDED),
                    (message("Private"), counts.private, PrivateTerm(True)),
                    (message("Free"), counts.free, _FREE),
                )
                if count
            ),
        ),
        Facet(message("Tags"), tuple(choice(name, n, TagTerm(name), many=True) for name, n in counts.tags)),
    ]
    return [facet for facet in found if _narrows(facet, counts)]


def _category(name: str) -> CategoryTerm:
    return CategoryTerm(names=frozenset({fold_name(name)}))


def _narrows(facet: Facet, counts: FacetCounts) -> bool:
    return any(choice.on or choice.count < counts.counted for choice in facet.choices)


def _terms(query: Query) -> Sequence[Query]:
    return query.terms if isinstance(query, AllOf) else (query,)


def _written(terms: Sequence[Query]) -> str:
    return unparse(AllOf(tuple(terms)))
