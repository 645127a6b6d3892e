"""Erasure of accounts in a SQL database: credentials and names at once, and what may still be written at last."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accounts.erasure import ERASED_NAME, ErasureLine, Writings
from storage.catalogue.cascades import REMOVED_RESOLUTION
from storage.database import Database, Transaction

if TYPE_CHECKING:
    from storage.statements.erasure import ErasureStatements

_NAME_SIGNS = "A-Za-z0-9._-"


class SqlErasures:
    """An `ErasureStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: ErasureStatements = database.dialect.statements(
            "storage.statements.erasure.ErasureStatements"
        )

    async def begin(self, user: int, writings: Writings, line: ErasureLine) -> None:
        """Erase all but what is counted and fetched, and write the log's entry, in one transaction."""
        async with self._database.transaction() as transaction:
            found = await transaction.rows(self._sql.name, {"user": user})
            if not found:
                return
            nameless = await self._nameless(transaction)
            await transaction.run(self._sql.begin, {"account_id": user, "writings": writings.value})
            await self._forget_name(transaction, found[0][0])
            for statement in self._sql.about:
                await transaction.run(statement, {"user": user, "number": str(user), "erased": ERASED_NAME})
            await self._settle(transaction, user, nameless, writings, line.time)
            await transaction.run(self._sql.rename, {"user": user, "gone": f"({user})"})
            row = {"time": line.time, "account_id": line.actor, "verb": "erase", "subject": "user"}
            await transaction.run(self._sql.log, {**row, "target": ERASED_NAME, "detail": line.detail})

    async def waiting(self) -> Sequence[int]:
        """Return the accounts whose erasure began and is not finished, oldest first."""
        return [number for (number,) in await self._database.rows(self._sql.waiting)]

    async def finish(self, user: int, now: int) -> None:
        """Erase the rest, and the account with it, in one transaction; repeating it changes nothing."""
        async with self._database.transaction() as transaction:
            begun = await transaction.rows(self._sql.writings, {"user": user})
            if not begun:
                return
            # What requests under way still wrote since then goes the same way.
            nameless = await self._nameless(transaction)
            await self._settle(transaction, user, nameless, Writings(begun[0][0]), now)
            for statement in (*self._sql.last, self._sql.drop):
                await transaction.run(statement, {"user": user})

    async def _settle(
        self, transaction: Transaction, user: int, nameless: int, writings: Writings, now: int
    ) -> None:
        chosen = self._sql.keep if writings is Writings.KEEP else self._sql.delete
        given: Mapping[str, Any] = {
            "user": user,
            "nameless": nameless,
            "now": now,
            "removed": REMOVED_RESOLUTION,
        }
        for statement in (*self._sql.every, *chosen):
            await transaction.run(statement, given)

    async def _nameless(self, transaction: Transaction) -> int:
        """Return the account that has what erased ones left; it is made with the first of them."""
        row = {"name": ERASED_NAME, "folded": ERASED_NAME, "password": None, "role": "user", "enabled": 0}
        await transaction.run(self._sql.add_nameless, {**row, "joined": 0, "seen": None})
        ((number,),) = await transaction.rows(self._sql.nameless, {"erased": ERASED_NAME})
        return int(number)

    async def _forget_name(self, transaction: Transaction, name: str) -> None:
        """Take a name out of what others did, and out of what webhooks were told."""
        escaped = "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in name)
        for statement in self._sql.unsigned:
            await transaction.run(statement, {"name": name})
        word = re.compile(
            rf"(?<![{_NAME_SIGNS}]){re.escape(name)}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])", re.IGNORECASE
        )
        rows = await transaction.rows(self._sql.naming, {"pattern": f"%{escaped}%"})
        said = [{"row": number, "said": word.sub(ERASED_NAME, detail)} for number, detail in rows]
        await transaction.run_many(self._sql.say, said)
        await transaction.run(self._sql.told, {"pattern": f'%"by":"{escaped}"%'})
