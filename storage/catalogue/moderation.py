"""Reports and the moderators' log in `peerage.db`."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from accounts.fields import fold
from bittorrent.refusal import Refusal
from catalogue.model import EVERY_ENTRY, LogEntry, LogFilter, Page, Person, Report, Subject
from storage.catalogue.record_titles import RecordTitles
from storage.database import Database
from storage.parameters import bounded_id, page_parameters
from storage.rows import TableRows

if TYPE_CHECKING:
    from storage.statements.moderation import ModerationStatements

_REPORTABLE = MappingProxyType(
    {
        Subject.TORRENT: "catalogue.torrent",
        Subject.GROUP: "catalogue.work",
        Subject.COMMENT: "discussion.comment",
        Subject.COLLAGE: "collages.collage",
        Subject.USER: "accounts.account",
        Subject.TAG: "catalogue.tag",
        Subject.AUTHOR: "catalogue.author",
    }
)


class SqlModeration:
    """Reports and the moderators' log in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = TableRows(database, "moderation.report")
        self._log_rows = TableRows(database, "moderation.log_entry")
        self._targets = {subject: TableRows(database, table) for subject, table in _REPORTABLE.items()}
        self._titles = RecordTitles(database)
        self._sql: ModerationStatements = database.dialect.statements(
            "storage.statements.moderation.ModerationStatements"
        )

    async def add_report(
        self, subject: Subject, target: int, reporter: int, reason: str, *, now: int, most: int
    ) -> int:
        """Add a report, and return its id; an open one of the same reporter gets the new reason."""
        if subject not in self._targets:
            raise Refusal("not-found")
        row = {"subject": subject, "target": target, "account_id": reporter, "reason": reason, "added": now}
        async with self._database.transaction() as transaction:
            await self._targets[subject].require(transaction, target)
            own = await transaction.rows(self._sql.own, {"user": reporter, "of": subject, "row": target})
            if own:
                await self._rows.update(transaction, own[0][0], {"reason": reason})
                return int(own[0][0])
            ((count,),) = await transaction.rows(self._sql.count_own, {"user": reporter})
            if count >= most:
                raise Refusal("full", f"at most {most} open reports")
            blank = {"resolver_id": None, "resolved": None, "resolution": ""}
            return await self._rows.insert(transaction, {**row, **blank})

    async def report(self, number: int) -> Report | None:
        """Find a report."""
        rows = await self._database.rows(self._sql.one, {"row": bounded_id(number)})
        return (await self._named([_report(rows[0])]))[0] if rows else None

    async def reports(self, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return reports, oldest first while they are open, else newest first."""
        count, page = (
            (self._sql.count_closed, self._sql.closed) if resolved else (self._sql.count_open, self._sql.open)
        )
        ((total,),) = await self._database.rows(count)
        rows = await self._database.rows(page, page_parameters(offset, limit))
        return Page(await self._named([_report(row) for row in rows]), total)

    async def resolve(self, number: int, resolver: int, resolution: str, now: int) -> None:
        """Close a report. Refusal: `fixed`, when it is closed."""
        closing = {"resolver_id": resolver, "resolved": now, "resolution": resolution}
        async with self._database.transaction() as transaction:
            before = await self._rows.update(transaction, number, closing)
            if before["resolved"] is not None:
                raise Refusal("fixed")

    async def add_log_entry(
        self, actor: int | None, verb: str, subject: Subject, target: str, *, detail: str, time: int
    ) -> None:
        """Add an entry to the log."""
        who = {"time": time, "account_id": actor}
        values = {**who, "verb": verb, "subject": subject, "target": target, "detail": detail}
        async with self._database.transaction() as transaction:
            await self._log_rows.insert(transaction, values)

    async def log_entries(self, offset: int, limit: int, wanted: LogFilter = EVERY_ENTRY) -> Page[LogEntry]:
        """Return the log, newest first."""
        among = {"verb": wanted.verb, "of": wanted.subject or "", "actor": fold(wanted.actor)}
        if wanted == EVERY_ENTRY:
            ((total,),) = await self._database.rows(self._sql.count_log)
        else:
            ((total,),) = await self._database.rows(self._sql.count_wanted_log, among)
        rows = await self._database.rows(self._sql.log_page, {**page_parameters(offset, limit), **among})
        entries = tuple(map(_log_entry, rows))
        titles = await self._titles.find((each.subject, each.target) for each in entries)
        return Page(
            tuple(replace(each, title=titles.get((each.subject, each.target))) for each in entries), total
        )

    async def log_verbs(self) -> list[str]:
        """Return what the log says was done, each verb once, sorted."""
        return [verb for (verb,) in await self._database.rows(self._sql.log_verbs)]

    async def _named(self, reports: Sequence[Report]) -> tuple[Report, ...]:
        titles = await self._titles.find((each.subject, str(each.target)) for each in reports)
        return tuple(replace(each, title=titles.get((each.subject, str(each.target)))) for each in reports)


def _report(row: tuple[Any, ...]) -> Report:
    number, subject, target, reporter, reason, added, resolver, resolved, resolution, name, resolver_name = (
        row
    )
    return Report(
        id=number,
        subject=Subject(subject),
        target=target,
        reporter=Person(reporter, name),
        reason=reason,
        added=added,
        resolver=Person(resolver, resolver_name) if resolver_name is not None else None,
        resolved=resolved,
        resolution=resolution,
    )


def _log_entry(row: tuple[Any, ...]) -> LogEntry:
    number, time, actor, verb, subject, target, detail, name = row
    person = Person(actor, name) if name is not None else None
    return LogEntry(number, time, person, verb, Subject(subject), target, detail)
