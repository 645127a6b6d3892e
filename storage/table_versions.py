"""Counts the commits that changed each table, so that what was read can be kept until one does."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Verb = Literal["insert", "update", "delete"]


class TableChange(NamedTuple):
    """What a statement does to a table."""

    verb: Verb
    table: str


def changes_of(tables: Iterable[str]) -> frozenset[TableChange]:
    """Return every change of these tables."""
    verbs: tuple[Verb, ...] = ("insert", "update", "delete")
    return frozenset(TableChange(verb, table) for table in tables for verb in verbs)


class TableVersions:
    """How many commits made each change. One thread counts, any may ask."""

    def __init__(self) -> None:
        self._counts: dict[TableChange, int] = {}
        self._unknown = 0

    def count(self, changes: Iterable[TableChange | None]) -> None:
        """Count a commit that made these changes; None is one that is not known, and may be any."""
        for change in changes:
            if change is None:
                self._unknown += 1
            else:
                self._counts[change] = self._counts.get(change, 0) + 1

    def version(self, changes: frozenset[TableChange]) -> int:
        """Return a number that is another after each commit that may have made one of the changes."""
        counts: Mapping[TableChange, int] = self._counts
        return self._unknown + sum(counts.get(change, 0) for change in changes)
