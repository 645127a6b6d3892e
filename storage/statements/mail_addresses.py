"""The statements of accounts' mail addresses."""

from sqlalchemy import bindparam, delete, or_, select, update

from storage.dialect import SqlDialect
from storage.tables.accounts import account, mail_address


class MailAddressStatements:
    """The statements of `SqlMailAddresses`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled, table = dialect.compile, mail_address.c
        mine = table.account_id == bindparam("user")
        self.find = compiled(select(table.address, table.waiting).where(mine))
        self.add = compiled(dialect.insert_or_ignore(mail_address))
        self.propose = compiled(
            update(mail_address)
            .where(mine)
            .values(waiting=bindparam("new"), digest=bindparam("secret"), expires=bindparam("until"))
        )
        self.confirm = compiled(
            update(mail_address)
            .where(table.digest == bindparam("secret"), table.expires > bindparam("now"))
            .values(address=table.waiting, waiting="", digest=None, expires=0)
            .returning(table.account_id, table.address)
        )
        self.fold = compiled(update(mail_address).where(mine).values(folded=bindparam("low")))
        self.forget = compiled(delete(mail_address).where(mine))
        asked = bindparam("asked", type_=account.c.folded.type)
        self.addressees = compiled(
            select(account.c.id, account.c.name, table.address)
            .join_from(mail_address, account)
            .where(
                account.c.enabled == 1,
                table.folded != "",
                or_(account.c.folded == asked, table.folded == asked),
            )
            .order_by(account.c.id)
            .limit(bindparam("most"))
        )
