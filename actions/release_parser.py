"""Parses a torrent's name and files into a release, with an IMDb number from the list of titles."""

import asyncio
from dataclasses import replace

from catalogue.imdb_titles import ImdbTitles
from catalogue.model import MetainfoSummary, ParsedRelease
from catalogue.release_names import parse_release
from tasks.fair_turns import FairSlots

_CONCURRENT = 2
_SERIES = {"TV": True, "Movies": False}


class ImdbReleaseParser:
    """Parses releases; in threads, a few at once."""

    def __init__(self, titles: ImdbTitles) -> None:
        self._titles = titles
        self._threads = FairSlots(_CONCURRENT)

    async def parse(self, summary: MetainfoSummary) -> ParsedRelease:
        """Return the parsed release; of a film or series, with its IMDb number where exactly one title matches."""
        release = summary.release or await self._parse(summary)
        series = _SERIES.get(release.category)
        if series is None or release.imdb is not None:
            return release
        found = await self._titles.find(release.title, release.year, series)
        return release if found is None else replace(release, imdb=found.number)

    async def _parse(self, summary: MetainfoSummary) -> ParsedRelease:
        async with self._threads.slot():
            return await asyncio.to_thread(parse_release, summary.name, summary.contents.files)
