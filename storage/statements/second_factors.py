"""The statements of second factors."""

from sqlalchemy import bindparam, delete, func, insert, select, update

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.accounts import recovery_code, second_factor, webauthn_credential


class SecondFactorStatements:
    """The statements of `SqlSecondFactors`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled, factor, code = dialect.compile, second_factor.c, recovery_code.c
        mine = factor.account_id == bindparam("user")
        own_codes = code.account_id == bindparam("user")
        self.find = compiled(select(factor.sealed, factor.confirmed, factor.step).where(mine))
        self.add = compiled(insert(second_factor).values(**new_row(second_factor)))
        self.drop_waiting = compiled(delete(second_factor).where(mine, factor.confirmed.is_(None)))
        self.drop = compiled(delete(second_factor).where(mine).returning(factor.account_id))
        self.confirm = compiled(
            update(second_factor)
            .where(mine, factor.confirmed.is_(None))
            .values(confirmed=bindparam("now"), step=bindparam("at"))
            .returning(factor.account_id)
        )
        self.use_step = compiled(
            update(second_factor)
            .where(mine, factor.step < bindparam("at"))
            .values(step=bindparam("at"))
            .returning(factor.account_id)
        )
        self.add_code = compiled(insert(recovery_code).values(**new_row(recovery_code)))
        self.use_code = compiled(
            delete(recovery_code)
            .where(own_codes, code.digest == bindparam("digest"))
            .returning(code.account_id)
        )
        self.drop_codes = compiled(delete(recovery_code).where(own_codes))
        self.drop_credentials = compiled(
            delete(webauthn_credential)
            .where(webauthn_credential.c.account_id == bindparam("user"))
            .returning(webauthn_credential.c.account_id)
        )
        self.first_credential = compiled(
            select(func.min(webauthn_credential.c.added)).where(
                webauthn_credential.c.account_id == bindparam("user")
            )
        )
        self.count = compiled(select(func.count()).select_from(recovery_code).where(own_codes))
