"""Takedown notices in a SQL database."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Page, Person
from catalogue.notices import NewNotice, Notice, NoticeFigures, NoticeKind, NoticeState
from storage.database import Database
from storage.parameters import page_parameters
from storage.rows import new_row
from storage.tables import account, notice

_ROW = (
    *(notice.c[name] for name in ("id", "kind", "about", "claimant", "contact", "work", "statement")),
    *(notice.c[name] for name in ("torrents", "added", "state", "decided", "answer")),
    account.c.id,
    account.c.name,
)
_MOST_COUNTED = 100_000
"""Notices that figures are made of, the newest ones."""


class SqlNotices:
    """A `NoticeStore` in `peerage.db`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        compiled, rows = database.dialect.compile, notice.c
        read = select(*_ROW).select_from(notice.outerjoin(account, account.c.id == rows.decider_id))
        limited: dict[str, Any] = {"limit": bindparam("limit"), "offset": bindparam("offset")}
        is_open = rows.state == NoticeState.OPEN.value
        self._add = compiled(insert(notice).values(**new_row(notice)).returning(rows.id))
        self._one = compiled(read.where(rows.id == bindparam("key")))
        self._pages = {
            False: compiled(_limited(read.where(is_open).order_by(rows.id), limited)),
            True: compiled(_limited(read.where(~is_open).order_by(rows.id.desc()), limited)),
            None: compiled(_limited(read.order_by(rows.id.desc()), limited)),
        }
        counted = select(func.count()).select_from(notice)
        self._counts = {
            False: compiled(counted.where(is_open)),
            True: compiled(counted.where(~is_open)),
            None: compiled(counted),
        }
        self._decide = compiled(
            update(notice)
            .where(rows.id == bindparam("key"), is_open)
            .values(
                state=bindparam("new"),
                decided=bindparam("now"),
                decider_id=bindparam("by"),
                answer=bindparam("said"),
            )
            .returning(rows.id)
        )
        self._figures = compiled(
            select(rows.added, rows.kind, rows.state, rows.torrents)
            .order_by(rows.id.desc())
            .limit(bindparam("limit"))
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
            ((waiting,),) = await transaction.rows(self._counts[False])
            if waiting >= most:
                raise Refusal("full")
            ((number,),) = await transaction.rows(self._add, row)
        return int(number)

    async def notice(self, number: int) -> Notice | None:
        """Find a notice."""
        rows = await self._database.rows(self._one, {"key": number})
        return _read(rows[0]) if rows else None

    async def notices(self, offset: int, limit: int, *, decided: bool | None) -> Page[Notice]:
        """Return open notices oldest first, decided ones newest first, or with None all, newest first."""
        rows = await self._database.rows(self._pages[decided], page_parameters(offset, limit))
        ((total,),) = await self._database.rows(self._counts[decided])
        return Page(tuple(_read(row) for row in rows), int(total))

    async def decide(
        self, number: int, state: NoticeState, decider: int | None, answer: str, now: int
    ) -> bool:
        """Decide an open notice; False where it is none."""
        values = {"key": number, "new": state.value, "now": now, "by": decider, "said": answer}
        async with self._database.transaction() as transaction:
            return bool(await transaction.rows(self._decide, values))

    async def figures(self, months: int) -> list[NoticeFigures]:
        """Return the figures of the newest months that had notices."""
        found: dict[str, list[int]] = {}
        for added, kind, state, torrents in await self._database.rows(
            self._figures, {"limit": _MOST_COUNTED}
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


def _limited(query: Any, by: dict[str, Any]) -> Any:  # noqa: ANN401 - a Select of whatever columns
    return query.limit(by["limit"]).offset(by["offset"])


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
