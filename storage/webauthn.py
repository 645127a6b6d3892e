"""WebAuthn credentials of accounts in a SQL database."""

from typing import TYPE_CHECKING

from accounts.webauthn import WebAuthnCredential
from storage.database import Database

if TYPE_CHECKING:
    from storage.statements.webauthn import WebAuthnStatements


class SqlWebAuthn:
    """A `WebAuthnStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: WebAuthnStatements = database.dialect.statements(
            "storage.statements.webauthn.WebAuthnStatements"
        )

    async def add(self, credential: WebAuthnCredential, most: int) -> bool:
        """Add a credential; False where its id is taken, or the account has as many as it may."""
        async with self._database.transaction() as transaction:
            ((count,),) = await transaction.rows(self._sql.count, {"user": credential.user})
            if count >= most:
                return False
            row = {
                "id": credential.id,
                "account_id": credential.user,
                "data": credential.data,
                "count": credential.count,
                "name": credential.name,
                "added": credential.added,
                "used": credential.used,
            }
            return bool(await transaction.rows(self._sql.add, row))

    async def of_user(self, user: int) -> list[WebAuthnCredential]:
        """Return the credentials of an account, oldest first."""
        return [
            WebAuthnCredential(*row) for row in await self._database.rows(self._sql.of_user, {"user": user})
        ]

    async def find(self, credential: bytes) -> WebAuthnCredential | None:
        """Find a credential by its id."""
        rows = await self._database.rows(self._sql.find, {"credential": credential})
        return WebAuthnCredential(*rows[0]) if rows else None

    async def use(self, credential: bytes, count: int, now: int) -> bool:
        """Note a use with the device's count; False where that count, or a later one, was seen already."""
        values = {"credential": credential, "seen": count, "now": now}
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._sql.use, values))

    async def remove(self, user: int, credential: bytes) -> bool:
        """Delete a credential of an account; False where it has none with that id."""
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._sql.remove, {"user": user, "credential": credential}))
