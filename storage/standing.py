"""How accounts stand, in a SQL database: what the rules ask of each, and what became of it, with the log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, case, func, insert, literal, select, update

from storage.database import Database
from storage.rows import new_row
from storage.tables.accounts import account
from storage.tables.catalogue import torrent
from storage.tables.credit import account_balance
from storage.tables.ledger import traffic
from storage.tables.members import standing
from storage.tables.moderation import deed
from tracker.standing import JudgedAccount, MemberFigures, Standing

_STANDING = tuple(standing.c[name] for name in Standing._fields)
_HALF = 2**20  # sums of many rows are taken in two parts, which no number of rows makes too large


class SqlStandings:
    """Standings in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.dialect
        compiled = dialect.compile
        owner: BindParameter[int] = bindparam("owner")
        row, sums = standing.c, traffic.c
        self._standing = compiled(select(*_STANDING).where(row.account_id == owner))
        self._page = compiled(
            select(
                account.c.id,
                account.c.joined,
                func.coalesce(account_balance.c.uploaded, literal(0)),
                func.coalesce(account_balance.c.downloaded, literal(0)),
                *(func.coalesce(column, literal("" if column is row.name else 0)) for column in _STANDING),
            )
            .select_from(
                account.outerjoin(standing, row.account_id == account.c.id).outerjoin(
                    account_balance, account_balance.c.account_id == account.c.id
                )
            )
            .where(account.c.id > bindparam("after"), account.c.role == "user", account.c.enabled == 1)
            .order_by(account.c.id)
            .limit(bindparam("limit"))
        )
        self._sums = compiled(_sums().where(dialect.in_list(sums.account_id, "ids")))
        self._torrents = compiled(
            select(torrent.c.uploader_id, func.count())
            .where(dialect.in_list(torrent.c.uploader_id, "ids"), torrent.c.hidden == 0)
            .group_by(torrent.c.uploader_id)
        )
        self._open = compiled(dialect.insert_or_ignore(standing))
        more = row.invites + bindparam("gift")
        self._write = compiled(
            update(standing)
            .where(row.account_id == owner)
            .values(
                name=bindparam("new_name"),
                watched=bindparam("new_watched"),
                barred=bindparam("new_barred"),
                reached=bindparam("new_reached"),
                invites=case((more < 0, 0), else_=more),
            )
        )
        self._log = compiled(insert(deed).values(**new_row(deed)))
        self._barred = compiled(select(row.account_id).where(row.barred > 0))

    async def standing(self, account: int) -> Standing:
        """Return how an account stands; one that was never judged stands as `Standing()`."""
        rows = await self._database.rows(self._standing, {"owner": account})
        return Standing(*rows[0]) if rows else Standing()

    async def figures(self, after: int, limit: int) -> list[tuple[MemberFigures, Standing]]:
        """Return up to `limit` enabled accounts of the role user with ids above `after`, ascending."""
        page = await self._database.rows(self._page, {"after": after, "limit": limit}, short=False)
        ids = {"ids": self._database.dialect.ids(row[0] for row in page)}
        moved = {
            owner: [
                (high or 0) * _HALF + (low or 0) for high, low in zip(parts[::2], parts[1::2], strict=True)
            ]
            for owner, *parts in await self._database.rows(self._sums, ids, short=False)
        }
        brought: dict[int, int] = {
            row[0]: row[1] for row in await self._database.rows(self._torrents, ids, short=False)
        }
        found = []
        for number, joined, more_up, more_down, *how in page:
            up, down, snatched = moved.get(number, (0, 0, 0))
            figures = MemberFigures(
                number,
                max(up + more_up, 0),
                max(down + more_down, 0),
                snatched,
                brought.get(number, 0),
                joined,
            )
            found.append((figures, Standing(*how)))
        return found

    async def write(self, judged: Sequence[JudgedAccount], now: int) -> None:
        """Write standings, and each change into the moderators' log, in one transaction.

        Invites that were given or used meanwhile stay so: the difference is added.
        """
        async with self._database.transaction() as transaction:
            await transaction.run_many(self._open, [no_standing(each.account) for each in judged])
            await transaction.run_many(
                self._write,
                [
                    {
                        "owner": each.account,
                        "new_name": each.standing.name,
                        "new_watched": each.standing.watched,
                        "new_barred": each.standing.barred,
                        "new_reached": each.standing.reached,
                        "gift": each.standing.invites - each.before.invites,
                    }
                    for each in judged
                ],
            )
            await transaction.run_many(
                self._log,
                [
                    {
                        "time": now,
                        "account_id": None,
                        "verb": change.verb,
                        "subject": "user",
                        "target": str(each.account),
                        "detail": change.detail,
                    }
                    for each in judged
                    for change in each.changes
                ],
            )

    async def barred(self) -> set[int]:
        """Return the accounts that are barred."""
        return {number for (number,) in await self._database.rows(self._barred)}


def _sums() -> Select[Any]:
    """Return the sums of accounts, each in two parts."""
    row = traffic.c
    parts = [
        part
        for column in (row.credited_up, row.credited_down, row.snatched)
        for part in (func.sum(column // _HALF), func.sum(column % _HALF))
    ]
    return select(row.account_id, *parts).group_by(row.account_id)


def no_standing(number: int, inviter: int | None = None) -> dict[str, object]:
    """Return the row of an account that was never judged."""
    zeros = dict.fromkeys(("watched", "barred", "invites", "reached"), 0)
    return {"account_id": number, "name": "", "inviter": inviter, **zeros}
