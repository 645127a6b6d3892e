"""The statements of what is suspicious in the ledger."""

from sqlalchemy import BindParameter, bindparam, func, literal, select

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent
from storage.tables.ledger import client_session, traffic

_FLOAT = 1.0


class SuspicionStatements:
    """The statements of `SqlSuspicions`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        session, row = client_session.c, traffic.c
        limit: BindParameter[int] = bindparam("limit")
        clients = func.count(session.peer_id.distinct())
        self.clients = compiled(
            select(session.account_id, clients, func.count(session.infohash.distinct()))
            .where(session.seen >= bindparam("since"))
            .group_by(session.account_id)
            .order_by(clients.desc(), session.account_id)
            .limit(limit)
        )
        up, down, capped = (
            func.sum(column * _FLOAT) for column in (row.uploaded, row.downloaded, row.capped)
        )
        sums = (
            select(
                row.infohash.label("infohash"),
                up.label("up"),
                down.label("down"),
                capped.label("capped"),
                func.count().label("accounts"),
            )
            .group_by(row.infohash)
            .order_by(func.abs(up - down).desc(), row.infohash)
            .limit(limit)
            .subquery()
        )
        self.balances = compiled(
            select(
                sums.c.infohash, func.coalesce(torrent.c.title, literal("")), sums.c.up, sums.c.down, sums.c.capped,
                sums.c.accounts,
            )
            .select_from(sums.outerjoin(torrent, torrent.c.infohash == sums.c.infohash))
            .order_by(func.abs(sums.c.up - sums.c.down).desc(), sums.c.infohash)
        )  # fmt: skip
