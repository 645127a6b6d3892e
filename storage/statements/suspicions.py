"""The statements of what is suspicious in the ledger."""

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, literal, select, union_all

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent
from storage.tables.ledger import address_count, client_session, seen_address, traffic

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
        self.addresses = compiled(_most_addresses(least=2).limit(limit))
        self.addresses_of = compiled(_most_addresses(least=1, of=bindparam("owner")))
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


def _most_addresses(*, least: int, of: BindParameter[int] | None = None) -> Select[Any]:
    """Select accounts with their addresses of today, and of the day with the most, the most first."""
    seen, count = seen_address.c, address_count.c
    today = select(
        seen.account_id.label("account_id"), func.count().label("today"), func.count().label("addresses")
    ).where(seen.day == bindparam("today"))
    before = select(count.account_id, literal(0).label("today"), count.addresses).where(
        count.day >= bindparam("since")
    )
    if of is not None:
        today, before = today.where(seen.account_id == of), before.where(count.account_id == of)
    both = union_all(today.group_by(seen.account_id), before).subquery()
    most = func.max(both.c.addresses)
    return (
        select(both.c.account_id, func.max(both.c.today), most)
        .group_by(both.c.account_id)
        .having(most >= least)
        .order_by(most.desc(), both.c.account_id)
    )
