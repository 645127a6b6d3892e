"""The page of an account's downloads: progress, links, pause, resume and delete."""

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
_REFRESH = "5"  # seconds after which the page reloads while a download is active
_ACTIVE = frozenset({State.DOWNLOADING, State.METADATA, State.CHECKING})


@dataclass(frozen=True, slots=True)
class Shown:
    """A job as the page shows it: percent, minutes left, and links once its content is complete."""

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
        door.form("/downloads/{id}/{action}", _control),
    ]


async def _list(visit: Visit) -> Response:
    return await _render(visit)


async def _add(visit: Visit) -> Response:
    account = visit.user_id()
    try:
        await visit.office.downloads.create(
            account, Wish(magnet=visit.form.get("magnet", "").strip() or None)
        )
    except Refusal as refusal:
        return await _render(visit, refusal)
    return visit.go("/downloads")


async def _control(visit: Visit) -> Response:
    downloads, account = visit.office.downloads, visit.user_id()
    actions: Mapping[str, Callable[[int, int], Awaitable[object]]] = {
        "pause": downloads.pause,
        "resume": downloads.resume,
        "start": downloads.start,
        "delete": downloads.delete,
    }
    action = actions.get(visit.request.path_params["action"])
    if action is None:
        raise Refusal("not-found")
    try:
        await action(account, visit.number())
    except Refusal as refusal:
        if refusal.code == "not-found":
            raise
        return await _render(visit, refusal)
    return visit.go("/downloads")


async def _render(visit: Visit, fault: Refusal | None = None) -> Response:
    downloads, account, page = visit.office.downloads, visit.user_id(), visit.page_number()
    jobs = await downloads.jobs(account, (page - 1) * PER_PAGE, PER_PAGE + 1) if downloads.available else []
    waiting = await downloads.jobs(account, 0, PER_PAGE, queued=True) if downloads.available else []
    response = visit.draw(
        "downloads",
        "Downloads",
        status=fault.status if fault else 200,
        fault=fault,
        available=downloads.available,
        jobs=[_view(visit, job) for job in jobs[:PER_PAGE]],
        waiting=[_view(visit, job) for job in waiting],
        page=page,
        more=len(jobs) > PER_PAGE,
    )
    if fault is None and any(job.status.state in _ACTIVE for job in jobs):
        response.headers["Refresh"] = _REFRESH
    return response


def _view(visit: Visit, job: Job) -> Shown:
    eta, content = job.status.eta, job.content
    links = _Links(visit)
    files = content.files[:FILES_SHOWN] if content.complete else ()
    return Shown(
        job=job,
        percent=int(job.status.progress * 100),
        minutes=ceil(eta / 60) if eta else None,
        zip_link=links.url(job, ZIP) if content.complete and job.allow_zip and len(content.files) > 1 else "",
        file_links=tuple((file.path, file.size, links.url(job, file.index)) for file in files),
    )


class _Links:
    def __init__(self, visit: Visit) -> None:
        self._office = visit.office
        self._base = base_url(visit.request, visit.office.public_url)

    def url(self, job: Job, index: int) -> str:
        return address(self._office.links.make(job, index), self._office.files_url, self._base)
