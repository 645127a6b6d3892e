"""What is deleted from `peerage.db` when its time is over."""

from sqlalchemy import BindParameter, bindparam, delete, update

from catalogue.webhooks import DeliveryState
from storage.database import Database
from storage.dialect import Statement
from storage.tables.accounts import session
from storage.tables.moderation import deed, report
from storage.tables.webhooks import webhook_delivery


class SqlRetention:
    """Deletes what is older than a time in a SQL database."""

    def __init__(self, database: Database) -> None:
        compiled = database.dialect.compile
        before: BindParameter[int] = bindparam("before")
        self._database = database
        self._addresses = compiled(
            update(session)
            .where(session.c.created < before, session.c.address.is_not(None))
            .values(address=None)
        )
        self._log = compiled(delete(deed).where(deed.c.time < before))
        self._reports = compiled(delete(report).where(report.c.resolved < before))
        waiting = webhook_delivery.c.state == DeliveryState.WAITING.value
        self._deliveries = compiled(
            delete(webhook_delivery).where(webhook_delivery.c.created < before, ~waiting)
        )

    async def forget_addresses(self, before: int) -> int:
        """Forget the addresses of sessions that began before a time; the sessions stay."""
        return await self._run(self._addresses, before)

    async def delete_log(self, before: int) -> int:
        """Delete entries of the moderators' log from before a time."""
        return await self._run(self._log, before)

    async def delete_reports(self, before: int) -> int:
        """Delete reports that were resolved before a time."""
        return await self._run(self._reports, before)

    async def delete_deliveries(self, before: int) -> int:
        """Delete deliveries to webhooks that ended, of events from before a time."""
        return await self._run(self._deliveries, before)

    async def _run(self, statement: Statement, before: int) -> int:
        async with self._database.transaction() as transaction:
            return await transaction.run(statement, {"before": before})
