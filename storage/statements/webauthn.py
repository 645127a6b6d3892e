"""The statements of WebAuthn credentials."""

from sqlalchemy import bindparam, delete, func, or_, select, update

from storage.dialect import SqlDialect
from storage.tables.accounts import webauthn_credential


class WebAuthnStatements:
    """The statements of `SqlWebAuthn`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled, row = dialect.compile, webauthn_credential.c
        mine, same = row.account_id == bindparam("user"), row.id == bindparam("credential")
        found = select(row.id, row.account_id, row.data, row.count, row.name, row.added, row.used)
        self.add = compiled(
            dialect.insert_or_ignore(webauthn_credential)
            .values(**{column.name: bindparam(column.name) for column in webauthn_credential.columns})
            .returning(row.account_id)
        )
        self.of_user = compiled(found.where(mine).order_by(row.added, row.id))
        self.count = compiled(select(func.count()).select_from(webauthn_credential).where(mine))
        self.find = compiled(found.where(same))
        # A device that counts its uses counts up; one that does not always says 0.
        counts_up = or_(row.count < bindparam("seen"), row.count == 0)
        self.use = compiled(
            update(webauthn_credential)
            .where(same, counts_up)
            .values(count=bindparam("seen"), used=bindparam("now"))
            .returning(row.account_id)
        )
        self.remove = compiled(delete(webauthn_credential).where(mine, same).returning(row.account_id))
