"""Rules of credit, tokens and balances in a SQL database, and the factors by which the ledger books deltas."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bittorrent.infohash import InfoHash
from catalogue.model import Freeleech
from storage.database import Database, Row, Transaction
from storage.parameters import bounded_id, page_parameters
from tracker.credit import (
    FREE,
    NEUTRAL,
    AccountBalance,
    CreditRule,
    Factors,
    NewCreditRule,
    factors_by,
)
from tracker.sessions import SessionDelta

if TYPE_CHECKING:
    from storage.statements.credit import CreditStatements, FactorStatements


_MARKS = {Freeleech.FREE: FREE, Freeleech.NEUTRAL: NEUTRAL}


class SqlCredit:
    """Rules and balances in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: CreditStatements = database.dialect.statements(
            "storage.statements.credit.CreditStatements"
        )

    async def add_rule(self, rule: NewCreditRule) -> CreditRule:
        """Add a rule."""
        async with self._database.transaction() as transaction:
            return await self._insert(transaction, rule)

    async def end_rule(self, rule: int, now: int) -> CreditRule | None:
        """End a rule now, and return it; one that has not begun is as if it had never been. None: there is none."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql.end, {"rule": bounded_id(rule), "now": now})
        return _rule(rows[0]) if rows else None

    async def rules(self, now: int, offset: int, limit: int) -> tuple[list[CreditRule], int]:
        """Return rules that have not ended, but for tokens, the newest first, and how many there are."""
        rows = await self._database.rows(self._sql.page, {"now": now, **page_parameters(offset, limit)})
        ((count,),) = await self._database.rows(self._sql.count, {"now": now})
        return [_rule(row) for row in rows], count

    async def shown(self, now: int) -> list[CreditRule]:
        """Return every rule for torrents or the site, of no account, that has not ended."""
        return [_rule(row) for row in await self._database.rows(self._sql.shown, {"now": now})]

    async def tokens_in_use(self, account: int, now: int) -> list[CreditRule]:
        """Return the tokens that an account has spent and that have not ended."""
        rows = await self._database.rows(self._sql.in_use, {"owner": account, "now": now})
        return [_rule(row) for row in rows]

    async def balance(self, account: int) -> AccountBalance:
        """Return what an account has beside its traffic."""
        rows = await self._database.rows(self._sql.balance, {"owner": account})
        return AccountBalance(*rows[0]) if rows else AccountBalance()

    async def grant(self, account: int, tokens: int) -> AccountBalance:
        """Add tokens, or with a number below 0 take some away, though none below 0; return what there is then."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.open, no_balance(account))
            (row,) = await transaction.rows(self._sql.grant, {"owner": account, "add": tokens})
        return AccountBalance(*row)

    async def spend_token(self, rule: NewCreditRule) -> CreditRule | None:
        """Take a token from the account of a rule, and add the rule; None without a token, or with such a rule."""
        assert rule.infohash is not None
        place = {"owner": rule.account, "torrent": bytes(rule.infohash), "now": rule.since}
        async with self._database.transaction() as transaction:
            ((same,),) = await transaction.rows(self._sql.same, place)
            if same or not await transaction.run(self._sql.spend, {"owner": rule.account}):
                return None
            return await self._insert(transaction, rule)

    async def _insert(self, transaction: Transaction, rule: NewCreditRule) -> CreditRule:
        row = {
            "account_id": rule.account,
            "infohash": None if rule.infohash is None else bytes(rule.infohash),
            "upload": rule.upload,
            "download": rule.download,
            "since": rule.since,
            "until": rule.until,
            "author": rule.author,
            "reason": rule.reason,
        }
        (added,) = await transaction.rows(self._sql.add, row)
        return _rule(added)


class DeltaFactors:
    """Reads the factors of deltas inside the transaction that books them: those in force when each was seen."""

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._sql: FactorStatements = database.dialect.statements(
            "storage.statements.credit.FactorStatements"
        )

    async def of(self, transaction: Transaction, deltas: Sequence[SessionDelta]) -> list[Factors]:
        """Return the factors of each delta."""
        seen = [delta.last.seen for delta in deltas]
        parameters = {
            "first": min(seen, default=0),
            "last": max(seen, default=0),
            "hashes": self._dialect.hashes({bytes(delta.infohash) for delta in deltas}),
            "accounts": self._dialect.ids({delta.account for delta in deltas}),
        }
        rows = await transaction.rows(self._sql.by_torrent, parameters)
        others = [_rule(row) for row in await transaction.rows(self._sql.others, parameters)]
        marks = {
            bytes(infohash): _MARKS[Freeleech(kind)]
            for infohash, kind in await transaction.rows(self._sql.marks, parameters)
        }
        rules: dict[bytes, list[CreditRule]] = {}
        for rule in map(_rule, rows):
            rules.setdefault(bytes(rule.infohash or b""), []).append(rule)
        return [
            factors_by(
                _met(delta, (*rules.get(bytes(delta.infohash), ()), *others)),
                marks.get(bytes(delta.infohash), Factors()),
            )
            for delta in deltas
        ]


def _met(delta: SessionDelta, rules: Iterable[CreditRule]) -> list[CreditRule]:
    account, infohash, seen = delta.account, delta.infohash, delta.last.seen
    return [rule for rule in rules if rule.holds_at(seen) and rule.covers(account, infohash)]


def _rule(row: Row) -> CreditRule:
    since, until, account, infohash, upload, download, author, reason, number = row
    return CreditRule(
        since,
        until,
        account,
        None if infohash is None else InfoHash.of(infohash),
        upload,
        download,
        author,
        reason,
        number,
    )


def no_balance(account: int) -> dict[str, int]:
    """Return the row of an account that has nothing beside its traffic."""
    return {"account_id": account, **dict.fromkeys(("tokens", "uploaded", "downloaded", "points"), 0)}
