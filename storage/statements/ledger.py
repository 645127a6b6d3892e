"""The statements of the ledger."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from storage.dialect import SqlDialect
from storage.ledger import HALF, LARGEST, SUMS
from storage.statements.rows import new_row
from storage.tables.credit import account_balance
from storage.tables.ledger import client_session, ledger_mark, snatch, traffic

_ROW = (traffic.c.infohash, *(traffic.c[name] for name in (*SUMS[:5], "begun", "seen", *SUMS[5:])))


_BALANCE = tuple(account_balance.c[name] for name in ("uploaded", "downloaded", "tokens", "points"))


_Number = ColumnElement[int]


class LedgerStatements:
    """The statements of `SqlLedger`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        node: BindParameter[int] = bindparam("the_node")
        owner: BindParameter[int] = bindparam("owner")
        session = client_session.c
        place = (session.seen, session.account_id, session.infohash, session.peer_id)
        after = tuple_(*(bindparam(f"after_{column.name}") for column in place))
        self.balance = compiled(select(*_BALANCE).where(account_balance.c.account_id == owner))
        self.mark = compiled(
            select(ledger_mark.c.epoch, ledger_mark.c.sequence).where(ledger_mark.c.node == node)
        )
        self.set_mark = compiled(dialect.upsert(ledger_mark, "epoch", "sequence"))
        self.begin = compiled(dialect.insert_or_ignore(traffic))
        self.add = compiled(_addition())
        self.session = compiled(
            dialect.upsert(client_session, "uploaded", "downloaded", "seen", "seeding", "completed")
        )
        self.snatch = compiled(insert(snatch).values(**new_row(snatch)))
        self.sessions = compiled(
            select(*place, session.uploaded, session.downloaded, session.seeding, session.completed)
            .where(session.seen >= bindparam("since"), tuple_(*place) > after)
            .order_by(*place)
            .limit(bindparam("limit"))
        )
        self.forget = compiled(delete(client_session).where(session.seen < bindparam("since")))
        self.account = compiled(_account_sums(owner))
        self.seeding = compiled(
            select(func.count(session.infohash.distinct())).where(
                session.account_id == owner, session.seeding == 1, session.seen >= bindparam("since")
            )
        )
        self.torrents = compiled(
            select(*_ROW)
            .where(traffic.c.account_id == owner)
            .order_by(traffic.c.seen.desc(), traffic.c.infohash)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        mine = snatch.c.account_id == owner
        self.snatches = compiled(
            select(snatch.c.id, snatch.c.account_id, snatch.c.infohash, snatch.c.time)
            .where(mine)
            .order_by(snatch.c.id.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.count = compiled(select(func.count()).select_from(snatch).where(mine))


def _larger(one: _Number, other: _Number) -> _Number:
    return case((one > other, one), else_=other)


def _smaller(one: _Number, other: _Number) -> _Number:
    return case((one < other, one), else_=other)


def _addition() -> Any:  # noqa: ANN401 - an UPDATE, whose type SQLAlchemy has no short name for
    """Return the statement that adds a delta to its row."""
    column, zero = traffic.c, literal(0)
    since: BindParameter[int] = bindparam("since")
    until: BindParameter[int] = bindparam("until")
    behind = _larger(until - _larger(since, column.run_end), zero)
    before = _larger(_smaller(column.run_start, until) - _larger(since, column.counted_from), zero)
    apart, early = since > column.run_end, until < column.run_start
    moved = {
        "seeded": _sum(column.seeded, behind + before),
        "counted_from": case(
            (apart, column.run_end), (early, _larger(column.counted_from, until)), else_=column.counted_from
        ),
        "run_start": case(
            (apart, since),
            (early, column.run_start),
            else_=_smaller(column.run_start, _larger(since, column.counted_from)),
        ),
        "run_end": _larger(column.run_end, until),
    }
    seeds = until > 0
    added = {name: _sum(column[name], bindparam(f"add_{name}")) for name in SUMS if name != "seeded"}
    return (
        update(traffic)
        .where(column.account_id == bindparam("owner"), column.infohash == bindparam("torrent"))
        .values(
            **added,
            **{name: case((seeds, value), else_=column[name]) for name, value in moved.items()},
            seen=_larger(column.seen, bindparam("now")),
        )
    )


def _sum(column: _Number, more: _Number) -> _Number:
    return case((column > LARGEST - more, LARGEST), else_=column + more)


def _account_sums(owner: BindParameter[int]) -> Any:  # noqa: ANN401 - as above
    parts = [
        part
        for name in SUMS
        for part in (func.sum(traffic.c[name] // HALF), func.sum(traffic.c[name] % HALF))
    ]
    return select(func.count(), *parts).select_from(traffic).where(traffic.c.account_id == owner)
