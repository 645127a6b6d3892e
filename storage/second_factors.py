"""Second factors of accounts in a SQL database."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select, update

from accounts.second_factor import FactorRecord
from storage.database import Database
from storage.rows import new_row
from storage.tables import recovery_code, second_factor


class SqlSecondFactors:
    """A `SecondFactorStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled, factor, code = database.dialect.compile, second_factor.c, recovery_code.c
        mine = factor.account_id == bindparam("user")
        own_codes = code.account_id == bindparam("user")
        self._find = compiled(select(factor.sealed, factor.confirmed, factor.step).where(mine))
        self._add = compiled(insert(second_factor).values(**new_row(second_factor)))
        self._drop_waiting = compiled(delete(second_factor).where(mine, factor.confirmed.is_(None)))
        self._drop = compiled(delete(second_factor).where(mine).returning(factor.account_id))
        self._confirm = compiled(
            update(second_factor)
            .where(mine, factor.confirmed.is_(None))
            .values(confirmed=bindparam("now"), step=bindparam("at"))
            .returning(factor.account_id)
        )
        self._use_step = compiled(
            update(second_factor)
            .where(mine, factor.step < bindparam("at"))
            .values(step=bindparam("at"))
            .returning(factor.account_id)
        )
        self._add_code = compiled(insert(recovery_code).values(**new_row(recovery_code)))
        self._use_code = compiled(
            delete(recovery_code)
            .where(own_codes, code.digest == bindparam("digest"))
            .returning(code.account_id)
        )
        self._drop_codes = compiled(delete(recovery_code).where(own_codes))
        self._count = compiled(select(func.count()).select_from(recovery_code).where(own_codes))

    async def begin(self, user: int, sealed: str) -> None:
        """Store a secret that is not confirmed, in place of an earlier one that is not."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._drop_waiting, {"user": user})
            row = {"account_id": user, "sealed": sealed, "confirmed": None, "step": -1}
            await transaction.run(self._add, row)

    async def find(self, user: int) -> FactorRecord | None:
        """Find the second factor of an account, confirmed or not."""
        rows = await self._database.rows(self._find, {"user": user})
        return FactorRecord(*rows[0]) if rows else None

    async def confirm(self, user: int, now: int, step: int, recovery: Sequence[bytes]) -> bool:
        """Confirm the secret and store digests of recovery codes; False where none waits for it."""
        async with self._database.transaction() as transaction:
            changed = await transaction.rows(self._confirm, {"user": user, "now": now, "at": step})
            if changed:
                await transaction.run(self._drop_codes, {"user": user})
                for digest in recovery:
                    await transaction.run(self._add_code, {"digest": digest, "account_id": user})
        return bool(changed)

    async def use_step(self, user: int, step: int) -> bool:
        """Note the step of a code that was used; False where that one or a later one was."""
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._use_step, {"user": user, "at": step}))

    async def use_recovery(self, user: int, digest: bytes) -> bool:
        """Delete a recovery code; False where the account has none with that digest."""
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._use_code, {"user": user, "digest": digest}))

    async def count_recovery(self, user: int) -> int:
        """Count the recovery codes that are left."""
        ((count,),) = await self._database.rows(self._count, {"user": user})
        return int(count)

    async def delete(self, user: int) -> bool:
        """Delete secret and recovery codes; False where there are none."""
        async with self._database.transaction() as transaction:
            gone = await transaction.rows(self._drop, {"user": user})
            await transaction.run(self._drop_codes, {"user": user})
        return bool(gone)
