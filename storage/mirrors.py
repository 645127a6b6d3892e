"""What is mirrored from other services, in `peerage.db`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from bittorrent.infohash import InfoHash
from catalogue.mirrors import MirrorState
from storage.database import Database, Row

if TYPE_CHECKING:
    from storage.statements.mirrors import MirrorStatements


SAVED = ("cursor", "round", "whole", "position", "newest", "asked", "problem")


class SqlMirrors:
    """A `MirrorStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql: MirrorStatements = database.dialect.statements(
            "storage.statements.mirrors.MirrorStatements"
        )

    async def open(self, url: str) -> MirrorState:
        """Return the state of a service, of a new one at the beginning."""
        async with self._database.transaction() as transaction:
            found = await transaction.rows(self._sql.find, {"url": url})
            if found:
                return _state(found[0])
            blank = MirrorState(0, url)
            row = {name: value for name, value in asdict(blank).items() if name != "id"}
            ((number,),) = await transaction.rows(self._sql.add, row | {"whole": 0})
        return MirrorState(number, url)

    async def states(self) -> list[MirrorState]:
        """Return the states of all services, oldest first."""
        return [_state(row) for row in await self._database.rows(self._sql.all)]

    async def save(
        self, state: MirrorState, taken: Sequence[InfoHash] = (), dropped: Sequence[InfoHash] = ()
    ) -> None:
        """Save a state, what was taken from the service in its round, and what is no longer."""
        values = {f"new_{name}": getattr(state, name) for name in SAVED}
        rows = [{"mirror_id": state.id, "infohash": each, "round": state.round} for each in taken]
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.save, values | {"row": state.id, "new_whole": int(state.whole)})
            await transaction.run_many(self._sql.take, rows)
            if dropped:
                gone = {"mirror": state.id, "hashes": self._dialect.hashes(dropped)}
                await transaction.run(self._sql.drop, gone)

    async def taken(self, mirror: int, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return those of the infohashes that were taken from a service."""
        asked = {"mirror": mirror, "hashes": self._dialect.hashes(infohashes)}
        return {InfoHash.of(each) for (each,) in await self._database.rows(self._sql.taken, asked)}

    async def stale(self, state: MirrorState, limit: int) -> list[InfoHash]:
        """Return up to `limit` infohashes that were taken in earlier rounds than the state's."""
        asked = {"mirror": state.id, "turn": state.round, "limit": limit}
        return [InfoHash.of(each) for (each,) in await self._database.rows(self._sql.stale, asked)]


def _state(row: Row) -> MirrorState:
    number, url, cursor, turn, whole, position, newest, asked, problem = row
    return MirrorState(number, url, cursor, turn, bool(whole), position, newest, asked, problem)
