"""Words that differ from another by one letter that is wrong, missing, too much or in the wrong place."""

import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from storage.search.limits import MOST_RESPELT

Held = Callable[[Iterable[str]], Awaitable[list[tuple[str, int]]]]
"""Returns those of some terms that an index holds, and in how many torrents."""
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


async def respell(terms: Mapping[str, str], held: Held) -> dict[str, str]:
    """Return for words, given with their terms, of those that an index does not hold the one that differs least."""
    known = {term for term, _ in await held(terms.values())}
    missing = [word for word, term in terms.items() if term not in known][:MOST_RESPELT]
    found = {}
    for word in missing:
        neighbours = await held(near(terms[word]))
        if neighbours:
            found[word] = max(neighbours, key=lambda each: (each[1], each[0]))[0]
    return found
