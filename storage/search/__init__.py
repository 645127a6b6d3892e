"""How changes reach a search index: the protocol, and its columns; `catalogue.search.SearchIndex` is for searching."""

from collections.abc import Sequence
from typing import Protocol

from storage.database import Transaction

TEXT_COLUMNS = ("name", "work", "authors", "tags", "description", "files", "facets")
"""The columns of the index, in the order of a document's texts."""

Texts = tuple[str, ...]


class SearchIndexWriter(Protocol):
    """Updates a search index inside the transaction of a change."""

    async def refresh(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Index torrents again, as their rows are now; those that no longer exist are removed."""
        ...

    async def drop(self, transaction: Transaction, torrents: Sequence[int]) -> None:
        """Remove torrents from the index; ids that are not in it are ignored."""
        ...
