"""Safe file names and paths: a torrent's paths made extractable on every system, below their own folder."""

import re
import unicodedata
from collections.abc import Iterable

from bittorrent.text import LONGEST_PART

# Characters that are special to some file system, header or shell.
_UNSAFE = frozenset('/\\:*?"<>|%')
# Windows opens a device under these names, whatever the extension.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?: *\.|\Z)", re.IGNORECASE)
_LONGEST_EXTENSION = 16
# Leaves space for a number that makes a name unique.
_LONGEST_STEM = LONGEST_PART - _LONGEST_EXTENSION - 16


def safe_filename(text: str) -> str:
    """Return a name with `_` for separators, wildcards, quotes, controls, formatting and non-characters."""
    return "".join(
        # Categories C*: control, formatting such as right-to-left overrides, surrogates, unassigned.
        "_" if c in _UNSAFE or unicodedata.category(c).startswith(("C", "Zl", "Zp")) else c
        for c in text
    )


def split_extension(name: str) -> tuple[str, str]:
    """Split a name before its extension, `.` included; "" without one of ASCII letters and digits."""
    stem, _, extension = name.rpartition(".")
    known = stem and extension.isascii() and extension.isalnum() and len(extension) < _LONGEST_EXTENSION
    return (stem, f".{extension}") if known else (name, "")


def extractable_paths(paths: Iterable[str]) -> list[str]:
    """Return safe relative paths in the same order, unique on any file system, none a folder of another.

    Parts are separated by `/` on both sides; none is empty, `.`, `..`, a device or over 255 bytes.
    """
    cleaned = [
        [_part(part) for part in path.split("/") if part not in {"", ".", ".."}] or ["_"] for path in paths
    ]
    taken = {_folded("/".join(parts[:depth])) for parts in cleaned for depth in range(1, len(parts))}
    numbers: dict[str, int] = {}
    return [_unique("/".join(parts), taken, numbers) for parts in cleaned]


def _part(part: str) -> str:
    stem, extension = split_extension(safe_filename(part).strip(" ").rstrip(" ."))
    cut = stem.encode()[:_LONGEST_STEM].decode("utf-8", "ignore").rstrip(" .")
    name = (cut or "_") + extension
    return f"_{name}" if _DEVICE.match(name) else name


def _folded(path: str) -> str:
    """Return a path as a case-insensitive, normalizing file system compares it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())


def _unique(path: str, taken: set[str], numbers: dict[str, int]) -> str:
    folder, slash, name = path.rpartition("/")
    stem, extension = split_extension(name)
    first = _folded(path)
    unique = path
    while _folded(unique) in taken:
        numbers[first] = numbers.get(first, 1) + 1
        unique = f"{folder}{slash}{stem} ({numbers[first]}){extension}"
    taken.add(_folded(unique))
    return unique
