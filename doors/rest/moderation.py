"""Hides the operations of those who keep order: reports, the log of what was done, and announcements."""

from dataclasses import dataclass

from accounts.rights import Right
from catalogue.markup import render
from catalogue.model import Deed, News, Report, Subject
from doors.rest import requests
from doors.rest.operation import Call, Listing, Operation
from doors.rest.shapes import Html, PersonShape, Time, person, somebody, time


@dataclass(frozen=True, slots=True)
class ReportShape:
    """What somebody told the moderators; `resolution` is empty while it is open."""

    id: int
    subject: str
    target: int
    reporter: PersonShape
    reason: str
    created_at: Time
    resolver: PersonShape | None
    resolved_at: Time | None
    resolution: str


@dataclass(frozen=True, slots=True)
class DeedShape:
    """A line of the moderators' log."""

    id: int
    created_at: Time
    actor: PersonShape | None
    verb: str
    subject: str
    target: str
    detail: str


@dataclass(frozen=True, slots=True)
class NewsShape:
    """An announcement of the operators."""

    id: int
    title: str
    body: str
    body_html: Html
    author: PersonShape
    created_at: Time


def _report(value: Report) -> ReportShape:
    return ReportShape(
        value.id,
        value.subject.value,
        value.target,
        somebody(value.reporter),
        value.reason,
        time(value.added),
        person(value.resolver),
        time(value.resolved) if value.resolved is not None else None,
        value.resolution,
    )


def _deed(value: Deed) -> DeedShape:
    subject = value.subject.value
    return DeedShape(
        value.id, time(value.time), person(value.actor), value.verb, subject, value.target, value.detail
    )


def _news(value: News) -> NewsShape:
    html = render(value.body)
    return NewsShape(value.id, value.title, value.body, html, somebody(value.author), time(value.added))


async def _add_report(call: Call) -> ReportShape:
    given = call.body
    subject, target = Subject(given.text("subject")), given.whole("target")
    return _report(await call.office.curation.report(call.principal, subject, target, given.text("reason")))


async def _reports(call: Call) -> Listing:
    page = await call.office.curation.reports(
        call.principal, call.offset, call.per_page, resolved=bool(call.query.flag("resolved"))
    )
    return call.listing([_report(each) for each in page.items], page.total, exact=page.exact)


async def _resolve(call: Call) -> ReportShape:
    resolution = call.body.text("resolution")
    return _report(await call.office.curation.resolve(call.principal, call.id("report"), resolution))


async def _log(call: Call) -> Listing:
    page = await call.office.curation.deeds(call.principal, call.offset, call.per_page)
    return call.listing([_deed(each) for each in page.items], page.total, exact=page.exact)


async def _list_news(call: Call) -> Listing:
    page = await call.office.catalogue.news(call.offset, call.per_page)
    return call.listing([_news(each) for each in page.items], page.total, exact=page.exact)


async def _post_news(call: Call) -> NewsShape:
    given = call.body
    return _news(
        await call.office.curation.post_news(call.principal, given.text("title"), given.text("body"))
    )


async def _remove_news(call: Call) -> None:
    await call.office.curation.remove_news(call.principal, call.id("news"))


OPERATIONS = (
    Operation(
        "GET",
        "/reports",
        "listReports",
        "List reports: open ones oldest first, or resolved ones newest first",
        "moderation",
        _reports,
        Right.MODERATE,
        query=requests.REPORTS,
        answers=ReportShape,
        many=True,
    ),
    Operation(
        "POST",
        "/reports",
        "addReport",
        "Tell the moderators of something",
        "moderation",
        _add_report,
        Right.COLLECT,
        body=requests.REPORT,
        required=("subject", "target", "reason"),
        answers=ReportShape,
        status=201,
        refusals=("full", "not-found"),
    ),
    Operation(
        "POST",
        "/reports/{report}/resolve",
        "resolveReport",
        "Close a report",
        "moderation",
        _resolve,
        Right.MODERATE,
        body=requests.RESOLUTION,
        required=("resolution",),
        answers=ReportShape,
        refusals=("fixed",),
    ),
    Operation(
        "GET",
        "/log",
        "readLog",
        "Read what moderators did, newest first",
        "moderation",
        _log,
        Right.MODERATE,
        query=requests.PAGING,
        answers=DeedShape,
        many=True,
    ),
    Operation(
        "GET",
        "/news",
        "listNews",
        "List announcements, newest first",
        "news",
        _list_news,
        Right.READ,
        query=requests.PAGING,
        answers=NewsShape,
        many=True,
    ),
    Operation(
        "POST",
        "/news",
        "postNews",
        "Announce something",
        "news",
        _post_news,
        Right.CURATE,
        body=requests.NEWS,
        required=("title", "body"),
        answers=NewsShape,
        status=201,
    ),
    Operation(
        "DELETE",
        "/news/{news}",
        "deleteNews",
        "Take an announcement back",
        "news",
        _remove_news,
        Right.CURATE,
    ),
)
