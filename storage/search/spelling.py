"""Words that differ from another by one letter that is wrong, missing, too much or in the wrong place."""

import unicodedata
from collections.abc import Iterator

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_SHORTEST, _LONGEST = 4, 24


def index_term(word: str) -> str:
    """Return a word as the index holds it, folded and without accents; "" for one that has no neighbours."""
    plain = unicodedata.normalize("NFD", word.casefold())
    term = "".join(each for each in plain if not unicodedata.combining(each))
    return term if _SHORTEST <= len(term) <= _LONGEST and not term.isdecimal() else ""


def near(term: str) -> set[str]:
    """Return every word at a distance of one: about sixty for each letter of the term."""
    return set(_near(term)) - {term}


def _near(term: str) -> Iterator[str]:
    letters = sorted({*_LETTERS, *term})
    for at in range(len(term) + 1):
        before, after = term[:at], term[at:]
        for letter in letters:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
