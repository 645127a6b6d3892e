"""`controltorrent` and `controlqueued`: operations on one download job of an account, or on all."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.torbox.bodies import number_in, read_json
from doors.torbox.context import TorboxContext
from doors.torbox.envelope import success
from doors.torbox.error_codes import INVALID_OPTION, MISSING_OPTION, TorboxError
from doors.torbox.parameters import read_flag, read_number
from downloads.downloads import Downloads

_PAGE = 1000
JobOperation = Callable[[int, int], Awaitable[object]]
"""Does an operation on a job: the account's id, then the job's."""


def _operations(downloads: Downloads) -> Mapping[str, JobOperation]:
    return {
        "reannounce": downloads.reannounce,
        "delete": downloads.delete,
        "resume": downloads.resume,
        "pause": downloads.pause,
    }


def _queue_operations(downloads: Downloads) -> Mapping[str, JobOperation]:
    return {"delete": downloads.delete, "start": downloads.start}


async def torrents(context: TorboxContext) -> Response:
    """Do an operation on a job or on all jobs."""
    body = await read_json(context.body)
    default = "delete" if context.request.method == "DELETE" else ""
    return await _control(context, body, number_in(body, "torrent_id"), default, queued=False)


async def one(context: TorboxContext) -> Response:
    """Do an operation on the job in the path; it is deleted where none is named."""
    body = await read_json(context.body)
    body.pop("all", None)
    number = read_number("torrent_id", context.request.path_params["id"])
    return await _control(context, body, number, "delete", queued=False)


async def queued(context: TorboxContext) -> Response:
    """Start or delete a queued job, or all of them."""
    body = await read_json(context.body)
    return await _control(context, body, number_in(body, "queued_id"), "", queued=True)


async def _control(
    context: TorboxContext, body: dict[str, object], number: int | None, default: str, *, queued: bool
) -> Response:
    downloads = context.services.downloads.downloads
    operations = _queue_operations(downloads) if queued else _operations(downloads)
    word, operation = _operation(body, operations, default)
    try:
        if _all(body):
            await _each(context, operation, queued=queued)
        elif number is None:
            name = "queued_id" if queued else "torrent_id"
            raise TorboxError(MISSING_OPTION, f"The option {name} is required, or all.")
        else:
            await operation(context.user.id, number)
    finally:
        context.list_cache.invalidate(context.user.id)
    return success(None, f"Torrent {word} successful.")


def _operation(
    body: dict[str, object], operations: Mapping[str, JobOperation], default: str
) -> tuple[str, JobOperation]:
    word = body.get("operation") or body.get("action") or default
    if word == "":
        raise TorboxError(MISSING_OPTION, "The option operation is required.")
    operation = operations.get(word.strip().lower()) if isinstance(word, str) else None
    if operation is None or not isinstance(word, str):
        raise TorboxError(INVALID_OPTION, f"The option operation is one of: {', '.join(operations)}.")
    return word.strip().lower(), operation


def _all(body: dict[str, object]) -> bool:
    value = body.get("all")
    return value if isinstance(value, bool) else value is not None and read_flag("all", str(value))


async def _each(context: TorboxContext, operation: JobOperation, *, queued: bool) -> None:
    """Do an operation on every job, skipping deleted ones; the last Refusal is raised after all were tried."""
    account, numbers, offset = context.user.id, list[int](), 0
    while jobs := await context.services.downloads.downloads.jobs(account, offset, _PAGE, queued=queued):
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
