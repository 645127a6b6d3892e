"""Invitations in a SQL database, the invites that accounts have, and the tree of who let whom in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounts.invitations import Invitation, InvitedUser
from storage.database import Database, Row
from storage.parameters import bounded_id, page_parameters
from storage.standing import no_standing

if TYPE_CHECKING:
    from storage.statements.invitations import InvitationStatements


_DEEPEST = 64


class SqlInvitations:
    """Invitations in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: InvitationStatements = database.dialect.statements(
            "storage.statements.invitations.InvitationStatements"
        )

    async def add(
        self, inviter: int, digest: bytes, now: int, expires: int, *, free: bool
    ) -> Invitation | None:
        """Add an invitation, and take one from what its sender has, but with `free`; None without one."""
        row = {"digest": digest, "inviter": inviter, "created": now, "expires": expires}
        async with self._database.transaction() as transaction:
            if not free and not await transaction.run(self._sql.take, {"owner": inviter}):
                return None
            (added,) = await transaction.rows(self._sql.add, {**row, "claimed": 0, "account_id": None})
        return Invitation(*added)

    async def claim(self, digest: bytes, now: int) -> Invitation | None:
        """Make an invitation unusable for anybody else, and return it; None: there is none that is valid."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql.claim, {"digest": digest, "now": now})
        return Invitation(*rows[0]) if rows else None

    async def settle(self, invitation: int, account: int | None) -> None:
        """Write who came by a claimed invitation; None: nobody, it can be used again."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._sql.settle, {"number": invitation, "came": account})
            if account is not None:
                await transaction.run(self._sql.open, no_standing(account))
                await transaction.run(self._sql.came, {"owner": account, "by": rows[0][0]})

    async def valid(self, digest: bytes, now: int) -> Invitation | None:
        """Return an invitation that can be used."""
        rows = await self._database.rows(self._sql.valid, {"digest": digest, "now": now})
        return Invitation(*rows[0]) if rows else None

    async def sent(self, inviter: int, offset: int, limit: int) -> tuple[list[Invitation], int]:
        """Return what an account sent, the newest first, and how many there are."""
        page = {"owner": inviter, **page_parameters(offset, limit)}
        ((count,),) = await self._database.rows(self._sql.count, page)
        return [Invitation(*row) for row in await self._database.rows(self._sql.sent, page)], count

    async def withdraw(self, inviter: int, invitation: int) -> bool:
        """Delete an invitation that nobody used, and give its sender one back; False: there is none."""
        async with self._database.transaction() as transaction:
            which = {"owner": inviter, "number": bounded_id(invitation)}
            if not await transaction.run(self._sql.withdraw, which):
                return False
            await transaction.run(self._sql.open, no_standing(inviter))
            await transaction.rows(self._sql.grant, {"owner": inviter, "add": 1})
        return True

    async def grant(self, account: int, invites: int) -> int:
        """Add invites, or with a number below 0 take some away, though none below 0; return what there is then."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.open, no_standing(account))
            ((left,),) = await transaction.rows(self._sql.grant, {"owner": account, "add": invites})
        return int(left)

    async def tree(self, root: int, limit: int) -> Sequence[InvitedUser]:
        """Return an account and whoever came by it, directly or not, each after who let them in."""
        rows: dict[int, Row] = {}
        level, depth = [root], 0
        while level and depth < _DEEPEST and len(rows) < limit:
            asked = {"owner": root, "ids": self._database.dialect.ids(level), "limit": limit}
            found = await self._database.rows(self._sql.people, asked, short=False)
            new = {row[0]: row for row in found if row[0] not in rows}
            level, depth = [number for number in new if number != root], depth + 1
            rows |= new
        return _in_order(rows, root)[:limit]

    async def inviter(self, account: int) -> int | None:
        """Return who let an account in, None where nobody did."""
        rows = await self._database.rows(self._sql.inviter, {"owner": account})
        return rows[0][0] if rows else None


def _in_order(rows: dict[int, Row], root: int) -> list[InvitedUser]:
    below: dict[int, list[int]] = {}
    for number, *_, by, _up, _down in rows.values():
        if number != root:
            below.setdefault(by, []).append(number)
    ordered, stack = [], [(root, 0)] if root in rows else []
    while stack:
        number, depth = stack.pop()
        _, name, enabled, joined, _by, up, down = rows[number]
        ordered.append(InvitedUser(number, name, depth, bool(enabled), joined, int(up or 0), int(down or 0)))
        stack += [(each, depth + 1) for each in sorted(below.get(number, ()), reverse=True)]
    return ordered
