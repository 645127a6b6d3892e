"""Gazelle's text formats: escaped names, times, tag lists and file lists."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from catalogue.bbcode import escape
from catalogue.model import Author, CatalogueFile

_BLANKS = str.maketrans("\t\r\n", "   ")
_DIGITS = re.compile(r"([0-9]+)")

NaturalKey = list[tuple[int, int, str]]


def timestamp(seconds: int | None) -> str:
    """Return a time as `YYYY-MM-DD HH:MM:SS` in UTC, "" for never."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(" ", "seconds")


def tags(names: Iterable[str]) -> list[str]:
    """Return tags in their dotted form."""
    return [escape(name) for name in names]


def tag_list(names: Iterable[str]) -> str:
    """Return tags as collages have them: in one text, joined by spaces, with underscores for dots."""
    return " ".join(escape(name.replace(".", "_")) for name in names)


def byline(authors: Iterable[Author]) -> str:
    """Return the names of authors, joined by commas."""
    return ", ".join(escape(author.name) for author in authors)


def file_list(files: Sequence[CatalogueFile]) -> str:
    """Return files as `NAME{{{BYTES}}}` joined by `|||`, in natural order without regard to case.

    Nothing escapes these delimiters: a file name that holds them reads as more files, as in Gazelle.
    """
    rows = ((file.path.translate(_BLANKS), file.size) for file in files)
    return "|||".join(
        f"{_indented(escape(name))}{{{{{{{size}}}}}}}"
        for name, size in sorted(rows, key=lambda each: natural_key(each[0]))
    )


def natural_key(name: str) -> NaturalKey:
    """Return what sorts names as people do, `2` before `10`, whatever the length of a number."""
    return [_part(part) for part in _DIGITS.split(name.casefold()) if part]


def _part(part: str) -> tuple[int, int, str]:
    if not ("0" <= part[0] <= "9"):
        return (1, 0, part)
    # Numbers compare by their length and then as text: int() would refuse one of thousands of digits.
    digits = part.lstrip("0")
    return (0, len(digits), digits)


def _indented(name: str) -> str:
    bare = name.lstrip(" ")
    return "&nbsp;" * (len(name) - len(bare)) + bare
