"""Hides how the census lies in `swarms.db`, how what it destroys leaves no trace there, and where its keys are."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, Self

from sqlalchemy import delete, func, literal_column, or_, select, tuple_, union, update

from bittorrent.infohash import InfoHash
from storage.database import Database
from storage.dialect import among, among_hashes, insert_missing, parameter, upsert
from storage.folder import DataFolder
from storage.tables import census_count, census_day, census_tally
from tracker.census_store import Count, OpenDay
from tracker.sightings import KEY

_NAME: Final = "census-"
_DAY_NAME: Final = re.compile(r"census-([0-9]{1,9})")


class SqliteCensus:
    """Tallies and counts beside the journal of the swarms; a power cut may lose the last writes, never a part."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepare()

    @classmethod
    async def open(cls, database: Database) -> Self:
        """Take a place in the database of the swarms; from now on it writes zeros over what it deletes."""
        async with database.transaction() as writer:
            await writer.execute_fetchall("PRAGMA secure_delete = ON")
        return cls(database)

    async def open_day(self) -> OpenDay | None:
        """Return the day that is open, if one is."""
        rows = await self._database.rows(self._open_day)
        return OpenDay(*rows[0]) if rows else None

    async def begin(self, day: OpenDay) -> bool:
        """Open a day, unless it was closed before; tell whether it is open now."""
        async with self._database.transaction() as writer:
            await writer.execute(self._begin, {"day": day.day, "looked": day.looked, "closed": 0})
        opened = await self.open_day()
        return opened is not None and opened.day == day.day

    async def write(self, day: OpenDay, tallies: Sequence[tuple[bytes, bytes]]) -> None:
        """Put tallies in the place of earlier ones and note how far the day was read, both or neither."""
        async with self._database.transaction() as writer:
            await writer.execute(self._looked, {"the_day": day.day, "second": day.looked})
            rows = [
                {"infohash": name[:-2], "country": name[-2:].decode(), "payload": payload}
                for name, payload in tallies
            ]
            await writer.executemany(self._write, rows)

    async def read(self, names: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Return those of the tallies that there are."""
        wanted = set(names)
        parameters = {
            "hashes": b"".join({name[:-2] for name in names}),
            "countries": json.dumps(list({name[-2:].decode() for name in names})),
        }
        found = _tallies(await self._database.rows(self._read, parameters))
        return [tally for tally in found if tally[0] in wanted]

    async def page(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Return up to `limit` tallies whose name lies above `after`, ascending."""
        parameters = {"hash": after[:-2], "code": after[-2:].decode(), "most": limit}
        return _tallies(await self._database.rows(self._page, parameters))

    async def size(self) -> int:
        """Return the number of tallies."""
        ((size,),) = await self._database.rows(self._size)
        return int(size)

    async def settle(self, day: int, counts: Sequence[Count]) -> None:
        """Write counts of a day, in place of earlier ones."""
        rows = [
            {"infohash": bytes(count.infohash), "day": day, "country": count.country, "peers": count.peers}
            for count in counts
        ]
        async with self._database.transaction() as writer:
            await writer.executemany(self._settle, rows)

    async def close_day(self, day: int, keep_from: int) -> None:
        """Call a day closed, destroy all tallies, and drop the counts of days before `keep_from` or after the day."""
        async with self._database.transaction() as writer:
            await writer.execute(self._close, {"the_day": day})
            await writer.execute(self._destroy)
            for prune in self._prune:
                await writer.execute(prune, {"first": keep_from, "last": day})

    async def discard_day(self, day: int) -> None:
        """Forget a day that never was, its tallies and its counts."""
        async with self._database.transaction() as writer:
            await writer.execute(self._destroy)
            for discard in self._discard:
                await writer.execute(discard, {"the_day": day})

    async def wipe(self) -> bool:
        """Leave no trace of destroyed tallies in the files; False when it has to be tried again."""
        return await self._database.empty_log()

    async def last_closed(self, until: int) -> int | None:
        """Return the newest closed day that is not after `until`."""
        ((day,),) = await self._database.rows(self._last_closed, {"until": until})
        return int(day) if day is not None else None

    async def counts(self, infohash: InfoHash, day: int) -> list[tuple[str, int]]:
        """Return the countries and counts of a torrent on a closed day, by count descending, then code."""
        rows = await self._database.rows(self._counts, {"hash": bytes(infohash.cut), "the_day": day})
        return [(country, peers) for country, peers in rows]

    async def seen(self, infohashes: Sequence[InfoHash], since: int, until: int) -> frozenset[InfoHash]:
        """Return those with a count on a day from `since` to `until`, or with a tally."""
        parameters = {"hashes": _joined(infohashes), "since": since, "until": until}
        counted = await self._database.rows(self._seen, parameters)
        return frozenset(InfoHash.of(infohash) for (infohash,) in counted)

    async def forget(self, infohashes: Sequence[InfoHash]) -> None:
        """Drop the counts and tallies of torrents."""
        async with self._database.transaction() as writer:
            for forget in self._forget:
                await writer.execute(forget, {"hashes": _joined(infohashes)})

    def _prepare(self) -> None:
        text, day, tally, count = self._database.compile, census_day.c, census_tally.c, census_count.c
        the_day = parameter("the_day")
        self._open_day = text(select(day.day, day.looked).where(day.closed == literal_column("0")))
        self._begin = text(insert_missing(census_day))
        self._looked = text(update(census_day).where(day.day == the_day).values(looked=parameter("second")))
        self._write = text(upsert(census_tally, "payload"))
        columns = select(tally.infohash, tally.country, tally.payload)
        self._read = text(
            columns.where(among_hashes(tally.infohash, "hashes"), among(tally.country, "countries"))
        )
        after = tuple_(tally.infohash, tally.country) > tuple_(parameter("hash"), parameter("code"))
        self._page = text(
            columns.where(after).order_by(tally.infohash, tally.country).limit(parameter("most"))
        )
        self._size = text(select(func.count()).select_from(census_tally))
        self._settle = text(upsert(census_count, "peers"))
        self._close = text(update(census_day).where(day.day <= the_day).values(closed=literal_column("1")))
        self._destroy = text(delete(census_tally))
        first, last = parameter("first"), parameter("last")
        self._prune = [
            text(delete(census_count).where(or_(count.day < first, count.day > last))),
            text(delete(census_day).where(or_(day.day < first, day.day > last))),
        ]
        self._discard = [
            text(delete(census_count).where(count.day == the_day)),
            text(delete(census_day).where(day.day == the_day)),
        ]
        self._last_closed = text(
            select(func.max(day.day)).where(day.closed == literal_column("1"), day.day <= parameter("until"))
        )
        self._counts = text(
            select(count.country, count.peers)
            .join(census_day, day.day == count.day)
            .where(
                count.infohash == parameter("hash"), count.day == the_day, day.closed == literal_column("1")
            )
            .order_by(count.peers.desc(), count.country)
        )
        counted = select(count.infohash).where(
            among_hashes(count.infohash, "hashes"),
            count.day >= parameter("since"),
            count.day <= parameter("until"),
        )
        tallied = select(tally.infohash).where(among_hashes(tally.infohash, "hashes"))
        self._seen = text(union(counted, tallied))
        self._forget = [
            text(delete(census_count).where(among_hashes(count.infohash, "hashes"))),
            text(delete(census_tally).where(among_hashes(tally.infohash, "hashes"))),
        ]


class FolderDayKeys:
    """Keys of days among the secrets of a data folder, a file each; `random` gives that many random bytes."""

    def __init__(self, folder: DataFolder, random: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._random = random

    def of(self, day: int) -> bytes:
        """Return the key of a day; the first call makes it. FolderError: see `DataFolder.secret`."""
        return self._folder.secret(f"{_NAME}{day}", KEY, self._random)

    def keep_only(self, day: int | None) -> None:
        """Destroy the keys of every other day."""
        for name in self._folder.secret_names():
            if (found := _DAY_NAME.fullmatch(name)) and int(found[1]) != day:
                self._folder.destroy_secret(name)


def _joined(infohashes: Sequence[InfoHash]) -> bytes:
    return b"".join(infohash.cut for infohash in infohashes)


def _tallies(rows: Sequence[tuple[bytes, str, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(infohash + country.encode(), payload) for infohash, country, payload in rows]
