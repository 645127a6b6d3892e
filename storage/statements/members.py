"""The statements of accounts that come from another site."""

from sqlalchemy import BindParameter, bindparam, exists, insert, select, update
from sqlalchemy.sql.expression import Insert

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.accounts import account, credential
from storage.tables.credit import account_balance
from storage.tables.ledger import snatch, traffic
from storage.tables.members import standing


class MemberStatements:
    """The statements of `SqlMembers`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.owner = compiled(
            select(credential.c.account_id).where(credential.c.digest == bindparam("digest"))
        )
        self.taken = compiled(select(account.c.folded).where(dialect.in_list(account.c.folded, "names")))
        self.account = compiled(insert(account).values(**new_row(account)).returning(account.c.id))
        self.credential = compiled(insert(credential).values(**new_row(credential)))
        self.open_balance = compiled(dialect.insert_or_ignore(account_balance))
        self.open_standing = compiled(dialect.insert_or_ignore(standing))
        self.traffic = compiled(dialect.insert_or_ignore(traffic))
        self.snatch = compiled(_new_snatch())
        owned: BindParameter[int] = bindparam("owner")
        row, balance = traffic.c, account_balance.c
        there = exists().where(row.account_id == owned, row.infohash == bindparam("torrent"))
        self.move = compiled(
            update(account_balance)
            .where(balance.account_id == owned, ~there)
            .values(
                uploaded=balance.uploaded - bindparam("up"), downloaded=balance.downloaded - bindparam("down")
            )
        )
        self.came = compiled(
            update(standing)
            .where(standing.c.account_id == owned, standing.c.inviter.is_(None))
            .values(inviter=bindparam("by"))
        )


def _new_snatch() -> Insert:
    """Return the statement that adds a snatch unless it is there."""
    row = snatch.c
    owner: BindParameter[int] = bindparam("owner")
    torrent: BindParameter[bytes] = bindparam("torrent")
    at: BindParameter[int] = bindparam("at")
    same = exists().where(row.account_id == owner, row.infohash == torrent, row.time == at)
    values = select(owner, torrent, at).where(~same)
    return insert(snatch).from_select(["account_id", "infohash", "time"], values)
