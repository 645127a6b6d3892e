"""REST operations of moderation: reports, the moderators' log, and announcements."""

from dataclasses import dataclass

from accounts.rights import Right
from catalogue.bbcode import render
from catalogue.model import LogEntry, LogFilter, News, Report, Subject
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Html, PersonShape, Time, optional_person, person, time


@dataclass(frozen=True, slots=True)
class ReportShape:
    """A report to the moderators; `resolution` is empty while it is open.

    `title` is what the target is called now, a comment by its group; null where it is gone.
    """

    id: int
    subject: str
    target: int
    reporter: PersonShape
    reason: str
    created_at: Time
    resolver: PersonShape | None
    resolved_at: Time | None
    resolution: str
    title: str | None


@dataclass(frozen=True, slots=True)
class LogEntryShape:
    """An entry of the moderators' log; `title` is what the record is called now, null where it is gone or nameless."""

    id: int
    created_at: Time
    actor: PersonShape | None
    verb: str
    subject: str
    target: str
    detail: str
    title: str | None


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
        person(value.reporter),
        value.reason,
        time(value.added),
        optional_person(value.resolver),
        time(value.resolved) if value.resolved is not None else None,
        value.resolution,
        value.title,
    )


def _log_entry(value: LogEntry) -> LogEntryShape:
    subject = value.subject.value
    return LogEntryShape(
        value.id,
        time(value.time),
        optional_person(value.actor),
        value.verb,
        subject,
        value.target,
        value.detail,
        value.title,
    )


def _news(value: News) -> NewsShape:
    html = render(value.body)
    return NewsShape(value.id, value.title, value.body, html, person(value.author), time(value.added))


async def _add_report(context: RestContext) -> ReportShape:
    given = context.body
    subject, target = Subject(given.text("subject")), given.integer("target")
    return _report(
        await context.services.curation.report(context.principal, subject, target, given.text("reason"))
    )


async def _reports(context: RestContext) -> Listing:
    page = await context.services.curation.reports(
        context.principal, context.offset, context.per_page, resolved=bool(context.query.flag("resolved"))
    )
    return context.listing([_report(each) for each in page.items], page.total, exact=page.exact)


async def _resolve(context: RestContext) -> ReportShape:
    resolution = context.body.text("resolution")
    return _report(
        await context.services.curation.resolve(context.principal, context.id("report"), resolution)
    )


async def _log(context: RestContext) -> Listing:
    query = context.query
    subject = query.text("subject")
    wanted = LogFilter(query.text("verb"), Subject(subject) if subject else None, query.text("actor"))
    page = await context.services.curation.log_entries(
        context.principal, context.offset, context.per_page, wanted
    )
    return context.listing([_log_entry(each) for each in page.items], page.total, exact=page.exact)


async def _list_news(context: RestContext) -> Listing:
    page = await context.services.catalogue.store.comments.news(context.offset, context.per_page)
    return context.listing([_news(each) for each in page.items], page.total, exact=page.exact)


async def _post_news(context: RestContext) -> NewsShape:
    given = context.body
    return _news(
        await context.services.curation.post_news(context.principal, given.text("title"), given.text("body"))
    )


async def _remove_news(context: RestContext) -> None:
    await context.services.curation.remove_news(context.principal, context.id("news"))


OPERATIONS = (
    Operation(
        "GET",
        "/reports",
        "listReports",
        "List reports: open ones oldest first, or resolved ones newest first",
        "moderation",
        _reports,
        Right.MODERATE,
        query=request_fields.REPORTS,
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
        body=request_fields.REPORT,
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
        body=request_fields.RESOLUTION,
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
        query=request_fields.LOG,
        answers=LogEntryShape,
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
        query=request_fields.PAGING,
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
        body=request_fields.NEWS,
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
