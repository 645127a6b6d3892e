"""A list as a file of lines: what is read of one, and what is wrong with it.

A line is a pattern, and behind a blank and `#` perhaps a reason; empty lines and those that begin with `#` are passed
over. Torrents are infohashes in hex, clients and addresses are written as everywhere; addresses may also be a range,
as 192.0.2.0-192.0.2.77. A file with too many bad lines is not taken at all: it is perhaps something else.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, summarize_address_range
from pathlib import Path
from typing import BinaryIO

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from lists.access_rules import RuleSubject, spelling
from lists.entry_text import REASON_LIMIT, check_text
from lists.infohashes import ListKind

LARGEST_FILE = 256 << 20
LONGEST_LINE = 1024
BAD_TOLD = 20
"""Bad lines that are told; the others are counted."""
MOST_BAD = 0.1
"""The part of the lines that may be bad."""

_REASON = re.compile(r"\s+#\s*")


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list that a file may hold: its name, which is the setting with the path, and what stands in it.

    `subject` is None for a list of torrents.
    """

    name: str
    kind: ListKind
    subject: RuleSubject | None


SOURCES = tuple(
    ListSource(f"{kind.value}_{about}", kind, subject)
    for kind in (ListKind.DENY, ListKind.ALLOW)
    for about, subject in (
        ("torrents", None),
        ("clients", RuleSubject.CLIENT),
        ("addresses", RuleSubject.ADDRESS),
    )
)


class UnusableFile(Exception):
    """A file cannot be read, or is no such list."""


@dataclass(frozen=True, slots=True)
class ListFile:
    """What was read of a file: each pattern once with its reason, and the bad lines, of which some are told."""

    entries: dict[str, str]
    bad: int
    told: tuple[str, ...]


def read_list_file(path: Path, source: ListSource, most: int) -> ListFile:
    """Read a file.

    UnusableFile: it cannot be read, is too large, has too many bad lines, or more than `most` entries.
    """
    try:
        with path.open("rb") as file:
            return _read(file, source, most)
    except OSError as error:
        raise UnusableFile(error.strerror or str(error)) from error


def _read(file: BinaryIO, source: ListSource, most: int) -> ListFile:
    entries: dict[str, str] = {}
    told: list[str] = []
    bad = lines = 0
    for number, raw in enumerate(_lines(file), 1):
        text = raw.decode(errors="replace").strip()
        if not text or text.startswith("#"):
            continue
        lines += 1
        try:
            if len(raw) > LONGEST_LINE:
                raise Refusal("invalid", f"it is longer than {LONGEST_LINE} bytes")
            entries.update(_entries(text, source))
        except Refusal as refusal:
            bad += 1
            if len(told) < BAD_TOLD:
                told.append(f"line {number}: {refusal}")
        if len(entries) > most:
            raise UnusableFile(f"it has more than {most} entries")
    if bad > lines * MOST_BAD:
        raise UnusableFile("; ".join((f"{bad} of its {lines} lines are bad", *told[:3])))
    return ListFile(entries, bad, tuple(told))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line, of one that is too long the beginning, which is longer than it may be."""
    size, skipping = 0, False
    while raw := file.readline(LONGEST_LINE + 1):
        size += len(raw)
        if size > LARGEST_FILE:
            raise UnusableFile(f"it is larger than {LARGEST_FILE >> 20} MiB")
        if not skipping:
            yield raw
        skipping = not raw.endswith(b"\n")


def _entries(line: str, source: ListSource) -> Iterator[tuple[str, str]]:
    pattern, *rest = _REASON.split(line, maxsplit=1)
    reason = rest[0] if rest else ""
    check_text("the reason", reason, REASON_LIMIT)
    return ((each, reason) for each in _PATTERNS[source.subject](pattern))


def _torrent(text: str) -> Iterable[str]:
    return (InfoHash.parse(text).lower,)


def _client(text: str) -> Iterable[str]:
    return (spelling(RuleSubject.CLIENT, text),)


def _addresses(text: str) -> Iterable[str]:
    first, dash, last = text.partition("-")
    if not dash:
        return (spelling(RuleSubject.ADDRESS, text),)
    try:
        networks = list(summarize_address_range(ip_address(first.strip()), ip_address(last.strip())))
    except (ValueError, TypeError):
        raise Refusal("bad-network") from None
    return [spelling(RuleSubject.ADDRESS, str(each)) for each in networks]


_PATTERNS: dict[RuleSubject | None, Callable[[str], Iterable[str]]] = {
    None: _torrent,
    RuleSubject.CLIENT: _client,
    RuleSubject.ADDRESS: _addresses,
}
