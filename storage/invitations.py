"""Invitations in a SQL database, the invites that accounts have, and the tree of who let whom in."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, case, delete, func, insert, or_, select, update

from accounts.invitations import Invitation, InvitedUser
from storage.database import Database, Row
from storage.parameters import bounded_id, page_parameters
from storage.rows import new_row
from storage.standing import no_standing
from storage.tables.accounts import account
from storage.tables.ledger import traffic
from storage.tables.members import invitation, standing

_INVITATION = tuple(invitation.c[name] for name in ("id", "inviter", "created", "expires", "account_id"))
_CLAIM_SECONDS = 600  # a claim that was never settled, as by a crash, holds no longer
_DEEPEST = 64
_MOST = 1_000_000
_FLOAT = 1.0  # sums for people, who need no more than that of them


class SqlInvitations:
    """Invitations in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.dialect
        compiled = dialect.compile
        row = invitation.c
        owner: BindParameter[int] = bindparam("owner")
        now: BindParameter[int] = bindparam("now")
        usable = (row.expires > now, row.account_id.is_(None), row.claimed <= now - _CLAIM_SECONDS)
        same = row.digest == bindparam("digest")
        self._add = compiled(insert(invitation).values(**new_row(invitation)).returning(*_INVITATION))
        self._valid = compiled(select(*_INVITATION).where(same, *usable))
        self._claim = compiled(
            update(invitation).where(same, *usable).values(claimed=now).returning(*_INVITATION)
        )
        self._settle = compiled(
            update(invitation)
            .where(row.id == bindparam("number"))
            .values(account_id=bindparam("came"), claimed=0)
            .returning(row.inviter)
        )
        self._sent = compiled(
            select(*_INVITATION)
            .where(row.inviter == owner)
            .order_by(row.id.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self._count = compiled(select(func.count()).select_from(invitation).where(row.inviter == owner))
        self._withdraw = compiled(
            delete(invitation).where(
                row.id == bindparam("number"), row.inviter == owner, row.account_id.is_(None)
            )
        )
        self._open = compiled(dialect.insert_or_ignore(standing))
        mine = update(standing).where(standing.c.account_id == owner)
        more = standing.c.invites + bindparam("add")
        bounded = case((more < 0, 0), (more > _MOST, _MOST), else_=more)
        self._grant = compiled(mine.values(invites=bounded).returning(standing.c.invites))
        self._take = compiled(mine.where(standing.c.invites > 0).values(invites=standing.c.invites - 1))
        self._came = compiled(mine.values(inviter=bindparam("by")))
        self._inviter = compiled(select(standing.c.inviter).where(standing.c.account_id == owner))
        below = or_(account.c.id == owner, dialect.in_list(standing.c.inviter, "ids"))
        self._people = compiled(_people().where(below).order_by(account.c.id).limit(bindparam("limit")))

    async def add(
        self, inviter: int, digest: bytes, now: int, expires: int, *, free: bool
    ) -> Invitation | None:
        """Add an invitation, and take one from what its sender has, but with `free`; None without one."""
        row = {"digest": digest, "inviter": inviter, "created": now, "expires": expires}
        async with self._database.transaction() as transaction:
            if not free and not await transaction.run(self._take, {"owner": inviter}):
                return None
            (added,) = await transaction.rows(self._add, {**row, "claimed": 0, "account_id": None})
        return Invitation(*added)

    async def claim(self, digest: bytes, now: int) -> Invitation | None:
        """Make an invitation unusable for anybody else, and return it; None: there is none that is valid."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._claim, {"digest": digest, "now": now})
        return Invitation(*rows[0]) if rows else None

    async def settle(self, invitation: int, account: int | None) -> None:
        """Write who came by a claimed invitation; None: nobody, it can be used again."""
        async with self._database.transaction() as transaction:
            rows = await transaction.rows(self._settle, {"number": invitation, "came": account})
            if account is not None:
                await transaction.run(self._open, no_standing(account))
                await transaction.run(self._came, {"owner": account, "by": rows[0][0]})

    async def valid(self, digest: bytes, now: int) -> Invitation | None:
        """Return an invitation that can be used."""
        rows = await self._database.rows(self._valid, {"digest": digest, "now": now})
        return Invitation(*rows[0]) if rows else None

    async def sent(self, inviter: int, offset: int, limit: int) -> tuple[list[Invitation], int]:
        """Return what an account sent, the newest first, and how many there are."""
        page = {"owner": inviter, **page_parameters(offset, limit)}
        ((count,),) = await self._database.rows(self._count, page)
        return [Invitation(*row) for row in await self._database.rows(self._sent, page)], count

    async def withdraw(self, inviter: int, invitation: int) -> bool:
        """Delete an invitation that nobody used, and give its sender one back; False: there is none."""
        async with self._database.transaction() as transaction:
            which = {"owner": inviter, "number": bounded_id(invitation)}
            if not await transaction.run(self._withdraw, which):
                return False
            await transaction.run(self._open, no_standing(inviter))
            await transaction.rows(self._grant, {"owner": inviter, "add": 1})
        return True

    async def grant(self, account: int, invites: int) -> int:
        """Add invites, or with a number below 0 take some away, though none below 0; return what there is then."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._open, no_standing(account))
            ((left,),) = await transaction.rows(self._grant, {"owner": account, "add": invites})
        return int(left)

    async def tree(self, root: int, limit: int) -> Sequence[InvitedUser]:
        """Return an account and whoever came by it, directly or not, each after who let them in."""
        rows: dict[int, Row] = {}
        level, depth = [root], 0
        while level and depth < _DEEPEST and len(rows) < limit:
            asked = {"owner": root, "ids": self._database.dialect.ids(level), "limit": limit}
            found = await self._database.rows(self._people, asked, short=False)
            new = {row[0]: row for row in found if row[0] not in rows}
            level, depth = [number for number in new if number != root], depth + 1
            rows |= new
        return _in_order(rows, root)[:limit]

    async def inviter(self, account: int) -> int | None:
        """Return who let an account in, None where nobody did."""
        rows = await self._database.rows(self._inviter, {"owner": account})
        return rows[0][0] if rows else None


def _people() -> Select[Any]:
    moved = func.sum(traffic.c.credited_up * _FLOAT), func.sum(traffic.c.credited_down * _FLOAT)
    sums = [select(each).where(traffic.c.account_id == account.c.id).scalar_subquery() for each in moved]
    people = account.outerjoin(standing, standing.c.account_id == account.c.id)
    shown = (account.c.id, account.c.name, account.c.enabled, account.c.joined, standing.c.inviter)
    return select(*shown, *sums).select_from(people)


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
