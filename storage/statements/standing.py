"""The statements of how accounts stand."""

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, case, func, insert, literal, select, update

from storage.dialect import SqlDialect
from storage.standing import HALF
from storage.statements.rows import new_row
from storage.tables.accounts import account
from storage.tables.catalogue import torrent
from storage.tables.credit import account_balance
from storage.tables.ledger import traffic
from storage.tables.members import standing
from storage.tables.moderation import log_entry
from tracker.standing import Standing

_STANDING = tuple(standing.c[name] for name in Standing._fields)


class StandingStatements:
    """The statements of `SqlStandings`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        owner: BindParameter[int] = bindparam("owner")
        row, sums = standing.c, traffic.c
        self.standing = compiled(select(*_STANDING).where(row.account_id == owner))
        self.page = compiled(
            select(
                account.c.id,
                account.c.joined,
                func.coalesce(account_balance.c.uploaded, literal(0)),
                func.coalesce(account_balance.c.downloaded, literal(0)),
                *(func.coalesce(column, literal("" if column is row.name else 0)) for column in _STANDING),
            )
            .select_from(
                account.outerjoin(standing, row.account_id == account.c.id).outerjoin(
                    account_balance, account_balance.c.account_id == account.c.id
                )
            )
            .where(account.c.id > bindparam("after"), account.c.role == "user", account.c.enabled == 1)
            .order_by(account.c.id)
            .limit(bindparam("limit"))
        )
        self.sums = compiled(_sums().where(dialect.in_list(sums.account_id, "ids")))
        self.torrents = compiled(
            select(torrent.c.uploader_id, func.count())
            .where(dialect.in_list(torrent.c.uploader_id, "ids"), torrent.c.hidden == 0)
            .group_by(torrent.c.uploader_id)
        )
        self.open = compiled(dialect.insert_or_ignore(standing))
        more = row.invites + bindparam("gift")
        self.write = compiled(
            update(standing)
            .where(row.account_id == owner)
            .values(
                name=bindparam("new_name"),
                watched=bindparam("new_watched"),
                barred=bindparam("new_barred"),
                reached=bindparam("new_reached"),
                invites=case((more < 0, 0), else_=more),
            )
        )
        self.log = compiled(insert(log_entry).values(**new_row(log_entry)))
        self.barred = compiled(select(row.account_id).where(row.barred > 0))


def _sums() -> Select[Any]:
    """Return the sums of accounts, each in two parts."""
    row = traffic.c
    parts = [
        part
        for column in (row.credited_up, row.credited_down, row.snatched)
        for part in (func.sum(column // HALF), func.sum(column % HALF))
    ]
    return select(row.account_id, *parts).group_by(row.account_id)
