"""Hides what an account sees of its downloads: their progress as it is, and what can be done to them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import ceil

from starlette.responses import Response
from starlette.routing import Route

from bittorrent.refusal import Refusal
from doors.files import address
from doors.origin import base_url
from downloads.links import ZIP
from downloads.model import Job, State, Wish
from web.door import Door
from web.visit import Visit

PER_PAGE = 50
FILES_SHOWN = 25
_LOOK_AGAIN = "5"  # seconds after which the page is loaded again while something moves
_MOVING = frozenset({State.DOWNLOADING, State.METADATA, State.CHECKING})


@dataclass(frozen=True, slots=True)
class Shown:
    """A job as the page shows it: whole percents, minutes that are left, links once it is whole."""

    job: Job
    percent: int
    minutes: int | None
    zip_link: str
    file_links: tuple[tuple[str, int, str], ...]


def routes(door: Door) -> list[Route]:
    """Return the routes of downloads."""
    return [
        door.page("/downloads", _list),
        door.form("/downloads", _add),
        door.form("/downloads/{id}/{deed}", _steer),
    ]


async def _list(visit: Visit) -> Response:
    return await _draw(visit)


async def _add(visit: Visit) -> Response:
    account = visit.user_id()
    try:
        await visit.office.downloads.create(
            account, Wish(magnet=visit.form.get("magnet", "").strip() or None)
        )
    except Refusal as refusal:
        return await _draw(visit, refusal)
    return visit.go("/downloads")


async def _steer(visit: Visit) -> Response:
    downloads, account = visit.office.downloads, visit.user_id()
    deeds: Mapping[str, Callable[[int, int], Awaitable[object]]] = {
        "pause": downloads.pause,
        "resume": downloads.resume,
        "start": downloads.start,
        "delete": downloads.delete,
    }
    deed = deeds.get(visit.request.path_params["deed"])
    if deed is None:
        raise Refusal("not-found")
    try:
        await deed(account, visit.number())
    except Refusal as refusal:
        if refusal.code == "not-found":
            raise
        return await _draw(visit, refusal)
    return visit.go("/downloads")


async def _draw(visit: Visit, fault: Refusal | None = None) -> Response:
    downloads, account, page = visit.office.downloads, visit.user_id(), visit.page_number()
    jobs = await downloads.jobs(account, (page - 1) * PER_PAGE, PER_PAGE + 1) if downloads.available else []
    waiting = await downloads.jobs(account, 0, PER_PAGE, queued=True) if downloads.available else []
    response = visit.draw(
        "downloads",
        "Downloads",
        status=fault.status if fault else 200,
        fault=fault,
        available=downloads.available,
        jobs=[_shown(visit, job) for job in jobs[:PER_PAGE]],
        waiting=[_shown(visit, job) for job in waiting],
        page=page,
        more=len(jobs) > PER_PAGE,
    )
    if fault is None and any(job.status.state in _MOVING for job in jobs):
        response.headers["Refresh"] = _LOOK_AGAIN
    return response


def _shown(visit: Visit, job: Job) -> Shown:
    eta, content = job.status.eta, job.content
    links = _Links(visit)
    files = content.files[:FILES_SHOWN] if content.complete else ()
    return Shown(
        job=job,
        percent=int(job.status.progress * 100),
        minutes=ceil(eta / 60) if eta else None,
        zip_link=links.to(job, ZIP) if content.complete and job.allow_zip and len(content.files) > 1 else "",
        file_links=tuple((file.path, file.size, links.to(job, file.index)) for file in files),
    )


class _Links:
    def __init__(self, visit: Visit) -> None:
        self._office = visit.office
        self._base = base_url(visit.request, visit.office.public_url)

    def to(self, job: Job, what: int) -> str:
        return address(self._office.links.make(job, what), self._office.files_url, self._base)
