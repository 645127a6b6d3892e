"""The pages of takedown notices: the form for everybody, the moderators' queue, and what the public is told."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from actions.notices import Notices
from bittorrent.refusal import NO_FIELDS, Refusal
from catalogue.notices import FIELDS, Notice
from doors.languages import message
from web.page_context import PageContext, parse_id
from web.page_router import PageRouter

PER_PAGE = 25


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of notices."""
    return [
        router.page("/takedown", _form),
        router.form("/takedown", _send, csrf=False),
        router.page("/transparency", _public),
        router.page("/moderation/notices", _queue, right=Right.BLOCK),
        router.form("/moderation/notices/{id}/decide", _decide, right=Right.BLOCK),
    ]


async def _form(context: PageContext) -> Response:
    about = context.request.query_params.get("about", "")
    answered = await _notices(context).answerable(parse_id(about)) if about else None
    return _render_form(context, answered, {})


async def _send(context: PageContext) -> Response:
    notices, form = _notices(context), context.form
    answered = await notices.answerable(parse_id(form["about"])) if form.get("about") else None
    try:
        if form.get("sworn") != "1":
            raise Refusal("invalid", fields={"statement": ["Say that what you claim is true."]})
        number = await notices.send({name: form.get(name, "") for name in (*FIELDS, "about")})
    except Refusal as refusal:
        if refusal.code not in {"invalid", "full"}:
            raise
        return _render_form(context, answered, form, refusal)
    return context.render("notice_sent", message("Your notice was received"), number=number)


def _render_form(
    context: PageContext, answered: Notice | None, given: Mapping[str, str], fault: Refusal | None = None
) -> Response:
    return context.render(
        "notice_form",
        message("Takedown notice") if answered is None else message("Counter-notice"),
        status=fault.status if fault else 200,
        answered=answered,
        given=given,
        fault=fault,
        faults=fault.fields if fault else NO_FIELDS,
    )


async def _public(context: PageContext) -> Response:
    page, notices = context.page_number(), _notices(context)
    found = await notices.public((page - 1) * PER_PAGE, PER_PAGE)
    return context.render(
        "transparency",
        message("Transparency"),
        figures=await notices.figures(),
        notices=found,
        page=page,
        last=max(1, -(-found.total // PER_PAGE)),
    )


async def _queue(context: PageContext) -> Response:
    page, decided = context.page_number(), context.request.query_params.get("decided") == "1"
    found = await _notices(context).waiting(
        context.principal, (page - 1) * PER_PAGE, PER_PAGE, decided=decided
    )
    return context.render(
        "notices",
        message("Notices"),
        notices=found,
        decided=decided,
        page=page,
        last=max(1, -(-found.total // PER_PAGE)),
        manages=context.may(Right.ACCOUNTS),
    )


async def _decide(context: PageContext) -> Response:
    verdicts = {"honour": _notices(context).honour, "refuse": _notices(context).refuse}
    verdict = verdicts.get(context.form.get("verdict", ""))
    if verdict is None:
        raise Refusal("invalid", fields={"verdict": ["There is no such kind."]})
    await verdict(context.principal, context.number(), context.form.get("answer", ""))
    return context.redirect("/moderation/notices")


def _notices(context: PageContext) -> Notices:
    return context.services.moderation.notices
