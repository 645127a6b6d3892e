"""Keeps what was rendered of torrents, groups and jobs for as long as their records are the same."""

from collections.abc import Callable, Hashable, Sized
from typing import Generic, TypeVar

from catalogue.model import Group, Torrent

T = TypeVar("T", bound=Sized)

MOST_BYTES = 16 * 2**20
"""Of all rows, their records not counted; then every row is rendered again."""
_ROW_BYTES = 256  # beside what was rendered


class KeptRows(Generic[T]):
    """Rows of one kind of list, rendered once for each record and variant."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._size = 0
        self._rows: dict[tuple[Hashable, Hashable], tuple[object, T]] = {}

    def kept(self, record: Torrent | Group, variant: Hashable) -> T | None:
        """Return the row of a record where it need not be rendered, else None."""
        kept = self._rows.get((record.id, variant))
        return kept[1] if kept is not None and (kept[0] is record or kept[0] == record) else None

    def row(self, record: Torrent | Group, variant: Hashable, render: Callable[[], T]) -> T:
        """Return the row of a record, rendered unless that was done; `variant` is all else that it depends on."""
        return self.row_of(record.id, record, variant, render)

    def row_of(self, name: Hashable, record: object, variant: Hashable, render: Callable[[], T]) -> T:
        """Do the same for any record with a number or a key of its own among those of its variant."""
        key = name, variant
        kept = self._rows.get(key)
        if kept is not None:
            known, row = kept
            if known is record:
                return row
            if known == record:
                self._rows[key] = record, row
                return row
            self._size -= _ROW_BYTES + len(row)
        row = render()
        size = _ROW_BYTES + len(row)
        if self._size + size > self._most:
            self._rows.clear()
            self._size = 0
        self._rows[key] = record, row
        self._size += size
        return row
