"""Bonus points in a SQL database: given for rows of traffic that seeded more than was rewarded, spent by accounts."""

from collections import defaultdict
from typing import TYPE_CHECKING

from storage.credit import no_balance
from storage.database import Database
from tracker.bonus import MILLI, BonusFormula, SeededTorrent

if TYPE_CHECKING:
    from storage.statements.bonus import BonusStatements


class SqlBonus:
    """Points in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: BonusStatements = database.dialect.statements("storage.statements.bonus.BonusStatements")

    async def reward(self, formula: BonusFormula, now: int, limit: int) -> int:
        """Give points for seeding that was not rewarded yet, of up to `limit` rows of traffic; return how many it were.

        What a row was rewarded for and the points commit together.
        """
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql.unrewarded, {"now": now, "limit": limit})
            points: defaultdict[int, int] = defaultdict(int)
            done = []
            for account, infohash, seeded, seconds, size, added, seeders in rows:
                points[account] += formula.milli_points(SeededTorrent(size, now - added, seeders), seconds)
                done.append({"owner": account, "torrent": infohash, "until": seeded})
            await transaction.run_many(self._sql.rewarded, done)
            given = [{"owner": account, "points": sum_of} for account, sum_of in points.items() if sum_of]
            await transaction.run_many(self._sql.open, [no_balance(each["owner"]) for each in given])
            await transaction.run_many(self._sql.give, given)
        return len(rows)

    async def exchange(self, account: int, price: int, *, tokens: int, uploaded: int) -> bool:
        """Take `price` points for tokens and bytes of upload credit; False without so many."""
        parameters = {"owner": account, "price": price * MILLI, "tokens": tokens, "bytes": uploaded}
        async with self._database.transaction() as transaction:
            return bool(await transaction.run(self._sql.take, parameters))
