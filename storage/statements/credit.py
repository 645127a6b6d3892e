"""The statements of credit."""

from sqlalchemy import BindParameter, bindparam, case, func, insert, or_, select, update

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.catalogue import torrent
from storage.tables.credit import account_balance, credit_rule

_MOST_TOKENS = 1_000_000
_RULE = (
    *(credit_rule.c[name] for name in ("since", "until", "account_id", "infohash")),
    *(credit_rule.c[name] for name in ("upload", "download", "author", "reason", "id")),
)


_BALANCE = tuple(account_balance.c[name] for name in ("tokens", "uploaded", "downloaded", "points"))


class CreditStatements:
    """The statements of `SqlCredit`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        rule, now = credit_rule.c, bindparam("now", type_=credit_rule.c.since.type)
        live = or_(rule.until.is_(None), rule.until > now)
        owner: BindParameter[int] = bindparam("owner")
        standing = (live, or_(rule.account_id.is_(None), rule.infohash.is_(None)))
        self.add = compiled(insert(credit_rule).values(**new_row(credit_rule)).returning(*_RULE))
        later = case((rule.since > now, rule.since), else_=now)
        self.end = compiled(
            update(credit_rule)
            .where(rule.id == bindparam("rule"), live)
            .values(until=later)
            .returning(*_RULE)
        )
        page = select(*_RULE).where(*standing).order_by(rule.id.desc())
        self.page = compiled(page.limit(bindparam("limit")).offset(bindparam("offset")))
        self.count = compiled(select(func.count()).select_from(credit_rule).where(*standing))
        self.shown = compiled(select(*_RULE).where(live, rule.account_id.is_(None)))
        self.in_use = compiled(
            select(*_RULE).where(rule.account_id == owner, rule.infohash.is_not(None), live)
        )
        self.same = compiled(
            select(func.count())
            .select_from(credit_rule)
            .where(rule.account_id == owner, rule.infohash == bindparam("torrent"), live)
        )
        self.balance = compiled(select(*_BALANCE).where(account_balance.c.account_id == owner))
        self.open = compiled(dialect.insert_or_ignore(account_balance))
        sum_of = account_balance.c.tokens + bindparam("add")
        bounded = case((sum_of < 0, 0), (sum_of > _MOST_TOKENS, _MOST_TOKENS), else_=sum_of)
        mine = update(account_balance).where(account_balance.c.account_id == owner)
        self.grant = compiled(mine.values(tokens=bounded).returning(*_BALANCE))
        self.spend = compiled(
            mine.where(account_balance.c.tokens > 0).values(tokens=account_balance.c.tokens - 1)
        )


class FactorStatements:
    """The statements of `DeltaFactors`."""

    def __init__(self, dialect: SqlDialect) -> None:
        rule = credit_rule.c
        first: BindParameter[int] = bindparam("first")
        last: BindParameter[int] = bindparam("last")
        met = (rule.since <= last, or_(rule.until.is_(None), rule.until > first))
        self.by_torrent = dialect.compile(
            select(*_RULE).where(dialect.in_hashes(rule.infohash, "hashes"), *met)
        )
        self.others = dialect.compile(
            select(*_RULE).where(
                rule.infohash.is_(None),
                or_(rule.account_id.is_(None), dialect.in_list(rule.account_id, "accounts")),
                *met,
            )
        )
        self.marks = dialect.compile(
            select(torrent.c.infohash, torrent.c.freeleech).where(
                dialect.in_hashes(torrent.c.infohash, "hashes"), torrent.c.freeleech > 0
            )
        )
