"""Hides how a stranger's path becomes one that every system can unpack, and only below its own folder."""

import re
import unicodedata
from collections.abc import Iterable

from bittorrent.names import LONGEST_PART

# What some file system, header or shell reads as more than a letter.
_UNSAFE = frozenset('/\\:*?"<>|%')
# Windows opens a device under these names, whatever ending follows.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?: *\.|\Z)", re.IGNORECASE)
_LONGEST_ENDING = 16
# Room for a number that tells two names apart.
_LONGEST_STEM = LONGEST_PART - _LONGEST_ENDING - 16


def harmless(text: str) -> str:
    """Return a name with `_` in place of separators, wildcards, quotes and what steers or is no character."""
    return "".join(
        # Categories C*: control, formatting such as right-to-left overrides, surrogates, unassigned.
        "_" if c in _UNSAFE or unicodedata.category(c).startswith(("C", "Zl", "Zp")) else c
        for c in text
    )


def split_ending(name: str) -> tuple[str, str]:
    """Split a name before its ending, `.` included; the ending is "" where none of letters and digits is."""
    stem, _, ending = name.rpartition(".")
    known = stem and ending.isascii() and ending.isalnum() and len(ending) < _LONGEST_ENDING
    return (stem, f".{ending}") if known else (name, "")


def unpackable(paths: Iterable[str]) -> list[str]:
    """Return relative paths in the same order, no two alike on any file system, none a folder of another.

    Parts are separated by `/` on both sides; none is empty, `.`, `..`, a device or over 255 bytes.
    """
    cleaned = [
        [_part(part) for part in path.split("/") if part not in {"", ".", ".."}] or ["_"] for path in paths
    ]
    taken = {_folded("/".join(parts[:depth])) for parts in cleaned for depth in range(1, len(parts))}
    numbers: dict[str, int] = {}
    return [_unique("/".join(parts), taken, numbers) for parts in cleaned]


def _part(part: str) -> str:
    stem, ending = split_ending(harmless(part).strip(" ").rstrip(" ."))
    cut = stem.encode()[:_LONGEST_STEM].decode("utf-8", "ignore").rstrip(" .")
    name = (cut or "_") + ending
    return f"_{name}" if _DEVICE.match(name) else name


def _folded(path: str) -> str:
    """Return what a file system that knows neither case nor ways of composing sees of a path."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())


def _unique(path: str, taken: set[str], numbers: dict[str, int]) -> str:
    folder, slash, name = path.rpartition("/")
    stem, ending = split_ending(name)
    first = _folded(path)
    found = path
    while _folded(found) in taken:
        numbers[first] = numbers.get(first, 1) + 1
        found = f"{folder}{slash}{stem} ({numbers[first]}){ending}"
    taken.add(_folded(found))
    return found
