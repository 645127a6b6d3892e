"""Figures of suspicion from the ledger in a SQL database. Sums are floats, which is enough for people."""

from typing import TYPE_CHECKING

from bittorrent.infohash import InfoHash
from storage.database import Database
from tracker.address_figures import ADDRESS_DAYS, AddressCount
from tracker.suspicions import ClientCount, TorrentBalance

if TYPE_CHECKING:
    from storage.statements.suspicions import SuspicionStatements


_SECONDS = 30.0


class SqlSuspicions:
    """Figures from `peerage.db`; that of balances reads every row of traffic."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: SuspicionStatements = database.dialect.statements(
            "storage.statements.suspicions.SuspicionStatements"
        )

    async def clients(self, since: int, limit: int) -> list[ClientCount]:
        """Return the accounts with the most clients that announced at `since` or later, those with the most first."""
        parameters = {"since": since, "limit": limit}
        rows = await self._database.rows(self._sql.clients, parameters, seconds=_SECONDS, short=False)
        return [ClientCount(*row) for row in rows]

    async def addresses(self, today: int, limit: int) -> list[AddressCount]:
        """Return the accounts with the most addresses on one day, of two or more, the most first. QueryTimeout."""
        parameters = {"today": today, "since": today - ADDRESS_DAYS, "limit": limit}
        rows = await self._database.rows(self._sql.addresses, parameters, seconds=_SECONDS, short=False)
        return [AddressCount(*row) for row in rows]

    async def addresses_of(self, account: int, today: int) -> AddressCount:
        """Return from how many addresses an account announces; of a day that is over with one alone nothing is kept."""
        parameters = {"owner": account, "today": today, "since": today - ADDRESS_DAYS}
        rows = await self._database.rows(self._sql.addresses_of, parameters)
        return AddressCount(*rows[0]) if rows else AddressCount(account, 0, 0)

    async def balances(self, limit: int) -> list[TorrentBalance]:
        """Return the torrents with the largest difference, either way, the largest first. QueryTimeout."""
        rows = await self._database.rows(self._sql.balances, {"limit": limit}, seconds=_SECONDS, short=False)
        return [
            TorrentBalance(InfoHash.of(infohash), title, int(up), int(down), int(capped), accounts)
            for infohash, title, up, down, capped, accounts in rows
        ]
