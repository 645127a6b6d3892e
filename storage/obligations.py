"""What accounts owe, read from the rows of traffic in a SQL database; SQL says how each row stands."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Float, and_, bindparam, case, func, literal, or_, select

from bittorrent.infohash import InfoHash
from storage.database import Database
from storage.parameters import page_parameters
from storage.tables.catalogue import torrent
from storage.tables.ledger import traffic
from tracker.obligations import Obligation, ObligationRules, TorrentStanding

_ROW = (
    traffic.c.infohash,
    func.coalesce(torrent.c.title, literal("")),
    func.coalesce(torrent.c.size, literal(0)),
    *(traffic.c[name] for name in ("uploaded", "downloaded", "credited_up", "credited_down")),
    *(traffic.c[name] for name in ("seeded", "snatched", "seen")),
)
_FROM = traffic.outerjoin(torrent, torrent.c.infohash == traffic.c.infohash)


class SqlObligations:
    """Obligations by the rows of `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled = database.dialect.compile
        owner: BindParameter[int] = bindparam("owner")
        state, mine = obligation(), traffic.c.account_id == owner
        self._standings = compiled(
            select(*_ROW, state)
            .select_from(_FROM)
            .where(mine)
            .order_by(case((state == Obligation.BROKEN.value, 0), else_=1), traffic.c.seen.desc())
            .order_by(traffic.c.infohash)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self._count = compiled(select(func.count()).select_from(traffic).where(mine))
        self._counts = compiled(
            select(state.label("state"), func.count()).select_from(_FROM).where(mine).group_by("state")
        )

    async def standings(
        self, account: int, rules: ObligationRules, now: int, offset: int, limit: int
    ) -> tuple[list[TorrentStanding], int]:
        """Return the torrents of an account with what it owes, broken ones first, then that seen last; and how many."""
        parameters = rule_parameters(rules, now) | {"owner": account}
        rows = await self._database.rows(self._standings, parameters | page_parameters(offset, limit))
        ((count,),) = await self._database.rows(self._count, parameters)
        return [_standing(row, rules) for row in rows], count

    async def counts(self, account: int, rules: ObligationRules, now: int) -> dict[Obligation, int]:
        """Return how many obligations of an account there are of each kind."""
        rows = await self._database.rows(self._counts, rule_parameters(rules, now) | {"owner": account})
        return {Obligation(state): count for state, count in rows}


def obligation() -> ColumnElement[int]:
    """Return how a row of traffic joined to its torrent stands, by the parameters of `rule_parameters`."""
    row = traffic.c
    seed_time: BindParameter[int] = bindparam("seed_time")
    ratio: BindParameter[float] = bindparam("ratio", type_=Float)
    share: BindParameter[int] = bindparam("share")
    broken_before: BindParameter[int] = bindparam("broken_before")
    # Sums may be near the largest integer, so what is multiplied is no integer.
    part = row.downloaded * literal(100.0, Float) >= torrent.c.size * share
    downloaded = or_(row.snatched > 0, and_(share > 0, part))
    met = or_(
        row.seeded >= seed_time,
        and_(ratio > 0, row.uploaded >= row.downloaded * ratio),
    )
    return case(
        (or_(seed_time == 0, downloaded.is_not(True)), Obligation.NONE.value),
        (met, Obligation.MET.value),
        (row.seen < broken_before, Obligation.BROKEN.value),
        else_=Obligation.OWED.value,
    )


def rule_parameters(rules: ObligationRules, now: int) -> dict[str, Any]:
    """Return the parameters of `obligation`."""
    return {
        "seed_time": rules.seed_time,
        "ratio": float(rules.ratio),
        "share": rules.share,
        "broken_before": now - rules.grace,
    }


def _standing(row: tuple[Any, ...], rules: ObligationRules) -> TorrentStanding:
    infohash, title, size, up, down, credited_up, credited_down, seeded, snatched, seen, state = row
    kind = Obligation(state)
    owes = kind in (Obligation.OWED, Obligation.BROKEN)
    return TorrentStanding(
        InfoHash.of(infohash),
        title,
        size,
        up,
        down,
        credited_up,
        credited_down,
        seeded,
        snatched,
        seen,
        kind,
        max(rules.seed_time - seeded, 0) if owes else 0,
        seen + rules.grace if owes else 0,
    )
