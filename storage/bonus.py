"""Bonus points in a SQL database: given for rows of traffic that seeded more than was rewarded, spent by accounts."""

from collections import defaultdict

from sqlalchemy import BindParameter, bindparam, func, literal, select, update

from storage.credit import no_balance
from storage.database import Database
from storage.tables.catalogue import torrent
from storage.tables.credit import account_balance
from storage.tables.ledger import traffic
from tracker.bonus import MILLI, BonusFormula, SeededTorrent


class SqlBonus:
    """Points in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled = database.dialect.compile
        owner: BindParameter[int] = bindparam("owner")
        row, balance = traffic.c, account_balance.c
        self._unrewarded = compiled(
            select(
                row.account_id,
                row.infohash,
                row.seeded,
                row.seeded - row.rewarded,
                func.coalesce(torrent.c.size, literal(0)),
                func.coalesce(torrent.c.added, bindparam("now")),
                func.coalesce(torrent.c.seeders, literal(1)),
            )
            .select_from(traffic.outerjoin(torrent, torrent.c.infohash == row.infohash))
            .where(row.seeded > row.rewarded)
            .limit(bindparam("limit"))
        )
        self._rewarded = compiled(
            update(traffic)
            .where(row.account_id == owner, row.infohash == bindparam("torrent"))
            .values(rewarded=bindparam("until"))
        )
        self._open = compiled(database.dialect.insert_or_ignore(account_balance))
        mine = update(account_balance).where(balance.account_id == owner)
        self._give = compiled(mine.values(points=balance.points + bindparam("points")))
        price: BindParameter[int] = bindparam("price")
        self._take = compiled(
            mine.where(balance.points >= price).values(
                points=balance.points - price,
                tokens=balance.tokens + bindparam("tokens"),
                uploaded=balance.uploaded + bindparam("bytes"),
            )
        )

    async def reward(self, formula: BonusFormula, now: int, limit: int) -> int:
        """Give points for seeding that was not rewarded yet, of up to `limit` rows of traffic; return how many it were.

        What a row was rewarded for and the points commit together.
        """
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._unrewarded, {"now": now, "limit": limit})
            points: defaultdict[int, int] = defaultdict(int)
            done = []
            for account, infohash, seeded, seconds, size, added, seeders in rows:
                points[account] += formula.milli_points(SeededTorrent(size, now - added, seeders), seconds)
                done.append({"owner": account, "torrent": infohash, "until": seeded})
            await transaction.run_many(self._rewarded, done)
            given = [{"owner": account, "points": sum_of} for account, sum_of in points.items() if sum_of]
            await transaction.run_many(self._open, [no_balance(each["owner"]) for each in given])
            await transaction.run_many(self._give, given)
        return len(rows)

    async def exchange(self, account: int, price: int, *, tokens: int, uploaded: int) -> bool:
        """Take `price` points for tokens and bytes of upload credit; False without so many."""
        parameters = {"owner": account, "price": price * MILLI, "tokens": tokens, "bytes": uploaded}
        async with self._database.transaction() as transaction:
            return bool(await transaction.run(self._take, parameters))
