"""Parses a torrent's name and files into a release, with an IMDb number from the list of titles."""

import asyncio
from dataclasses import replace

from catalogue.model import Reading, Sheet
from catalogue.reading import read
from catalogue.titles import Titles

_CONCURRENT = 2
_SERIES = {"TV": True, "Movies": False}


class Cataloguer:
    """Parses releases; in threads, a few at once."""

    def __init__(self, titles: Titles) -> None:
        self._titles = titles
        self._threads = asyncio.Semaphore(_CONCURRENT)

    async def describe(self, summary: Sheet) -> Reading:
        """Return the parsed release; of a film or series, with its IMDb number where exactly one title matches."""
        async with self._threads:
            release = await asyncio.to_thread(read, summary.name, summary.contents.files)
        series = _SERIES.get(release.category)
        if series is None or release.imdb is not None:
            return release
        found = await self._titles.find(release.title, release.year, series)
        return release if found is None else replace(release, imdb=found.number)
