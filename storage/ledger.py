"""The ledger in a SQL database: sums by account and torrent, snatches, clients' last totals, and the last batch.

Seeding by several clients of an account counts once. A row knows a run of time that is counted, from `run_start` to
`run_end`, and takes everything before `counted_from`, where an earlier run ended, for counted. What a client
seeded is added as far as it lies in neither, so nothing counts twice, and there is no list to keep.
"""

from collections.abc import Sequence
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

from bittorrent.infohash import InfoHash
from storage.credit import DeltaFactors
from storage.database import Database
from storage.rows import new_row
from storage.tables.credit import account_balance
from storage.tables.ledger import client_session, ledger_mark, snatch, traffic
from tracker.credit import Factors
from tracker.ledger import AccountTraffic, BatchNumber, Snatch, TorrentTraffic
from tracker.sessions import KnownSession, LastTotals, SessionDelta

_LARGEST = 2**62
"""The cap of a sum in a row."""
_HALF = 2**20  # sums of many rows are taken in two parts, which no number of rows makes too large
_SNATCHES_AT_ONCE = 8  # rows that one delta makes
_SUMS = ("uploaded", "downloaded", "seeded", "snatched", "capped", "credited_up", "credited_down")
_ROW = (traffic.c.infohash, *(traffic.c[name] for name in (*_SUMS[:5], "begun", "seen", *_SUMS[5:])))
_BALANCE = tuple(account_balance.c[name] for name in ("uploaded", "downloaded", "tokens", "points"))

_Number = ColumnElement[int]


class SqlLedger:
    """The ledger in `peerage.db`; every batch is on disk when `write` returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.dialect
        compiled = dialect.compile
        node: BindParameter[int] = bindparam("the_node")
        owner: BindParameter[int] = bindparam("owner")
        session = client_session.c
        place = (session.seen, session.account_id, session.infohash, session.peer_id)
        after = tuple_(*(bindparam(f"after_{column.name}") for column in place))
        self._factors = DeltaFactors(database)
        self._balance = compiled(select(*_BALANCE).where(account_balance.c.account_id == owner))
        self._mark = compiled(
            select(ledger_mark.c.epoch, ledger_mark.c.sequence).where(ledger_mark.c.node == node)
        )
        self._set_mark = compiled(dialect.upsert(ledger_mark, "epoch", "sequence"))
        self._begin = compiled(dialect.insert_or_ignore(traffic))
        self._add = compiled(_addition())
        self._session = compiled(
            dialect.upsert(client_session, "uploaded", "downloaded", "seen", "seeding", "completed")
        )
        self._snatch = compiled(insert(snatch).values(**new_row(snatch)))
        self._sessions = compiled(
            select(*place, session.uploaded, session.downloaded, session.seeding, session.completed)
            .where(session.seen >= bindparam("since"), tuple_(*place) > after)
            .order_by(*place)
            .limit(bindparam("limit"))
        )
        self._forget = compiled(delete(client_session).where(session.seen < bindparam("since")))
        self._account = compiled(_account_sums(owner))
        self._seeding = compiled(
            select(func.count(session.infohash.distinct())).where(
                session.account_id == owner, session.seeding == 1, session.seen >= bindparam("since")
            )
        )
        self._torrents = compiled(
            select(*_ROW)
            .where(traffic.c.account_id == owner)
            .order_by(traffic.c.seen.desc(), traffic.c.infohash)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        mine = snatch.c.account_id == owner
        self._snatches = compiled(
            select(snatch.c.id, snatch.c.account_id, snatch.c.infohash, snatch.c.time)
            .where(mine)
            .order_by(snatch.c.id.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self._count = compiled(select(func.count()).select_from(snatch).where(mine))

    async def begin_epoch(self, node: int) -> int:
        """Return a later epoch than any before of a node; batches of earlier ones are not taken any more."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._mark, {"the_node": node})
            epoch = rows[0][0] + 1 if rows else 1
            await transaction.run(self._set_mark, {"node": node, "epoch": epoch, "sequence": 0})
        return int(epoch)

    async def write(self, number: BatchNumber, deltas: Sequence[SessionDelta]) -> bool:
        """Add a batch: rows, sessions and its number in one transaction; False where it was added before."""
        async with self._database.transaction() as transaction:
            marks = await transaction.rows(self._mark, {"the_node": number.node})
            if marks and tuple(marks[0]) >= (number.epoch, number.sequence):
                return False
            ordered = sorted(deltas, key=lambda delta: delta.last.seen)
            factors = await self._factors.of(transaction, ordered)
            rows = [_row(delta, each) for delta, each in zip(ordered, factors, strict=True)]
            await transaction.run_many(self._begin, [_fresh(row) for row in rows])
            await transaction.run_many(self._add, rows)
            await transaction.run_many(self._session, [_session(delta) for delta in deltas])
            snatches = [delta for delta in deltas for _ in range(min(delta.completed, _SNATCHES_AT_ONCE))]
            if snatches:
                await transaction.run_many(self._snatch, [_snatched(delta) for delta in snatches])
            await transaction.run(self._set_mark, number._asdict())
        return True

    async def sessions(self, after: KnownSession | None, since: int, limit: int) -> list[KnownSession]:
        """Return up to `limit` sessions seen at `since` or later, that seen longest ago first, after one of them."""
        place = (since, 0, b"", b"") if after is None else (after.last.seen, *after[:3])
        names = ("seen", "account_id", "infohash", "peer_id")
        parameters = {f"after_{name}": value for name, value in zip(names, place, strict=True)}
        rows = await self._database.rows(self._sessions, {**parameters, "since": since, "limit": limit})
        return [
            KnownSession(
                account, InfoHash.of(infohash), peer_id, LastTotals(up, down, seen, bool(seeding), bool(done))
            )
            for seen, account, infohash, peer_id, up, down, seeding, done in rows
        ]

    async def forget_sessions(self, before: int) -> None:
        """Delete sessions last seen before a time."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._forget, {"since": before})

    async def account(self, account: int, since: int) -> AccountTraffic:
        """Return an account's sums; seeding is what announced as a seeder at `since` or later."""
        ((count, *parts),) = await self._database.rows(self._account, {"owner": account})
        ((seeding,),) = await self._database.rows(self._seeding, {"owner": account, "since": since})
        sums = [(high or 0) * _HALF + (low or 0) for high, low in zip(parts[::2], parts[1::2], strict=True)]
        uploaded, downloaded, seeded, snatched, capped, up, down = sums
        balances = await self._database.rows(self._balance, {"owner": account})
        more_up, more_down, tokens, points = balances[0] if balances else (0, 0, 0, 0)
        return AccountTraffic(
            uploaded,
            downloaded,
            seeded,
            snatched,
            capped,
            count,
            seeding,
            max(up + more_up, 0),
            max(down + more_down, 0),
            tokens,
            points,
        )

    async def torrents(self, account: int, offset: int, limit: int) -> list[TorrentTraffic]:
        """Return the torrents of an account, that seen last first."""
        parameters = {"owner": account, "offset": offset, "limit": limit}
        rows = await self._database.rows(self._torrents, parameters)
        return [TorrentTraffic(InfoHash.of(infohash), *rest) for infohash, *rest in rows]

    async def snatches(self, account: int, offset: int, limit: int) -> tuple[list[Snatch], int]:
        """Return snatches of an account, the newest first, and how many there are."""
        parameters = {"owner": account, "offset": offset, "limit": limit}
        rows = await self._database.rows(self._snatches, parameters)
        ((count,),) = await self._database.rows(self._count, {"owner": account})
        return [
            Snatch(number, owner, InfoHash.of(infohash), time) for number, owner, infohash, time in rows
        ], count


