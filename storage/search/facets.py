"""Facet tokens: how category, tags, year, size and other filters are kept in the search index.

A filter is one token or a few in a column of their own, so that FTS5 resolves it as it does words: by
intersecting posting lists. Tokens begin with a character of Unicode's private use area, which `clean_text` removes
from every text, so that nobody can write one; and they are matched in that column alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from bittorrent.infohash import InfoHash
from catalogue.normalization import fold_name
from catalogue.query import SIZES, Attribute, FacetCounts
from catalogue.syntax import words

FACET_MARK = "\ue000"
PHRASE_BREAK = " \ue001 "
"""Separates two texts, so that no phrase matches across them."""
_SEPARATOR = "\x1f"  # a text that contains one is split there
EVERY = FACET_MARK + "every"
HIDDEN = FACET_MARK + "hidden"
NEVER = FACET_MARK + "never"

# Removed from every text: private use areas, surrogates, NUL.
_REMOVED = re.compile("[\x00\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff]")
# Scripts without spaces between words: each character is a token, and a word is a phrase of them.
_UNSPACED = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)

_ACCENT = re.compile("[\u0300-\u036f]")
_LONGEST_TITLE = 80

_YEAR_BASE, _YEAR_LEVELS, _LAST_YEAR = 10, 4, 9999
_SIZE_BASE, _SIZE_LEVELS, _LAST_BUCKET = 8, 3, 511
_MOST_BUCKETS = 5
_LARGEST_SIZE = 2**63 - 1
_DIGEST_BYTES = 8
_HASH_DIGITS = 24


def clean_text(text: str) -> str:
    """Return a text without private use characters, and with spaces between characters of unspaced scripts."""
    if text.isascii():
        return text.replace("\0", " ")
    return _UNSPACED.sub(r" \g<0> ", _REMOVED.sub(" ", text))


def join_texts(texts: Iterable[str]) -> str:
    """Return texts as one, with a break between each two that no phrase crosses."""
    return clean_text(_SEPARATOR.join(texts)).replace(_SEPARATOR, PHRASE_BREAK)


def sort_title(title: str) -> str:
    """Return a title's key for sorting and prefix matching: words alone, folded, without accents."""
    unaccented = _ACCENT.sub("", unicodedata.normalize("NFD", fold_name(title)))
    return " ".join(clean_text(unicodedata.normalize("NFC", " ".join(words(unaccented)))).split())[
        :_LONGEST_TITLE
    ]


def category(number: int) -> str:
    """Return the token of a category."""
    return f"{FACET_MARK}c{number}"


def tag(number: int) -> str:
    """Return the token of a tag."""
    return f"{FACET_MARK}t{number}"


def uploader(number: int) -> str:
    """Return the token of an uploader."""
    return f"{FACET_MARK}u{number}"


def imdb(number: int) -> str:
    """Return the token of an IMDb number."""
    return f"{FACET_MARK}i{number}"


def freeleech(kind: int) -> str:
    """Return the token of a kind of freeleech."""
    return f"{FACET_MARK}f{kind}"


def infohash(name: InfoHash) -> str:
    """Return the token of an infohash; a v2 infohash and its truncated form have the same."""
    return f"{FACET_MARK}h{name.lower[:_HASH_DIGITS]}"


def attribute(which: Attribute, value: str) -> str:
    """Return the token of an attribute's value, without regard to case."""
    key = f"{which.value} {value.strip().casefold()}".encode("utf-8", "replace")
    return f"{FACET_MARK}w{blake2b(key, digest_size=_DIGEST_BYTES).hexdigest()}"


def years_of(year: int) -> Iterator[str]:
    """Yield the tokens of a year: year, decade, century, millennium."""
    return _spans("y", min(max(year, 0), _LAST_YEAR), _YEAR_BASE, _YEAR_LEVELS)


def sizes_of(size: int) -> Iterator[str]:
    """Yield the tokens of a size: an eighth of a power of two, the power of two, eight powers of two."""
    return _spans("s", _bucket(size), _SIZE_BASE, _SIZE_LEVELS)


def years_between(low: int | None, high: int | None) -> list[str]:
    """Return tokens that match exactly the years of a range."""
    first, last = max(low or 0, 0), _LAST_YEAR if high is None else min(high, _LAST_YEAR)
    return list(_cover("y", first, last, _YEAR_BASE, _YEAR_LEVELS))


def sizes_between(low: int | None, high: int | None) -> list[str]:
    """Return tokens that match every size of a range, and may match sizes close to it."""
    if max(low or 0, 0) > (_LARGEST_SIZE if high is None else high):
        return []
    first = _bucket(min(max(low or 0, 0), _LARGEST_SIZE))
    last = _LAST_BUCKET if high is None else _bucket(min(high, _LARGEST_SIZE))
    # The sizes are compared anyway, so fewer tokens are better than exact ones.
    for level in range(_SIZE_LEVELS):
        span = _SIZE_BASE**level
        if last // span - first // span < _MOST_BUCKETS:
            break
    return list(_tokens("s", level, range(first // span, last // span + 1)))


def _bucket(size: int) -> int:
    """Return a size's power of two and the three binary digits after the first; larger sizes, higher numbers."""
    power = size.bit_length()
    digits = size >> (power - 4) if power >= 4 else size << (4 - power)
    return power << 3 | digits & 7


def _spans(kind: str, number: int, base: int, levels: int) -> Iterator[str]:
    for level in range(levels):
        yield f"{FACET_MARK}{kind}{level}z{number // base**level}"


def _cover(kind: str, low: int, high: int, base: int, levels: int) -> Iterator[str]:
    """Cover a range of numbers with the fewest spans."""
    for level in range(levels):
        if level < levels - 1:
            edge = min(-low % base, high - low + 1)
            yield from _tokens(kind, level, range(low, low + edge))
            low += edge
            edge = min((high + 1) % base, high - low + 1)
            yield from _tokens(kind, level, range(high - edge + 1, high + 1))
            high -= edge
        else:
            yield from _tokens(kind, level, range(low, high + 1))
        if low > high:
            return
        low, high = low // base, (high + 1) // base - 1


def _tokens(kind: str, level: int, numbers: Iterable[int]) -> Iterator[str]:
    return (f"{FACET_MARK}{kind}{level}z{number}" for number in numbers)


def read_counts(rows: Sequence[tuple[Any, ...]], most: int, times: int) -> FacetCounts:
    """Return counts from rows of a facet, a value and a count, of `most` hits; `times` were asked about."""

    def of(facet: str) -> dict[Any, int]:
        return {value: count for name, value, count in rows if name == facet}

    def ordered(facet: str) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(of(facet).items(), key=lambda each: (-each[1], each[0])))

    hits, sizes, since = of("hits")[None], of("size"), of("since")
    return FacetCounts(
        counted=min(hits, most),
        exact=hits <= most,
        categories=ordered("category"),
        tags=ordered("tag"),
        sizes=tuple((bound, sizes[bound]) for bound in (*SIZES, None) if sizes.get(bound)),
        since=tuple(since.get(number, 0) for number in range(times)),
        seeded=of("seeded")[None],
        private=of("private")[None],
        free=of("free")[None],
    )
