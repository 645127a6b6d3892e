"""The protocol by which changes reach a search index; `catalogue.search.SearchIndex` is the one for searching."""

from collections.abc import Sequence
from typing import Protocol

from storage.database import Transaction


class SearchIndexWriter(Protocol):
    """Updates a search index inside the transaction of a change."""

    async def refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Index torrents again, as their rows are now; those that no longer exist are removed."""
        ...

    async def drop(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Remove torrents from the index; ids that are not in it are ignored."""
        ...
