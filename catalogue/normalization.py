"""Normalized forms of tags and names: two that share one are the same."""

import re
import unicodedata

LONGEST_TAG = 64

_BETWEEN_WORDS = re.compile(r"[\s._]+")
_OUTSIDE = re.compile(r"[^\w.+#&'!-]")


def normalize_tag(text: str) -> str:
    """Normalize a tag: lower-case words joined by dots; spaces, dots and underscores are equal.

    ValueError, with a sentence: it has no letter or digit, it is too long, or it has other characters.
    """
    tag = _BETWEEN_WORDS.sub(".", fold_name(text)).strip(".")
    if not any(character.isalnum() for character in tag):
        raise ValueError("It holds a tag without a word.")
    if len(tag) > LONGEST_TAG:
        raise ValueError(f"It holds a tag longer than {LONGEST_TAG} characters.")
    if _OUTSIDE.search(tag):
        raise ValueError("It holds a tag with marks: letters, digits and + # & ' ! - are taken.")
    return tag


def normalize_tag_or_none(text: str) -> str | None:
    """Normalize a tag as `normalize_tag` does; None for what is not one."""
    try:
        return normalize_tag(text)
    except ValueError:
        return None


def normalize_tag_prefix(text: str) -> str:
    """Normalize the prefix of a tag; its last word may be incomplete."""
    return _BETWEEN_WORDS.sub(".", fold_name(text.lstrip()))


def fold_name(name: str) -> str:
    """Fold a name: names that differ only in case, width or composition give the same result."""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())
    return unicodedata.normalize("NFKC", once.casefold())
