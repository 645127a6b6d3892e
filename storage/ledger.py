"""The ledger in a SQL database: sums by account and torrent, snatches, clients' last totals, and the last batch.

Seeding by several clients of an account counts once. A row knows a run of time that is counted, from `run_start` to
`run_end`, and takes everything before `counted_from`, where an earlier run ended, for counted. What a client
seeded is added as far as it lies in neither, so nothing counts twice, and there is no list to keep.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from storage.credit import DeltaFactors
from storage.database import Database
from tracker.address_figures import ADDRESS_DAYS, MOST_ADDRESSES, SeenAddress
from tracker.credit import Factors
from tracker.ledger import AccountTraffic, BatchNumber, Snatch, TorrentTraffic
from tracker.sessions import KnownSession, LastTotals, SessionDelta

if TYPE_CHECKING:
    from storage.statements.ledger import LedgerStatements


LARGEST = 2**62
"""The cap of a sum in a row."""
HALF = 2**20  # sums of many rows are taken in two parts, which no number of rows makes too large
_SNATCHES_AT_ONCE = 8  # rows that one delta makes
SUMS = ("uploaded", "downloaded", "seeded", "snatched", "capped", "credited_up", "credited_down")


class SqlLedger:
    """The ledger in `peerage.db`; every batch is on disk when `write` returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: LedgerStatements = database.dialect.statements(
            "storage.statements.ledger.LedgerStatements"
        )
        self._factors = DeltaFactors(database)

    async def begin_epoch(self, node: int) -> int:
        """Return a later epoch than any before of a node; batches of earlier ones are not taken any more."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql.mark, {"the_node": node})
            epoch = rows[0][0] + 1 if rows else 1
            await transaction.run(self._sql.set_mark, {"node": node, "epoch": epoch, "sequence": 0})
        return int(epoch)

    async def write(
        self, number: BatchNumber, deltas: Sequence[SessionDelta], seen: Sequence[SeenAddress] = ()
    ) -> bool:
        """Add a batch: rows, sessions and its number in one transaction; False where it was added before."""
        async with self._database.transaction() as transaction:
            marks = await transaction.rows(self._sql.mark, {"the_node": number.node})
            if marks and tuple(marks[0]) >= (number.epoch, number.sequence):
                return False
            ordered = sorted(deltas, key=lambda delta: delta.last.seen)
            factors = await self._factors.of(transaction, ordered)
            rows = [_row(delta, each) for delta, each in zip(ordered, factors, strict=True)]
            await transaction.run_many(self._sql.begin, [_fresh(row) for row in rows])
            await transaction.run_many(self._sql.add, rows)
            await transaction.run_many(self._sql.session, [_session(delta) for delta in deltas])
            snatches = [delta for delta in deltas for _ in range(min(delta.completed, _SNATCHES_AT_ONCE))]
            if snatches:
                await transaction.run_many(self._sql.snatch, [_snatched(delta) for delta in snatches])
            await transaction.run_many(self._sql.see, [_seen(each) for each in seen])
            await transaction.run(self._sql.set_mark, number._asdict())
        return True

    async def close_addresses(self, today: int) -> None:
        """Make counts of the addresses of days before one, and forget counts older than ADDRESS_DAYS."""
        parameters = {"today": today}
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.count_addresses, parameters)
            await transaction.run(self._sql.forget_addresses, parameters)
            await transaction.run(self._sql.forget_counts, {"since": today - ADDRESS_DAYS})

    async def sessions(self, after: KnownSession | None, since: int, limit: int) -> list[KnownSession]:
        """Return up to `limit` sessions seen at `since` or later, that seen longest ago first, after one of them."""
        place = (since, 0, b"", b"") if after is None else (after.last.seen, *after[:3])
        names = ("seen", "account_id", "infohash", "peer_id")
        parameters = {f"after_{name}": value for name, value in zip(names, place, strict=True)}
        rows = await self._database.rows(self._sql.sessions, {**parameters, "since": since, "limit": limit})
        return [
            KnownSession(
                account, InfoHash.of(infohash), peer_id, LastTotals(up, down, seen, bool(seeding), bool(done))
            )
            for seen, account, infohash, peer_id, up, down, seeding, done in rows
        ]

    async def forget_sessions(self, before: int) -> None:
        """Delete sessions last seen before a time."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.forget, {"since": before})

    async def account(self, account: int, since: int) -> AccountTraffic:
        """Return an account's sums; seeding is what announced as a seeder at `since` or later."""
        ((count, *parts),) = await self._database.rows(self._sql.account, {"owner": account})
        ((seeding,),) = await self._database.rows(self._sql.seeding, {"owner": account, "since": since})
        sums = [(high or 0) * HALF + (low or 0) for high, low in zip(parts[::2], parts[1::2], strict=True)]
        uploaded, downloaded, seeded, snatched, capped, up, down = sums
        balances = await self._database.rows(self._sql.balance, {"owner": account})
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
        rows = await self._database.rows(self._sql.torrents, parameters)
        return [TorrentTraffic(InfoHash.of(infohash), *rest) for infohash, *rest in rows]

    async def snatches(self, account: int, offset: int, limit: int) -> tuple[list[Snatch], int]:
        """Return snatches of an account, the newest first, and how many there are."""
        parameters = {"owner": account, "offset": offset, "limit": limit}
        rows = await self._database.rows(self._sql.snatches, parameters)
        ((count,),) = await self._database.rows(self._sql.count, {"owner": account})
        return [
            Snatch(number, owner, InfoHash.of(infohash), time) for number, owner, infohash, time in rows
        ], count


def _row(delta: SessionDelta, factors: Factors) -> dict[str, Any]:
    seen, seeded = delta.last.seen, delta.seeded
    up, down = factors.of(delta.uploaded, delta.downloaded)
    return {
        "owner": delta.account,
        "torrent": bytes(delta.infohash),
        "add_uploaded": min(delta.uploaded, LARGEST),
        "add_downloaded": min(delta.downloaded, LARGEST),
        "add_snatched": min(delta.completed, LARGEST),
        "add_capped": min(delta.capped, LARGEST),
        "add_credited_up": min(up, LARGEST),
        "add_credited_down": min(down, LARGEST),
        "since": max(seen - seeded, 0),
        "until": seen if seeded else 0,
        "now": seen,
    }


def _seen(seen: SeenAddress) -> dict[str, Any]:
    return {"owner": seen.account, "today": seen.day, "hashed": seen.tag, "most": MOST_ADDRESSES}


def _fresh(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row that there is before the first delta is added."""
    sums = dict.fromkeys((*SUMS, "counted_from", "run_start", "run_end", "rewarded"), 0)
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
