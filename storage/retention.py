"""What is deleted from `peerage.db` when its time is over."""

from typing import TYPE_CHECKING

from storage.database import Database
from storage.dialect import Statement

if TYPE_CHECKING:
    from storage.statements.retention import RetentionStatements


class SqlRetention:
    """Deletes what is older than a time in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._sql: RetentionStatements = database.dialect.statements(
            "storage.statements.retention.RetentionStatements"
        )
        self._database = database

    async def forget_addresses(self, before: int) -> int:
        """Forget the addresses of sessions that began before a time; the sessions stay."""
        return await self._run(self._sql.addresses, before)

    async def delete_log(self, before: int) -> int:
        """Delete entries of the moderators' log from before a time."""
        return await self._run(self._sql.log, before)

    async def delete_reports(self, before: int) -> int:
        """Delete reports that were resolved before a time."""
        return await self._run(self._sql.reports, before)

    async def delete_deliveries(self, before: int) -> int:
        """Delete deliveries to webhooks that ended, of events from before a time."""
        return await self._run(self._sql.deliveries, before)

    async def _run(self, statement: Statement, before: int) -> int:
        async with self._database.transaction() as transaction:
            return await transaction.run(statement, {"before": before})
