"""The page of an account's downloads: progress, links, pause, resume and delete."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import ceil

from starlette.responses import Response
from starlette.routing import Route

from bittorrent.refusal import Refusal
from doors.files import link_url
from doors.languages import message
from doors.origin import base_url
from downloads.links import ZIP
from downloads.model import Job, JobRequest, JobState
from web.page_context import PageContext
from web.page_router import PageRouter

PER_PAGE = 50
FILES_SHOWN = 25
_REFRESH = "5"  # seconds after which the page reloads while a download is active
_ACTIVE = frozenset({JobState.DOWNLOADING, JobState.METADATA, JobState.CHECKING})


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as the page shows it: percent, minutes left, and links once its content is complete."""

    job: Job
    percent: int
    minutes: int | None
    zip_link: str
    file_links: tuple[tuple[str, int, str], ...]


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of downloads."""
    return [
        router.page("/downloads", _list, account=True),
        router.form("/downloads", _add, account=True),
        router.form("/downloads/{id}/{action}", _control, account=True),
    ]


async def _list(context: PageContext) -> Response:
    return await _render(context)


async def _add(context: PageContext) -> Response:
    account = context.user_id()
    try:
        await context.services.downloads.downloads.create(
            account, JobRequest(magnet=context.form.get("magnet", "").strip() or None)
        )
    except Refusal as refusal:
        return await _render(context, refusal)
    return context.redirect("/downloads")


async def _control(context: PageContext) -> Response:
    downloads, account = context.services.downloads.downloads, context.user_id()
    actions: Mapping[str, Callable[[int, int], Awaitable[object]]] = {
        "pause": downloads.pause,
        "resume": downloads.resume,
        "start": downloads.start,
        "delete": downloads.delete,
    }
    action = actions.get(context.request.path_params["action"])
    if action is None:
        raise Refusal("not-found")
    try:
        await action(account, context.number())
    except Refusal as refusal:
        if refusal.code == "not-found":
            raise
        return await _render(context, refusal)
    return context.redirect("/downloads")


async def _render(context: PageContext, fault: Refusal | None = None) -> Response:
    downloads, account, page = context.services.downloads.downloads, context.user_id(), context.page_number()
    jobs = await downloads.jobs(account, (page - 1) * PER_PAGE, PER_PAGE + 1) if downloads.available else []
    waiting = await downloads.jobs(account, 0, PER_PAGE, queued=True) if downloads.available else []
    response = context.render(
        "downloads",
        message("Downloads"),
        status=fault.status if fault else 200,
        fault=fault,
        available=downloads.available,
        jobs=[_view(context, job) for job in jobs[:PER_PAGE]],
        waiting=[_view(context, job) for job in waiting],
        page=page,
        more=len(jobs) > PER_PAGE,
    )
    if fault is None and any(job.status.state in _ACTIVE for job in jobs):
        response.headers["Refresh"] = _REFRESH
    return response


def _view(context: PageContext, job: Job) -> JobView:
    eta, content = job.status.eta, job.content
    links = _Links(context)
    files = content.files[:FILES_SHOWN] if content.complete else ()
    return JobView(
        job=job,
        percent=int(job.status.progress * 100),
        minutes=ceil(eta / 60) if eta else None,
        zip_link=links.url(job, ZIP) if content.complete and job.allow_zip and len(content.files) > 1 else "",
        file_links=tuple((file.path, file.size, links.url(job, file.index)) for file in files),
    )


class _Links:
    def __init__(self, context: PageContext) -> None:
        self._services = context.services
        self._base = base_url(context.request, context.services.admission.public_url)

    def url(self, job: Job, index: int) -> str:
        return link_url(
            self._services.downloads.links.make(job, index), self._services.downloads.files_url, self._base
        )
