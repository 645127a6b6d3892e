"""Hides which spellings of a tag, or of a name, are one and the same."""

import re
import unicodedata

LONGEST_TAG = 64

_BETWEEN_WORDS = re.compile(r"[\s._]+")
_OUTSIDE = re.compile(r"[^\w.+#&'!-]")


def tag_of(text: str) -> str:
    """Spell a tag: lower-case words joined by dots; spaces, dots and underscores mean the same.

    ValueError, with a sentence: it holds no letter or digit, it is too long, or it holds marks that no tag has.
    """
    spelled = _BETWEEN_WORDS.sub(".", folded(text)).strip(".")
    if not any(character.isalnum() for character in spelled):
        raise ValueError("It holds a tag without a word.")
    if len(spelled) > LONGEST_TAG:
        raise ValueError(f"It holds a tag longer than {LONGEST_TAG} characters.")
    if _OUTSIDE.search(spelled):
        raise ValueError("It holds a tag with marks: letters, digits and + # & ' ! - are taken.")
    return spelled


def spelled_tag(text: str) -> str | None:
    """Spell a tag as `tag_of` does; None for what can be none."""
    try:
        return tag_of(text)
    except ValueError:
        return None


def beginning_of(text: str) -> str:
    """Spell the beginning of a tag, of which the last word may go on."""
    return _BETWEEN_WORDS.sub(".", folded(text.lstrip()))


def folded(name: str) -> str:
    """Return what two names share that differ in case, width or composition alone."""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())
    return unicodedata.normalize("NFKC", once.casefold())
