"""The statements of invitations."""

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, case, delete, func, insert, or_, select, update

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.accounts import account
from storage.tables.ledger import traffic
from storage.tables.members import invitation, standing

_MOST = 1_000_000
_FLOAT = 1.0  # sums for people, who need no more than that of them
_CLAIM_SECONDS = 600  # a claim that was never settled, as by a crash, holds no longer
_INVITATION = tuple(invitation.c[name] for name in ("id", "inviter", "created", "expires", "account_id"))


class InvitationStatements:
    """The statements of `SqlInvitations`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        row = invitation.c
        owner: BindParameter[int] = bindparam("owner")
        now: BindParameter[int] = bindparam("now")
        usable = (row.expires > now, row.account_id.is_(None), row.claimed <= now - _CLAIM_SECONDS)
        same = row.digest == bindparam("digest")
        self.add = compiled(insert(invitation).values(**new_row(invitation)).returning(*_INVITATION))
        self.valid = compiled(select(*_INVITATION).where(same, *usable))
        self.claim = compiled(
            update(invitation).where(same, *usable).values(claimed=now).returning(*_INVITATION)
        )
        self.settle = compiled(
            update(invitation)
            .where(row.id == bindparam("number"))
            .values(account_id=bindparam("came"), claimed=0)
            .returning(row.inviter)
        )
        self.sent = compiled(
            select(*_INVITATION)
            .where(row.inviter == owner)
            .order_by(row.id.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.count = compiled(select(func.count()).select_from(invitation).where(row.inviter == owner))
        self.withdraw = compiled(
            delete(invitation).where(
                row.id == bindparam("number"), row.inviter == owner, row.account_id.is_(None)
            )
        )
        self.open = compiled(dialect.insert_or_ignore(standing))
        mine = update(standing).where(standing.c.account_id == owner)
        more = standing.c.invites + bindparam("add")
        bounded = case((more < 0, 0), (more > _MOST, _MOST), else_=more)
        self.grant = compiled(mine.values(invites=bounded).returning(standing.c.invites))
        self.take = compiled(mine.where(standing.c.invites > 0).values(invites=standing.c.invites - 1))
        self.came = compiled(mine.values(inviter=bindparam("by")))
        self.inviter = compiled(select(standing.c.inviter).where(standing.c.account_id == owner))
        below = or_(account.c.id == owner, dialect.in_list(standing.c.inviter, "ids"))
        self.people = compiled(_people().where(below).order_by(account.c.id).limit(bindparam("limit")))


def _people() -> Select[Any]:
    moved = func.sum(traffic.c.credited_up * _FLOAT), func.sum(traffic.c.credited_down * _FLOAT)
    sums = [select(each).where(traffic.c.account_id == account.c.id).scalar_subquery() for each in moved]
    people = account.outerjoin(standing, standing.c.account_id == account.c.id)
    shown = (account.c.id, account.c.name, account.c.enabled, account.c.joined, standing.c.inviter)
    return select(*shown, *sums).select_from(people)
