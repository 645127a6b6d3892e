"""Figures of suspicion from the ledger in a SQL database. Sums are floats, which is enough for people."""

from sqlalchemy import BindParameter, bindparam, func, literal, select

from bittorrent.infohash import InfoHash
from storage.database import Database
from storage.tables.catalogue import torrent
from storage.tables.ledger import client_session, traffic
from tracker.suspicions import ClientCount, TorrentBalance

_FLOAT = 1.0
_SECONDS = 30.0


class SqlSuspicions:
    """Figures from `peerage.db`; that of balances reads every row of traffic."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled = database.dialect.compile
        session, row = client_session.c, traffic.c
        limit: BindParameter[int] = bindparam("limit")
        clients = func.count(session.peer_id.distinct())
        self._clients = compiled(
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
        self._balances = compiled(
            select(
                sums.c.infohash, func.coalesce(torrent.c.title, literal("")), sums.c.up, sums.c.down, sums.c.capped,
                sums.c.accounts,
            )
            .select_from(sums.outerjoin(torrent, torrent.c.infohash == sums.c.infohash))
            .order_by(func.abs(sums.c.up - sums.c.down).desc(), sums.c.infohash)
        )  # fmt: skip

    async def clients(self, since: int, limit: int) -> list[ClientCount]:
        """Return the accounts with the most clients that announced at `since` or later, those with the most first."""
        parameters = {"since": since, "limit": limit}
        rows = await self._database.rows(self._clients, parameters, seconds=_SECONDS, short=False)
        return [ClientCount(*row) for row in rows]

    async def balances(self, limit: int) -> list[TorrentBalance]:
        """Return the torrents with the largest difference, either way, the largest first. QueryTimeout."""
        rows = await self._database.rows(self._balances, {"limit": limit}, seconds=_SECONDS, short=False)
        return [
            TorrentBalance(InfoHash.of(infohash), title, int(up), int(down), int(capped), accounts)
            for infohash, title, up, down, capped, accounts in rows
        ]
