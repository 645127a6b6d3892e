"""The moderators' pages: reports, the log, and for admins webhooks and what is wrong with the installation."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import LogFilter, Subject
from catalogue.store import require
from doors.languages import message
from web.page_context import PageContext
from web.page_router import PageRouter

PER_PAGE = 50

_PATHS = {
    Subject.TORRENT: "t",
    Subject.GROUP: "g",
    Subject.USER: "u",
    Subject.COLLAGE: "collages",
    Subject.AUTHOR: "authors",
}
_LONGEST = 100
"""Characters of a filter of the log."""


@dataclass(frozen=True, slots=True)
class _Action:
    """What may be done to something that was reported, by whom, and what it is called."""

    label: str
    right: Right
    run: Callable[[PageContext, int, str], Awaitable[None]]


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
        actions={
            subject: {name: each.label for name, each in actions.items() if context.may(each.right)}
            for subject, actions in _ACTIONS.items()
        },
        manages=context.may(Right.ACCOUNTS),
    )


async def _log(context: PageContext) -> Response:
    page, given = context.page_number(), context.request.query_params
    subject = given.get("subject", "")
    wanted = LogFilter(
        given.get("verb", "")[:_LONGEST],
        Subject(subject) if subject in set(Subject) else None,
        given.get("actor", "").strip()[:_LONGEST],
    )
    curation = context.services.curation
    entries = await curation.log_entries(context.principal, (page - 1) * PER_PAGE, PER_PAGE, wanted)
    filters = {"verb": wanted.verb, "subject": wanted.subject or "", "actor": wanted.actor}
    return context.render(
        "log",
        message("Log"),
        entries=entries,
        wanted=wanted,
        verbs=await curation.log_verbs(context.principal),
        subjects=tuple(Subject),
        filters=urlencode({name: value for name, value in filters.items() if value}),
        page=page,
        last=max(1, -(-entries.total // PER_PAGE)),
        paths=_PATHS,
        manages=context.may(Right.ACCOUNTS),
    )


async def _resolve(context: PageContext) -> Response:
    """Do what the form says to what was reported, and close the report with the moderator's words as its reason."""
    words = context.form.get("resolution", "")
    report = await context.services.curation.open_report(context.principal, context.number(), words)
    wanted = context.form.get("action", "")
    action = _ACTIONS.get(report.subject, {}).get(wanted)
    if action is not None:
        await action.run(context, report.target, words)
    elif wanted:
        raise Refusal("invalid", fields={"action": ["That cannot be done to it."]})
    try:
        await context.services.curation.resolve(context.principal, report.id, words)
    except Refusal as refusal:
        if action is None or refusal.code != "fixed":
            raise  # else what is deleted has closed its reports
    return context.redirect("/moderation")


async def _hide_torrent(context: PageContext, torrent: int, _words: str) -> None:
    await context.services.curation.mark_torrent(context.principal, torrent, hidden=True)


async def _delete_torrent(context: PageContext, torrent: int, words: str) -> None:
    await context.services.curation.delete_torrent(context.principal, torrent, words)


async def _block_torrent(context: PageContext, torrent: int, words: str) -> None:
    known = require(await context.services.catalogue.store.torrents.torrent(torrent, context.viewer()))
    await context.services.moderation.lists.block(context.principal, known.infohash, words)


async def _hide_comment(context: PageContext, comment: int, _words: str) -> None:
    await context.services.curation.hide_comment(context.principal, comment, hidden=True)


async def _delete_comment(context: PageContext, comment: int, _words: str) -> None:
    await context.services.curation.delete_comment(context.principal, comment)


_ACTIONS: Mapping[Subject, Mapping[str, _Action]] = MappingProxyType(
    {
        Subject.TORRENT: {
            "hide": _Action(message("Hide it"), Right.MODERATE, _hide_torrent),
            "delete": _Action(message("Delete it"), Right.EDIT_ANY, _delete_torrent),
            "block": _Action(message("Block it"), Right.BLOCK, _block_torrent),
        },
        Subject.COMMENT: {
            "hide": _Action(message("Hide it"), Right.MODERATE, _hide_comment),
            "delete": _Action(message("Delete it"), Right.MODERATE, _delete_comment),
        },
    }
)


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
