"""Hides how jobs are steered: which operations there are, and for which jobs one is meant."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.torbox.bodies import number_in, read_json
from doors.torbox.codes import INVALID_OPTION, MISSING_OPTION, Failure
from doors.torbox.envelope import success
from doors.torbox.parameters import read_flag, read_number
from doors.torbox.visit import Visit
from downloads.downloads import Downloads

_PAGE = 1000
Operation = Callable[[int, int], Awaitable[object]]
"""Does something to a job of an account, both by id."""


def _operations(downloads: Downloads) -> Mapping[str, Operation]:
    return {
        "reannounce": downloads.reannounce,
        "delete": downloads.delete,
        "resume": downloads.resume,
        "pause": downloads.pause,
    }


def _queue_operations(downloads: Downloads) -> Mapping[str, Operation]:
    return {"delete": downloads.delete, "start": downloads.start}


async def torrents(visit: Visit) -> Response:
    """Steer a job or all jobs."""
    asked = await read_json(visit.request, visit.office.memory)
    default = "delete" if visit.request.method == "DELETE" else ""
    return await _steer(visit, asked, number_in(asked, "torrent_id"), default, queued=False)


async def one(visit: Visit) -> Response:
    """Steer the job that the path names; without another word it is deleted."""
    asked = await read_json(visit.request, visit.office.memory)
    asked.pop("all", None)
    number = read_number("torrent_id", visit.request.path_params["id"])
    return await _steer(visit, asked, number, "delete", queued=False)


async def queued(visit: Visit) -> Response:
    """Start or delete a job that waits, or all that wait."""
    asked = await read_json(visit.request, visit.office.memory)
    return await _steer(visit, asked, number_in(asked, "queued_id"), "", queued=True)


async def _steer(
    visit: Visit, asked: dict[str, object], number: int | None, default: str, *, queued: bool
) -> Response:
    downloads = visit.office.downloads
    operations = _queue_operations(downloads) if queued else _operations(downloads)
    word, operation = _operation(asked, operations, default)
    try:
        if _all(asked):
            await _each(visit, operation, queued=queued)
        elif number is None:
            name = "queued_id" if queued else "torrent_id"
            raise Failure(MISSING_OPTION, f"The option {name} is required, or all.")
        else:
            await operation(visit.user.id, number)
    finally:
        visit.recent.forget(visit.user.id)
    return success(None, f"Torrent {word} successful.")


def _operation(
    asked: dict[str, object], operations: Mapping[str, Operation], default: str
) -> tuple[str, Operation]:
    word = asked.get("operation") or asked.get("action") or default
    if word == "":
        raise Failure(MISSING_OPTION, "The option operation is required.")
    operation = operations.get(word.strip().lower()) if isinstance(word, str) else None
    if operation is None or not isinstance(word, str):
        raise Failure(INVALID_OPTION, f"The option operation is one of: {', '.join(operations)}.")
    return word.strip().lower(), operation


def _all(asked: dict[str, object]) -> bool:
    value = asked.get("all")
    return value if isinstance(value, bool) else value is not None and read_flag("all", str(value))


async def _each(visit: Visit, operation: Operation, *, queued: bool) -> None:
    """Do something to every job; one that went away meanwhile is passed over, one that fails does not stop the rest."""
    account, numbers, offset = visit.user.id, list[int](), 0
    while jobs := await visit.office.downloads.jobs(account, offset, _PAGE, queued=queued):
        numbers += [job.id for job in jobs]
        offset += len(jobs)
    failed: Refusal | None = None
    for number in numbers:
        try:
            await operation(account, number)
        except Refusal as refusal:
            failed = refusal if refusal.code != "not-found" else failed
    if failed is not None:
        raise failed
