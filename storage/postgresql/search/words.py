"""Words of texts as the index holds them: the same words, folded the same, as FTS5's tokenizer `unicode61` makes.

Letters, digits and characters of private use make words; case and the accents of Latin letters are folded.
"""

import unicodedata
from collections.abc import Iterable

_LONGEST = 200  # characters of a word; a lexeme holds 2 KiB
# Combining marks that FTS5 drops within a word, as bits from U+0300 on; other marks end one.
_MARKS = 0x361F8_08029FDF


class _Fold(dict[int, str]):
    """What each character becomes: itself folded, nothing, or a space."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order."""
    return [word[:_LONGEST] for word in text.translate(_FOLD).split()]


def row_of(words: Iterable[str]) -> str:
    """Return words as a text in which a phrase is found with a space before and after it."""
    return f" {' '.join(words)} "


def _fold(character: str) -> str:
    code = ord(character)
    if 0x300 <= code < 0x300 + _MARKS.bit_length() and _MARKS >> (code - 0x300) & 1:
        return ""
    category = unicodedata.category(character)
    if category[0] not in "LN" and category != "Co":
        return " "
    base = unicodedata.normalize("NFD", character)[0].casefold()
    if len(base) == 1 and base.isascii():
        return base
    return next((each for each in (character.casefold(), character.lower()) if len(each) == 1), character)


_FOLD = _Fold()
