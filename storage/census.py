"""The census in a SQL database, deleted securely, and its daily keys among the secrets of the data folder."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from bittorrent.infohash import V1_LENGTH, InfoHash
from storage.data_folder import DataFolder
from storage.database import Database
from tracker.census_store import DAY_KEY_LENGTH, Count, OpenDay

if TYPE_CHECKING:
    from storage.statements.census import CensusStatements

CENSUS_KEYS: Final = "census"
ADDRESS_KEYS: Final = "addresses"
"""What the keys of days are for: the name of their files before the day."""


class SqlCensus:
    """Tallies and counts beside the swarm journal; a power cut may lose the last writes, never half of one.

    The database overwrites what is deleted (`overwrite_deleted`).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql: CensusStatements = database.dialect.statements(
            "storage.statements.census.CensusStatements"
        )

    async def open_day(self) -> OpenDay | None:
        """Return the day that is open, if one is."""
        rows = await self._database.rows(self._sql.open_day)
        return OpenDay(*rows[0]) if rows else None

    async def begin(self, day: OpenDay) -> bool:
        """Open a day, unless it was closed before; return whether it is open now."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.begin, {"day": day.day, "looked": day.looked, "closed": 0})
        opened = await self.open_day()
        return opened is not None and opened.day == day.day

    async def write(self, day: OpenDay, tallies: Sequence[tuple[bytes, bytes]]) -> None:
        """Write tallies in place of earlier ones, and how far the day was read, in one transaction."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.looked, {"the_day": day.day, "second": day.looked})
            rows = [
                {"infohash": name[:-2], "country": name[-2:].decode(), "payload": payload}
                for name, payload in tallies
            ]
            await transaction.run_many(self._sql.write, rows)

    async def read(self, names: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Return the tallies of these names that exist."""
        wanted = set(names)
        parameters = {
            "hashes": self._dialect.hashes({name[:-2] for name in names}),
            "countries": self._dialect.texts({name[-2:].decode() for name in names}),
        }
        found = _tallies(await self._database.rows(self._sql.read, parameters))
        return [tally for tally in found if tally[0] in wanted]

    async def page(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Return up to `limit` tallies whose name is above `after`, ascending."""
        parameters = {"hash": after[:-2], "code": after[-2:].decode(), "most": limit}
        return _tallies(await self._database.rows(self._sql.page, parameters))

    async def size(self) -> int:
        """Return the number of tallies."""
        ((size,),) = await self._database.rows(self._sql.size)
        return int(size)

    async def write_counts(self, day: int, counts: Sequence[Count]) -> None:
        """Write counts of a day, in place of earlier ones."""
        rows = [
            {"infohash": bytes(count.infohash), "day": day, "country": count.country, "peers": count.peers}
            for count in counts
        ]
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._sql.settle, rows)

    async def close_day(self, day: int, keep_from: int) -> None:
        """Close a day, delete all tallies, and delete the counts of days before `keep_from` or after the day."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.close, {"the_day": day})
            await transaction.run(self._sql.delete_tallies)
            for prune in self._sql.delete_old:
                await transaction.run(prune, {"first": keep_from, "last": day})

    async def discard_day(self, day: int) -> None:
        """Delete a day with its tallies and counts."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.delete_tallies)
            for discard in self._sql.delete_day:
                await transaction.run(discard, {"the_day": day})

    async def wipe(self) -> bool:
        """Remove deleted tallies from the write-ahead log; False when it has to be tried again."""
        return await self._database.purge_deleted()

    async def last_closed(self, until: int) -> int | None:
        """Return the newest closed day that is not after `until`."""
        ((day,),) = await self._database.rows(self._sql.last_closed, {"until": until})
        return int(day) if day is not None else None

    async def counts(self, infohash: InfoHash, day: int) -> list[tuple[str, int]]:
        """Return the countries and counts of a torrent on a closed day, by count descending, then code."""
        rows = await self._database.rows(
            self._sql.counts, {"hash": bytes(infohash.truncated), "the_day": day}
        )
        return [(country, peers) for country, peers in rows]

    async def countries(self, day: int) -> list[tuple[str, int]]:
        """Return the countries of a closed day with the sums of all torrents' counts, by sum descending, then code."""
        rows = await self._database.rows(self._sql.countries, {"the_day": day}, short=False)
        return [(country, int(peers)) for country, peers in rows]

    async def seen(self, infohashes: Sequence[InfoHash], since: int, until: int) -> frozenset[InfoHash]:
        """Return those with a count on a day from `since` to `until`, or with a tally."""
        parameters = {
            "hashes": self._dialect.hashes(each.truncated for each in infohashes),
            "since": since,
            "until": until,
        }
        counted = await self._database.rows(self._sql.seen, parameters)
        return frozenset(InfoHash.of(infohash) for (infohash,) in counted)

    async def forget(self, infohashes: Sequence[bytes]) -> None:
        """Delete the counts and tallies of torrents of these infohashes."""
        parameters = {"hashes": self._dialect.hashes(each[:V1_LENGTH] for each in infohashes)}
        async with self._database.transaction() as transaction:
            for forget in self._sql.delete_torrents:
                await transaction.run(forget, parameters)


class FolderDayKeys:
    """Keys of days among the secrets of a data folder, a file each; `random` returns that many bytes."""

    def __init__(
        self, folder: DataFolder, random: Callable[[int], bytes], purpose: str = CENSUS_KEYS
    ) -> None:
        self._folder = folder
        self._random = random
        self._name = f"{purpose}-"
        self._day_name = re.compile(f"{purpose}-([0-9]{{1,9}})")

    def of(self, day: int) -> bytes:
        """Return the key of a day; the first call creates it. FolderError: see `DataFolder.secret`."""
        return self._folder.secret(f"{self._name}{day}", DAY_KEY_LENGTH, self._random)

    def keep_only(self, day: int | None) -> None:
        """Destroy the keys of every other day."""
        for name in self._folder.secret_names():
            if (found := self._day_name.fullmatch(name)) and int(found[1]) != day:
                self._folder.destroy_secret(name)


def _tallies(rows: Sequence[tuple[bytes, str, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(infohash + country.encode(), payload) for infohash, country, payload in rows]
