"""Samples of the service's figures, and torrents by day, in rings of rows in `peerage.db`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.database import Database
from storage.parameters import MAX_INTEGER, bounded_id
from tracker.figure_history import DAYS, Figures, Sample, Span, SwarmDay, WorkingSample

if TYPE_CHECKING:
    from storage.statements.figures import FigureStatements


_BATCH = 2_000
FIGURES = ("torrents", "size", "peers", "seeders", "swarms", "http", "udp", "websocket")


class SqlFigures:
    """Rings of samples in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: FigureStatements = database.dialect.statements(
            "storage.statements.figures.FigureStatements"
        )

    async def put(self, sample: Sample, spans: Sequence[Span]) -> None:
        """Keep a sample in each of the spans."""
        figures = {name: min(getattr(sample.figures, name), MAX_INTEGER) for name in FIGURES}
        rows = [
            {"step": span.step, "slot": sample.time // span.step % span.points, "time": sample.time} | figures
            for span in spans
        ]
        if rows:
            async with self._database.transaction() as transaction:
                await transaction.run_many(self._sql.put, rows)

    async def samples(self, span: Span, since: int) -> list[Sample]:
        """Return the samples of a span from a time on, in their order."""
        found = await self._database.rows(self._sql.samples, {"step": span.step, "since": since})
        return [Sample(time, Figures(*figures)) for time, *figures in found]

    async def put_workings(self, sample: WorkingSample, spans: Sequence[Span]) -> None:
        """Keep how the service works in each of the spans."""
        rows = [
            {
                "step": span.step,
                "slot": sample.time // span.step % span.points,
                "name": name,
                "time": sample.time,
                "number": min(number, MAX_INTEGER),
            }
            for span in spans
            for name, number in sample.numbers.items()
            if number
        ]
        if rows:
            async with self._database.transaction() as transaction:
                await transaction.run_many(self._sql.put_working, rows)

    async def workings(self, span: Span, since: int) -> list[WorkingSample]:
        """Return how the service worked in a span from a time on, in order."""
        found = await self._database.rows(self._sql.workings, {"step": span.step, "since": since})
        numbers: dict[int, dict[str, int]] = {}
        for time, name, number in found:
            numbers.setdefault(time, {})[name] = number
        return [WorkingSample(time, each) for time, each in numbers.items()]

    async def put_day(self, day: int, most: int) -> None:
        """Keep what the torrents with most seeders have, for a day."""
        for start in range(0, most, _BATCH):
            page = {"limit": min(_BATCH, most - start), "offset": start}
            async with self._database.transaction() as transaction:
                rows = [
                    {
                        "torrent_id": number,
                        "slot": day % DAYS,
                        "day": day,
                        "seeders": seeders,
                        "leechers": leechers,
                    }
                    for number, seeders, leechers in await transaction.rows(self._sql.seeded, page)
                ]
                await transaction.run_many(self._sql.put_day, rows)
            if len(rows) < _BATCH:
                return

    async def days(self, torrent: int, since: int) -> list[SwarmDay]:
        """Return the days of a torrent from a day on, in their order."""
        found = await self._database.rows(self._sql.days, {"torrent": bounded_id(torrent), "since": since})
        return [SwarmDay(*row) for row in found]
