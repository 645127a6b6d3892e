"""The statements of bonus points."""

from sqlalchemy import BindParameter, bindparam, func, literal, select, update

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent
from storage.tables.credit import account_balance
from storage.tables.ledger import traffic


class BonusStatements:
    """The statements of `SqlBonus`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        owner: BindParameter[int] = bindparam("owner")
        row, balance = traffic.c, account_balance.c
        self.unrewarded = compiled(
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
        self.rewarded = compiled(
            update(traffic)
            .where(row.account_id == owner, row.infohash == bindparam("torrent"))
            .values(rewarded=bindparam("until"))
        )
        self.open = compiled(dialect.insert_or_ignore(account_balance))
        mine = update(account_balance).where(balance.account_id == owner)
        self.give = compiled(mine.values(points=balance.points + bindparam("points")))
        price: BindParameter[int] = bindparam("price")
        self.take = compiled(
            mine.where(balance.points >= price).values(
                points=balance.points - price,
                tokens=balance.tokens + bindparam("tokens"),
                uploaded=balance.uploaded + bindparam("bytes"),
            )
        )
