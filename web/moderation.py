"""The moderators' pages: reports, the log, and for admins webhooks and what is wrong with the installation."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from doors.languages import message
from web.page_context import PageContext
from web.page_router import PageRouter

PER_PAGE = 50

_PATHS = {Subject.TORRENT: "t", Subject.GROUP: "g", Subject.USER: "u"}


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the moderators' pages."""
    return [
        router.page("/moderation", _reports),
        router.page("/moderation/log", _log),
        router.form("/moderation/reports/{id}/resolve", _resolve),
        router.page("/moderation/comments", _held),
        router.form("/moderation/comments/{id}/settle", _settle),
        router.page("/moderation/webhooks", _webhooks),
        router.form("/moderation/webhooks/{id}/resend", _resend),
        router.page("/moderation/doctor", _doctor, right=Right.ACCOUNTS),
    ]


async def _reports(context: PageContext) -> Response:
    page, resolved = context.page_number(), context.request.query_params.get("resolved") == "1"
    reports = await context.services.curation.reports(
        context.principal, (page - 1) * PER_PAGE, PER_PAGE, resolved=resolved
    )
    comments = {}
    for report in reports.items:
        if report.subject is Subject.COMMENT:
            comments[report.target] = await context.services.catalogue.store.comments.comment(
                report.target, context.viewer()
            )
    return context.render(
        "moderation",
        message("Reports"),
        reports=reports,
        comments=comments,
        resolved=resolved,
        page=page,
        last=max(1, -(-reports.total // PER_PAGE)),
        paths=_PATHS,
        manages=context.may(Right.ACCOUNTS),
    )


async def _log(context: PageContext) -> Response:
    page = context.page_number()
    entries = await context.services.curation.log_entries(context.principal, (page - 1) * PER_PAGE, PER_PAGE)
    return context.render(
        "log",
        message("Log"),
        entries=entries,
        page=page,
        last=max(1, -(-entries.total // PER_PAGE)),
        paths=_PATHS,
        manages=context.may(Right.ACCOUNTS),
    )


async def _resolve(context: PageContext) -> Response:
    resolution = context.form.get("resolution", "")
    await context.services.curation.resolve(context.principal, context.number(), resolution)
    return context.redirect("/moderation")


async def _held(context: PageContext) -> Response:
    page = context.page_number()
    held = await context.services.curation.held_comments(context.principal, (page - 1) * PER_PAGE, PER_PAGE)
    return context.render(
        "held_comments",
        message("Held comments"),
        held=held,
        page=page,
        last=max(1, -(-held.total // PER_PAGE)),
        manages=context.may(Right.ACCOUNTS),
    )


async def _settle(context: PageContext) -> Response:
    shown = {"approve": True, "refuse": False}.get(context.form.get("verdict", ""))
    if shown is None:
        raise Refusal("invalid", fields={"verdict": ["There is no such kind."]})
    await context.services.curation.settle_comment(context.principal, context.number(), shown=shown)
    return context.redirect("/moderation/comments")


async def _webhooks(context: PageContext) -> Response:
    page = context.page_number()
    webhooks = context.services.moderation.webhooks
    deliveries, total = await webhooks.deliveries(context.principal, (page - 1) * PER_PAGE, PER_PAGE)
    return context.render(
        "webhooks",
        message("Webhooks"),
        webhooks=await webhooks.webhooks(context.principal),
        deliveries=deliveries,
        page=page,
        last=max(1, -(-total // PER_PAGE)),
        manages=context.may(Right.ACCOUNTS),
    )


async def _resend(context: PageContext) -> Response:
    await context.services.moderation.webhooks.send_again(context.principal, context.number())
    return context.redirect("/moderation/webhooks")


async def _doctor(context: PageContext) -> Response:
    found = await context.services.moderation.diagnosis.findings(context.principal)
    return context.render(
        "doctor",
        message("Installation"),
        no_store=True,
        found=found,
        wrong=sum(each.is_wrong for each in found.findings),
        manages=context.may(Right.ACCOUNTS),
    )