def _row(delta: SessionDelta, factors: Factors) -> dict[str, Any]:
    seen, seeded = delta.last.seen, delta.seeded
    up, down = factors.of(delta.uploaded, delta.downloaded)
    return {
        "owner": delta.account,
        "torrent": bytes(delta.infohash),
        "add_uploaded": min(delta.uploaded, _LARGEST),
        "add_downloaded": min(delta.downloaded, _LARGEST),
        "add_snatched": min(delta.completed, _LARGEST),
        "add_capped": min(delta.capped, _LARGEST),
        "add_credited_up": min(up, _LARGEST),
        "add_credited_down": min(down, _LARGEST),
        "since": max(seen - seeded, 0),
        "until": seen if seeded else 0,
        "now": seen,
    }


def _fresh(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row that there is before the first delta is added."""
    sums = dict.fromkeys((*_SUMS, "counted_from", "run_start", "run_end", "rewarded"), 0)
    return {
        "account_id": row["owner"],
        "infohash": row["torrent"],
        "begun": row["now"],
        "seen": row["now"],
        **sums,
    }


def _session(delta: SessionDelta) -> dict[str, Any]:
    last = delta.last
    return {
        "account_id": delta.account,
        "infohash": bytes(delta.infohash),
        "peer_id": delta.peer_id,
        "uploaded": last.uploaded,
        "downloaded": last.downloaded,
        "seen": last.seen,
        "seeding": int(last.seeding),
        "completed": int(last.completed),
    }


def _snatched(delta: SessionDelta) -> dict[str, Any]:
    return {"account_id": delta.account, "infohash": bytes(delta.infohash), "time": delta.last.seen}


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
    added = {name: _sum(column[name], bindparam(f"add_{name}")) for name in _SUMS if name != "seeded"}
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
    return case((column > _LARGEST - more, _LARGEST), else_=column + more)


def _account_sums(owner: BindParameter[int]) -> Any:  # noqa: ANN401 - as above
    parts = [
        part
        for name in _SUMS
        for part in (func.sum(traffic.c[name] // _HALF), func.sum(traffic.c[name] % _HALF))
    ]
    return select(func.count(), *parts).select_from(traffic).where(traffic.c.account_id == owner)
