"""Takedown notices in a SQL database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Page, Person
from catalogue.notices import NewNotice, Notice, NoticeFigures, NoticeKind, NoticeState
from storage.database import Database
from storage.parameters import page_parameters

if TYPE_CHECKING:
    from storage.statements.notices import NoticeStatements

_MOST_COUNTED = 100_000
"""Notices that figures are made of, the newest ones."""


class SqlNotices:
    """A `NoticeStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: NoticeStatements = database.dialect.statements(
            "storage.statements.notices.NoticeStatements"
        )

    async def add(self, new: NewNotice, now: int, most: int) -> int:
        """Add a notice and return its number. Refusal: `full` where that many are open."""
        row: dict[str, Any] = {
            "kind": new.kind.value,
            "about": new.about,
            **{name: getattr(new, name) for name in ("claimant", "contact", "work", "statement")},
            "torrents": " ".join(each.lower for each in new.torrents),
            "added": now,
            "state": NoticeState.OPEN.value,
            "decided": None,
            "decider_id": None,
            "answer": "",
        }
        async with self._database.transaction() as transaction:
            ((waiting,),) = await transaction.rows(self._sql.open_count)
            if waiting >= most:
                raise Refusal("full")
            ((number,),) = await transaction.rows(self._sql.add, row)
        return int(number)

    async def notice(self, number: int) -> Notice | None:
        """Find a notice."""
        rows = await self._database.rows(self._sql.one, {"key": number})
        return _read(rows[0]) if rows else None

    async def notices(self, offset: int, limit: int, *, decided: bool | None) -> Page[Notice]:
        """Return open notices oldest first, decided ones newest first, or with None all, newest first."""
        sql = self._sql
        page, count = sql.page, sql.count
        if decided is not None:
            page = sql.decided_page if decided else sql.open_page
            count = sql.decided_count if decided else sql.open_count
        rows = await self._database.rows(page, page_parameters(offset, limit))
        ((total,),) = await self._database.rows(count)
        return Page(tuple(_read(row) for row in rows), int(total))

    async def decide(
        self, number: int, state: NoticeState, decider: int | None, answer: str, now: int
    ) -> bool:
        """Decide an open notice; False where it is none."""
        values = {"key": number, "new": state.value, "now": now, "by": decider, "said": answer}
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._sql.decide, values))

    async def figures(self, months: int) -> list[NoticeFigures]:
        """Return the figures of the newest months that had notices."""
        found: dict[str, list[int]] = {}
        for added, kind, state, torrents in await self._database.rows(
            self._sql.figures, {"limit": _MOST_COUNTED}
        ):
            month = datetime.fromtimestamp(added, UTC).strftime("%Y-%m")
            if month not in found and len(found) == months:
                break
            counts = found.setdefault(month, [0] * 5)
            counts[0 if kind == NoticeKind.TAKEDOWN.value else 1] += 1
            counts[2] += state == NoticeState.HONOURED.value
            counts[3] += state == NoticeState.REFUSED.value
            gone = kind == NoticeKind.TAKEDOWN.value and state == NoticeState.HONOURED.value
            counts[4] += len(torrents.split()) if gone else 0
        return [NoticeFigures(month, *counts) for month, counts in found.items()]


def _read(row: Sequence[Any]) -> Notice:
    (
        number,
        kind,
        about,
        claimant,
        contact,
        work,
        statement,
        torrents,
        added,
        state,
        decided,
        answer,
        by,
        name,
    ) = row
    return Notice(
        number,
        NoticeKind(kind),
        about,
        claimant,
        contact,
        work,
        statement,
        tuple(InfoHash.parse(each) for each in torrents.split()),
        added,
        NoticeState(state),
        decided,
        Person(by, name) if by is not None else None,
        answer,
    )
