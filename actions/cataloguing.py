"""Hides how the catalogue fills itself: what a torrent's name tells, completed from a list of titles."""

import asyncio
from dataclasses import replace

from catalogue.model import Reading, Sheet
from catalogue.reading import read
from catalogue.titles import Titles

_AT_ONCE = 2
_SERIES = {"TV": True, "Movies": False}


class Cataloguer:
    """Describes torrents; names are read in threads, a few at once."""

    def __init__(self, titles: Titles) -> None:
        self._titles = titles
        self._threads = asyncio.Semaphore(_AT_ONCE)

    async def describe(self, sheet: Sheet) -> Reading:
        """Return what a torrent's sheet tells; of a film or series, its IMDb number where exactly one fits."""
        async with self._threads:
            reading = await asyncio.to_thread(read, sheet.name, sheet.contents.files)
        series = _SERIES.get(reading.category)
        if series is None or reading.imdb is not None:
            return reading
        found = await self._titles.find(reading.title, reading.year, series)
        return reading if found is None else replace(reading, imdb=found.number)
