"""What accounts owe, read from the rows of traffic in a SQL database; SQL says how each row stands."""

from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from storage.database import Database
from storage.parameters import page_parameters
from tracker.obligations import Obligation, ObligationRules, TorrentStanding

if TYPE_CHECKING:
    from storage.statements.obligations import ObligationStatements


class SqlObligations:
    """Obligations by the rows of `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: ObligationStatements = database.dialect.statements(
            "storage.statements.obligations.ObligationStatements"
        )

    async def standings(
        self, account: int, rules: ObligationRules, now: int, offset: int, limit: int
    ) -> tuple[list[TorrentStanding], int]:
        """Return the torrents of an account with what it owes, broken ones first, then that seen last; and how many."""
        parameters = rule_parameters(rules, now) | {"owner": account}
        rows = await self._database.rows(self._sql.standings, parameters | page_parameters(offset, limit))
        ((count,),) = await self._database.rows(self._sql.count, parameters)
        return [_standing(row, rules) for row in rows], count

    async def counts(self, account: int, rules: ObligationRules, now: int) -> dict[Obligation, int]:
        """Return how many obligations of an account there are of each kind."""
        rows = await self._database.rows(self._sql.counts, rule_parameters(rules, now) | {"owner": account})
        return {Obligation(state): count for state, count in rows}


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
