"""Hears what other nodes commit, so that nothing that was read and kept outlives a change of it for long."""

import asyncio
from collections.abc import Iterable

import asyncpg
import structlog

from storage.database import DatabaseError
from storage.postgresql.connections import Connection, DatabaseServer
from storage.table_versions import TableChange, TableVersions, Verb

CHANNEL = "peerage_changes"
_AGAIN_SECONDS = 1.0
_VERBS: dict[str, Verb] = {"insert": "insert", "update": "update", "delete": "delete"}
_ANYTHING = "*"

log = structlog.get_logger()


def told(changes: Iterable[TableChange | None]) -> str:
    """Return changes as the payload of a notification."""
    found = set(changes)
    if None in found:
        return _ANYTHING
    return " ".join(sorted(f"{each.verb}:{each.table}" for each in found if each is not None))


def heard(payload: str) -> list[TableChange | None]:
    """Return the changes of a payload; what is not known may be any."""
    changes: list[TableChange | None] = []
    for word in payload.split():
        verb, _, table = word.partition(":")
        changes.append(TableChange(_VERBS[verb], table) if verb in _VERBS and table else None)
    return changes


class HeardChanges:
    """Counts in `versions` what is committed over any connection; `listening` says whether it would hear."""

    def __init__(self, server: DatabaseServer, versions: TableVersions) -> None:
        self._server = server
        self._versions = versions
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def listening(self) -> bool:
        """Whether it hears what others commit; while not, nothing that was read may be kept."""
        return self._connection is not None and not self._connection.is_closed()

    async def start(self) -> None:
        """Begin to listen. DatabaseError."""
        connection = await self._server.connect()
        try:
            connection.add_termination_listener(self._ended)
            await connection.add_listener(CHANNEL, self._hear)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        self._versions.count((None,))  # by what was not heard before

    async def close(self) -> None:
        """End."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._connection is not None:
            self._connection.terminate()

    def _hear(self, _: object, __: int, ___: str, payload: object) -> None:
        self._versions.count(heard(str(payload)))

    def _ended(self, _: object) -> None:
        self._connection = None
        if not self._closed and self._connecting is None:
            log.warning("database.not_heard", database=self._server.name)
            self._connecting = asyncio.get_running_loop().create_task(self._reconnect())

    async def _reconnect(self) -> None:
        try:
            while True:
                try:
                    await self.start()
                except (DatabaseError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await asyncio.sleep(_AGAIN_SECONDS)
                else:
                    return
        finally:
            self._connecting = None
