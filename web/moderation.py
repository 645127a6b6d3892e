"""The moderators' pages: reports and the log."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from catalogue.model import Subject
from web.door import Door
from web.visit import Visit

PER_PAGE = 50

_PATHS = {Subject.TORRENT: "/t/", Subject.GROUP: "/g/", Subject.USER: "/u/"}


def routes(door: Door) -> list[Route]:
    """Return the routes of the moderators' pages."""
    return [
        door.page("/moderation", _reports),
        door.page("/moderation/log", _log),
        door.form("/moderation/reports/{id}/resolve", _resolve),
    ]


async def _reports(visit: Visit) -> Response:
    page, resolved = visit.page_number(), visit.request.query_params.get("resolved") == "1"
    reports = await visit.office.curation.reports(
        visit.principal, (page - 1) * PER_PAGE, PER_PAGE, resolved=resolved
    )
    comments = {}
    for report in reports.items:
        if report.subject is Subject.COMMENT:
            comments[report.target] = await visit.office.catalogue.comment(report.target, visit.viewer())
    return visit.draw(
        "moderation",
        "Reports",
        reports=reports,
        comments=comments,
        resolved=resolved,
        page=page,
        last=max(1, -(-reports.total // PER_PAGE)),
        paths=_PATHS,
        manages=visit.may(Right.ACCOUNTS),
    )


async def _log(visit: Visit) -> Response:
    page = visit.page_number()
    entries = await visit.office.curation.deeds(visit.principal, (page - 1) * PER_PAGE, PER_PAGE)
    return visit.draw(
        "log",
        "Log",
        entries=entries,
        page=page,
        last=max(1, -(-entries.total // PER_PAGE)),
        paths=_PATHS,
        manages=visit.may(Right.ACCOUNTS),
    )


async def _resolve(visit: Visit) -> Response:
    resolution = visit.form.get("resolution", "")
    await visit.office.curation.resolve(visit.principal, visit.number(), resolution)
    return visit.go("/moderation")
