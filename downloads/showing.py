"""Hides what an account sees of its jobs, and what it does not learn of others' that share its content."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from downloads.ledger import Hold, Load
from downloads.model import Content, ContentFile, Job, State, Status
from downloads.room import ACCOUNT_FULL
from downloads.runner import Runner
from downloads.store import JobStore

BY_ACCOUNT = "The account paused it."


class Showing:
    """Makes jobs and content as accounts see them."""

    def __init__(self, store: JobStore, runner: Runner) -> None:
        self._store = store
        self._runner = runner

    async def jobs(self, holds: Sequence[Hold]) -> list[Job]:
        """Return jobs in the order of these holds."""
        files = await self._store.files([hold.load.row.id for hold in holds])
        magnets = await self._store.magnets([hold.row.id for hold in holds])
        return [
            self._job(hold, files.get(hold.load.row.id, ()), magnets[hold.row.id])
            for hold in holds
            if hold.row.id in magnets  # else it was let go in the meantime
        ]

    async def contents(self, loads: Sequence[Load]) -> list[Content]:
        """Return content as it is."""
        files = await self._store.files([load.row.id for load in loads])
        return [_content(load, files[load.row.id], complete=True) for load in loads if load.row.id in files]

    def _job(self, hold: Hold, files: tuple[ContentFile, ...], magnet: str) -> Job:
        row, load = hold.row, hold.load
        reason = self._pause_reason(hold)
        return Job(
            id=row.id,
            account=row.account,
            content=_content(load, files, complete=_whole(hold)),
            name=row.name or load.row.name,
            magnet=magnet,
            seed=row.seed,
            allow_zip=row.allow_zip,
            queued=bool(row.queued),
            paused=bool(reason),
            pause_reason=reason,
            cached=row.cached,
            has_torrent=load.row.known,
            created=row.created,
            updated=row.updated,
            status=self._status(hold, reason),
        )

    def _pause_reason(self, hold: Hold) -> str:
        if hold.row.paused:
            return BY_ACCOUNT
        if hold.row.queued:
            return ""
        if hold.load.row.known and not hold.charged:
            return hold.load.obstacle or ACCOUNT_FULL
        return "" if hold.load.complete else hold.load.obstacle

    def _status(self, hold: Hold, reason: str) -> Status:
        load = hold.load
        status = self._runner.status(load)
        status = _at_rest(load) if status is None else _discreet(status, load)
        if _whole(hold):
            status = replace(status, progress=1.0, eta=0)
        error = status.error or (load.obstacle if not load.complete else "")
        return replace(status, state=_state(hold, status, reason), error=error)


def _whole(hold: Hold) -> bool:
    return hold.load.complete and hold.charged


def _state(hold: Hold, status: Status, reason: str) -> State:
    if reason or hold.row.queued:
        return State.PAUSED
    if _whole(hold):
        if hold.row.cached:
            return State.CACHED
        return State.UPLOADING if hold.load.running else State.COMPLETED
    if not hold.load.row.known:
        return State.METADATA
    return status.state if status.state is State.CHECKING else State.DOWNLOADING


def _content(load: Load, files: tuple[ContentFile, ...], *, complete: bool) -> Content:
    row = load.row
    return Content(
        row.key,
        row.name,
        row.size,
        files,
        complete,
        row.private,
        row.added,
        row.finished if complete else None,
    )


def _at_rest(load: Load) -> Status:
    row = load.row
    done = min(1.0, row.downloaded / row.size) if row.size else 0.0
    return Status(State.PAUSED, done, 0, 0, 0, 0, None, row.downloaded, row.uploaded, 0.0, "", "", "")


def _discreet(status: Status, load: Load) -> Status:
    """Leave out what another account's link may have brought: trackers' addresses hold keys of theirs."""
    if load.row.key.account is not None:
        return status
    address = urlsplit(status.tracker)
    return replace(status, tracker=f"{address.scheme}://{address.netloc}" if address.netloc else "")
