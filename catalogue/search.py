"""Hides how a search is run: within bounds of time and candidates, whatever was asked."""

from typing import Protocol

from catalogue.query import Found, Wanted


class Index(Protocol):
    """What finds torrents and groups; every call ends within the service's time limit.

    Refusal: `search-too-slow` when it did not.
    """

    async def torrents(self, wanted: Wanted) -> Found:
        """Return the ids of torrents."""
        ...

    async def groups(self, wanted: Wanted) -> Found:
        """Return the ids of groups with at least one torrent that matches.

        Sorted by their torrents taken together: the newest, the largest, the sum of seeders, leechers, snatches.
        """
        ...


class Search:
    """Searches, with what a viewer may see."""

    def __init__(self, index: Index) -> None:
        self._index = index

    async def torrents(self, wanted: Wanted) -> Found:
        """Return the ids of torrents. Refusal: `search-too-slow`, `bad-search`."""
        return await self._index.torrents(wanted)

    async def groups(self, wanted: Wanted) -> Found:
        """Return the ids of groups. Refusal: `search-too-slow`, `bad-search`."""
        return await self._index.groups(wanted)
