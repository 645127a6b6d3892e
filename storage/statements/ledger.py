"""The statements of the ledger."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Insert,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from storage.column_types import BYTES, INTEGER
from storage.dialect import SqlDialect
from storage.ledger import HALF, LARGEST, SUMS
from storage.statements.rows import new_row
from storage.tables.credit import account_balance
from storage.tables.ledger import address_count, client_session, ledger_mark, seen_address, snatch, traffic

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
        self._compile_addresses(dialect)
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

    def _compile_addresses(self, dialect: SqlDialect) -> None:
        seen, counted = seen_address.c, address_count.c
        today: BindParameter[int] = bindparam("today")
        self.see = dialect.compile(_see())
        known = exists().where(counted.account_id == seen.account_id, counted.day == seen.day)
        counts = (
            select(seen.account_id, seen.day, func.count())
            .where(seen.day < today, ~known)
            .group_by(seen.account_id, seen.day)
            .having(func.count() > 1)
        )
        columns = ["account_id", "day", "addresses"]
        self.count_addresses = dialect.compile(insert(address_count).from_select(columns, counts))
        self.forget_addresses = dialect.compile(delete(seen_address).where(seen.day < today))
        self.forget_counts = dialect.compile(delete(address_count).where(counted.day < bindparam("since")))


def _larger(one: _Number, other: _Number) -> _Number:
    return case((one > other, one), else_=other)


def _smaller(one: _Number, other: _Number) -> _Number:
    return case((one < other, one), else_=other)


def _see() -> Insert:
    """Return the statement that keeps a hash of an address, unless it is there or there are the most."""
    row = seen_address.c
    owner, today = bindparam("owner", type_=INTEGER), bindparam("today", type_=INTEGER)
    hashed, most = bindparam("hashed", type_=BYTES), bindparam("most", type_=INTEGER)
    mine = (row.account_id == owner, row.day == today)
    same = exists().where(*mine, row.tag == hashed)
    kept = select(func.count()).select_from(seen_address).where(*mine).scalar_subquery()
    values = select(owner, today, hashed).where(~same, kept < most)
    return insert(seen_address).from_select(["account_id", "day", "tag"], values)


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
