"""How accounts stand, in a SQL database: what the rules ask of each, and what became of it, with the log."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storage.database import Database
from tracker.standing import JudgedAccount, MemberFigures, Standing

if TYPE_CHECKING:
    from storage.statements.standing import StandingStatements


HALF = 2**20  # sums of many rows are taken in two parts, which no number of rows makes too large


class SqlStandings:
    """Standings in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: StandingStatements = database.dialect.statements(
            "storage.statements.standing.StandingStatements"
        )

    async def standing(self, account: int) -> Standing:
        """Return how an account stands; one that was never judged stands as `Standing()`."""
        rows = await self._database.rows(self._sql.standing, {"owner": account})
        return Standing(*rows[0]) if rows else Standing()

    async def figures(self, after: int, limit: int) -> list[tuple[MemberFigures, Standing]]:
        """Return up to `limit` enabled accounts of the role user with ids above `after`, ascending."""
        page = await self._database.rows(self._sql.page, {"after": after, "limit": limit}, short=False)
        ids = {"ids": self._database.dialect.ids(row[0] for row in page)}
        moved = {
            owner: [
                (high or 0) * HALF + (low or 0) for high, low in zip(parts[::2], parts[1::2], strict=True)
            ]
            for owner, *parts in await self._database.rows(self._sql.sums, ids, short=False)
        }
        brought: dict[int, int] = {
            row[0]: row[1] for row in await self._database.rows(self._sql.torrents, ids, short=False)
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
            await transaction.run_many(self._sql.open, [no_standing(each.account) for each in judged])
            await transaction.run_many(
                self._sql.write,
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
                self._sql.log,
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
        return {number for (number,) in await self._database.rows(self._sql.barred)}


def no_standing(number: int, inviter: int | None = None) -> dict[str, object]:
    """Return the row of an account that was never judged."""
    zeros = dict.fromkeys(("watched", "barred", "invites", "reached"), 0)
    return {"account_id": number, "name": "", "inviter": inviter, **zeros}
