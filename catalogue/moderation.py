"""Moderation of the catalogue: reports and the moderators' log."""

from collections.abc import Callable

from bittorrent.refusal import Refusal
from catalogue.fields import LONGEST_REASON, MOST_REPORTS, REPORT, RESOLUTION, validate
from catalogue.model import Report, Subject
from catalogue.store import ModerationStore, require
from catalogue.text_cleaning import plain_line


class Moderation:
    """Reports and the moderators' log; `clock` gives unix seconds."""

    def __init__(
        self, store: ModerationStore, clock: Callable[[], float], *, most_reports: int = MOST_REPORTS
    ) -> None:
        self._store = store
        self._clock = clock
        self._most_reports = most_reports

    async def report(self, subject: Subject, target: int, reporter: int, reason: str) -> Report:
        """Report something to the moderators. Refusal: `invalid`, `not-found`, `full`."""
        values = validate({"reason": reason}, REPORT)
        number = await self._store.add_report(
            subject, target, reporter, values["reason"], now=self._now(), most=self._most_reports
        )
        return require(await self._store.report(number))

    async def open_report(self, report: int, resolution: str) -> Report:
        """Return a report that may be closed with a resolution. Refusal: `invalid`, `not-found`, `fixed`."""
        validate({"resolution": resolution}, RESOLUTION)
        known = require(await self._store.report(report))
        if known.resolved is not None:
            raise Refusal("fixed")
        return known

    async def resolve(self, report: int, resolver: int, resolution: str) -> Report:
        """Close a report. Refusal: `invalid`, `not-found`, `fixed`."""
        values = validate({"resolution": resolution}, RESOLUTION)
        await self._store.resolve(report, resolver, values["resolution"], self._now())
        return require(await self._store.report(report))

    async def log(
        self, actor: int | None, verb: str, subject: Subject, target: str, detail: str = ""
    ) -> None:
        """Add an entry to the moderators' log."""
        line = plain_line(detail, LONGEST_REASON)
        await self._store.add_log_entry(actor, verb, subject, target, detail=line, time=self._now())

    def _now(self) -> int:
        return int(self._clock())
