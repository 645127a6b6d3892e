"""Mail addresses of accounts in a SQL database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounts.mail_addresses import Addressee, MailAddress
from storage.database import Database

if TYPE_CHECKING:
    from storage.statements.mail_addresses import MailAddressStatements


class SqlMailAddresses:
    """A `MailAddressStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: MailAddressStatements = database.dialect.statements(
            "storage.statements.mail_addresses.MailAddressStatements"
        )

    async def find(self, user: int) -> MailAddress:
        """Return what is known of an account."""
        rows = await self._database.rows(self._sql.find, {"user": user})
        return MailAddress(*rows[0]) if rows else MailAddress("", "")

    async def propose(self, user: int, address: str, digest: bytes, expires: int) -> None:
        """Store an address that waits for whoever reads it, in place of an earlier one that waits."""
        empty = {"account_id": user, "address": "", "folded": "", "waiting": "", "digest": None, "expires": 0}
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.add, empty)
            given = {"user": user, "new": address, "secret": digest, "until": expires}
            await transaction.run(self._sql.propose, given)

    async def confirm(self, digest: bytes, now: int) -> int | None:
        """Make the address of a valid secret the account's own, and return the account; None for no such secret."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql.confirm, {"secret": digest, "now": now})
            if not rows:
                return None
            user, address = rows[0]
            await transaction.run(self._sql.fold, {"user": user, "low": address.lower()})
        return int(user)

    async def forget(self, user: int) -> None:
        """Delete what is known of an account's addresses."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.forget, {"user": user})

    async def addressees(self, folded: str, most: int) -> Sequence[Addressee]:
        """Return the enabled accounts with that folded name or confirmed folded address, `most` at most."""
        rows = await self._database.rows(self._sql.addressees, {"asked": folded, "most": most})
        return [Addressee(*row) for row in rows]
