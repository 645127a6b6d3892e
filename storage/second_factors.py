"""Second factors of accounts in a SQL database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounts.second_factor import FactorRecord
from storage.database import Database, Transaction

if TYPE_CHECKING:
    from storage.statements.second_factors import SecondFactorStatements


class SqlSecondFactors:
    """A `SecondFactorStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: SecondFactorStatements = database.dialect.statements(
            "storage.statements.second_factors.SecondFactorStatements"
        )

    async def begin(self, user: int, sealed: str) -> None:
        """Store a secret that is not confirmed, in place of an earlier one that is not."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.drop_waiting, {"user": user})
            row = {"account_id": user, "sealed": sealed, "confirmed": None, "step": -1}
            await transaction.run(self._sql.add, row)

    async def find(self, user: int) -> FactorRecord | None:
        """Find the second factor of an account, confirmed or not."""
        rows = await self._database.rows(self._sql.find, {"user": user})
        return FactorRecord(*rows[0]) if rows else None

    async def confirm(self, user: int, now: int, step: int, recovery: Sequence[bytes]) -> bool:
        """Confirm the secret and store digests of recovery codes; False where none waits for it."""
        async with self._database.transaction() as transaction:
            changed = await transaction.rows(self._sql.confirm, {"user": user, "now": now, "at": step})
            if changed:
                await self._put_recovery(transaction, user, recovery)
        return bool(changed)

    async def use_step(self, user: int, step: int) -> bool:
        """Note the step of a code that was used; False where that one or a later one was."""
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._sql.use_step, {"user": user, "at": step}))

    async def use_recovery(self, user: int, digest: bytes) -> bool:
        """Delete a recovery code; False where the account has none with that digest."""
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._sql.use_code, {"user": user, "digest": digest}))

    async def count_recovery(self, user: int) -> int:
        """Count the recovery codes that are left."""
        ((count,),) = await self._database.rows(self._sql.count, {"user": user})
        return int(count)

    async def first_credential(self, user: int) -> int | None:
        """Return when the oldest WebAuthn credential of an account was added; None where it has none."""
        ((added,),) = await self._database.rows(self._sql.first_credential, {"user": user})
        return None if added is None else int(added)

    async def put_recovery(self, user: int, recovery: Sequence[bytes]) -> None:
        """Store digests of recovery codes in place of earlier ones."""
        async with self._database.transaction() as transaction:
            await self._put_recovery(transaction, user, recovery)

    async def delete(self, user: int) -> bool:
        """Delete secret, WebAuthn credentials and recovery codes; False where there are none."""
        async with self._database.transaction() as transaction:
            gone = await transaction.rows(self._sql.drop, {"user": user})
            gone += await transaction.rows(self._sql.drop_credentials, {"user": user})
            await transaction.run(self._sql.drop_codes, {"user": user})
        return bool(gone)

    async def _put_recovery(self, transaction: Transaction, user: int, recovery: Sequence[bytes]) -> None:
        await transaction.run(self._sql.drop_codes, {"user": user})
        for digest in recovery:
            await transaction.run(self._sql.add_code, {"digest": digest, "account_id": user})
