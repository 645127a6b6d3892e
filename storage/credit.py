"""Rules of credit, tokens and balances in a SQL database, and the factors by which the ledger books deltas."""

from collections.abc import Iterable, Sequence

from sqlalchemy import BindParameter, bindparam, case, func, insert, or_, select, update

from bittorrent.infohash import InfoHash
from catalogue.model import Freeleech
from storage.database import Database, Row, Transaction
from storage.parameters import bounded_id, page_parameters
from storage.rows import new_row
from storage.tables.catalogue import torrent
from storage.tables.credit import account_balance, credit_rule
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

_RULE = (
    *(credit_rule.c[name] for name in ("since", "until", "account_id", "infohash")),
    *(credit_rule.c[name] for name in ("upload", "download", "author", "reason", "id")),
)
_BALANCE = tuple(account_balance.c[name] for name in ("tokens", "uploaded", "downloaded", "points"))
_MARKS = {Freeleech.FREE: FREE, Freeleech.NEUTRAL: NEUTRAL}
_MOST_TOKENS = 1_000_000


class SqlCredit:
    """Rules and balances in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled = database.dialect.compile
        rule, now = credit_rule.c, bindparam("now", type_=credit_rule.c.since.type)
        live = or_(rule.until.is_(None), rule.until > now)
        owner: BindParameter[int] = bindparam("owner")
        standing = (live, or_(rule.account_id.is_(None), rule.infohash.is_(None)))
        self._add = compiled(insert(credit_rule).values(**new_row(credit_rule)).returning(*_RULE))
        later = case((rule.since > now, rule.since), else_=now)
        self._end = compiled(
            update(credit_rule)
            .where(rule.id == bindparam("rule"), live)
            .values(until=later)
            .returning(*_RULE)
        )
        page = select(*_RULE).where(*standing).order_by(rule.id.desc())
        self._page = compiled(page.limit(bindparam("limit")).offset(bindparam("offset")))
        self._count = compiled(select(func.count()).select_from(credit_rule).where(*standing))
        self._shown = compiled(select(*_RULE).where(live, rule.account_id.is_(None)))
        self._in_use = compiled(
            select(*_RULE).where(rule.account_id == owner, rule.infohash.is_not(None), live)
        )
        self._same = compiled(
            select(func.count())
            .select_from(credit_rule)
            .where(rule.account_id == owner, rule.infohash == bindparam("torrent"), live)
        )
        self._balance = compiled(select(*_BALANCE).where(account_balance.c.account_id == owner))
        self._open = compiled(database.dialect.insert_or_ignore(account_balance))
        sum_of = account_balance.c.tokens + bindparam("add")
        bounded = case((sum_of < 0, 0), (sum_of > _MOST_TOKENS, _MOST_TOKENS), else_=sum_of)
        mine = update(account_balance).where(account_balance.c.account_id == owner)
        self._grant = compiled(mine.values(tokens=bounded).returning(*_BALANCE))
        self._spend = compiled(
            mine.where(account_balance.c.tokens > 0).values(tokens=account_balance.c.tokens - 1)
        )

    async def add_rule(self, rule: NewCreditRule) -> CreditRule:
        """Add a rule."""
        async with self._database.transaction() as transaction:
            return await self._insert(transaction, rule)

    async def end_rule(self, rule: int, now: int) -> CreditRule | None:
        """End a rule now, and return it; one that has not begun is as if it had never been. None: there is none."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._end, {"rule": bounded_id(rule), "now": now})
        return _rule(rows[0]) if rows else None

    async def rules(self, now: int, offset: int, limit: int) -> tuple[list[CreditRule], int]:
        """Return rules that have not ended, but for tokens, the newest first, and how many there are."""
        rows = await self._database.rows(self._page, {"now": now, **page_parameters(offset, limit)})
        ((count,),) = await self._database.rows(self._count, {"now": now})
        return [_rule(row) for row in rows], count

    async def shown(self, now: int) -> list[CreditRule]:
        """Return every rule for torrents or the site, of no account, that has not ended."""
        return [_rule(row) for row in await self._database.rows(self._shown, {"now": now})]

    async def tokens_in_use(self, account: int, now: int) -> list[CreditRule]:
        """Return the tokens that an account has spent and that have not ended."""
        rows = await self._database.rows(self._in_use, {"owner": account, "now": now})
        return [_rule(row) for row in rows]

    async def balance(self, account: int) -> AccountBalance:
        """Return what an account has beside its traffic."""
        rows = await self._database.rows(self._balance, {"owner": account})
        return AccountBalance(*rows[0]) if rows else AccountBalance()

    async def grant(self, account: int, tokens: int) -> AccountBalance:
        """Add tokens, or with a number below 0 take some away, though none below 0; return what there is then."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._open, no_balance(account))
            (row,) = await transaction.rows(self._grant, {"owner": account, "add": tokens})
        return AccountBalance(*row)

    async def spend_token(self, rule: NewCreditRule) -> CreditRule | None:
        """Take a token from the account of a rule, and add the rule; None without a token, or with such a rule."""
        assert rule.infohash is not None
        place = {"owner": rule.account, "torrent": bytes(rule.infohash), "now": rule.since}
        async with self._database.transaction() as transaction:
            ((same,),) = await transaction.rows(self._same, place)
            if same or not await transaction.run(self._spend, {"owner": rule.account}):
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
        (added,) = await transaction.rows(self._add, row)
        return _rule(added)


class DeltaFactors:
    """Reads the factors of deltas inside the transaction that books them: those in force when each was seen."""

    def __init__(self, database: Database) -> None:
        self._dialect = dialect = database.dialect
        rule = credit_rule.c
        first: BindParameter[int] = bindparam("first")
        last: BindParameter[int] = bindparam("last")
        met = (rule.since <= last, or_(rule.until.is_(None), rule.until > first))
        self._by_torrent = dialect.compile(
            select(*_RULE).where(dialect.in_hashes(rule.infohash, "hashes"), *met)
        )
        self._others = dialect.compile(
            select(*_RULE).where(
                rule.infohash.is_(None),
                or_(rule.account_id.is_(None), dialect.in_list(rule.account_id, "accounts")),
                *met,
            )
        )
        self._marks = dialect.compile(
            select(torrent.c.infohash, torrent.c.freeleech).where(
                dialect.in_hashes(torrent.c.infohash, "hashes"), torrent.c.freeleech > 0
            )
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
        rows = await transaction.rows(self._by_torrent, parameters)
        others = [_rule(row) for row in await transaction.rows(self._others, parameters)]
        marks = {
            bytes(infohash): _MARKS[Freeleech(kind)]
            for infohash, kind in await transaction.rows(self._marks, parameters)
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


def no_balance(account: int) -> dict[str, int]:
    """Return the row of an account that has nothing beside its traffic."""
    return {
        **{column.name: 0 for column in account_balance.columns},
        "account_id": account,
    }


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
