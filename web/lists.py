"""The moderators' pages of lists: blocked and allowed torrents, clients and addresses that may announce or not."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from doors.languages import message
from lists.access_rules import RuleSubject
from lists.entry_text import REASON_LIMIT
from lists.infohashes import ListKind
from web.page_context import PageContext
from web.page_router import PageRouter

PER_PAGE = 50
_COUNT_MOST = 1_000_000

_ABOUT = {"torrents": None, "clients": RuleSubject.CLIENT, "addresses": RuleSubject.ADDRESS}
_PATHS = {subject: f"/moderation/lists?about={about}" for about, subject in _ABOUT.items()}


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the lists."""
    return [
        router.page("/moderation/lists", _lists, right=Right.BLOCK),
        router.form("/moderation/lists/torrents", _set_torrent, right=Right.BLOCK),
        router.form("/moderation/lists/torrents/{infohash}/lift", _lift, right=Right.BLOCK),
        router.form("/moderation/lists/rules", _set_rule, right=Right.BLOCK),
        router.form("/moderation/lists/rules/{id}/remove", _remove_rule, right=Right.BLOCK),
    ]


async def _lists(context: PageContext) -> Response:
    return await _render(context, context.request.query_params.get("about", "torrents"))


async def _set_torrent(context: PageContext) -> Response:
    moderation, form = context.services.moderation.lists, context.form
    try:
        infohash = InfoHash.parse(form.get("pattern", "").strip())
        set_entry = moderation.allow if form.get("verdict") == ListKind.ALLOW else moderation.block
        await set_entry(context.principal, infohash, form.get("reason", ""))
    except Refusal as refusal:
        return await _render(context, "torrents", refusal)
    return context.redirect(_PATHS[None])


async def _lift(context: PageContext) -> Response:
    moderation = context.services.moderation.lists
    infohash = InfoHash.parse(str(context.request.path_params["infohash"]))
    lift = moderation.disallow if context.form.get("verdict") == ListKind.ALLOW else moderation.unblock
    await lift(context.principal, infohash)
    return context.redirect(_PATHS[None])


async def _set_rule(context: PageContext) -> Response:
    form = context.form
    subject = RuleSubject.ADDRESS if form.get("subject") == RuleSubject.ADDRESS else RuleSubject.CLIENT
    kind = ListKind.ALLOW if form.get("verdict") == ListKind.ALLOW else ListKind.DENY
    try:
        await context.services.moderation.access.set(
            context.principal, subject, form.get("pattern", ""), kind, form.get("reason", "")
        )
    except Refusal as refusal:
        return await _render(context, _about(subject), refusal)
    return context.redirect(_PATHS[subject])


async def _remove_rule(context: PageContext) -> Response:
    rule = await context.services.moderation.access.remove(context.principal, context.number())
    return context.redirect(_PATHS[rule.subject])


def _about(subject: RuleSubject) -> str:
    return next(about for about, each in _ABOUT.items() if each is subject)


async def _render(context: PageContext, about: str, fault: Refusal | None = None) -> Response:
    if about not in _ABOUT:
        raise Refusal("not-found")
    subject, page = _ABOUT[about], context.page_number()
    skip, moderation = (page - 1) * PER_PAGE, context.services.moderation
    kind = ListKind.ALLOW if context.request.query_params.get("kind") == "allow" else ListKind.DENY
    if subject is None:
        entries = await moderation.lists.lists.page(kind, skip, PER_PAGE)
        total = await moderation.lists.lists.count(kind, _COUNT_MOST)
    else:
        entries, total = [], await moderation.access.rules.count(subject)
    return context.render(
        "lists",
        message("Lists"),
        status=fault.status if fault else 200,
        about=about,
        subject=subject,
        kind=kind,
        entries=entries,
        rules=await moderation.access.rules.page(subject, skip, PER_PAGE) if subject is not None else [],
        page=page,
        last=max(1, -(-total // PER_PAGE)),
        total=total,
        given=context.form,
        fault=fault,
        reason_limit=REASON_LIMIT,
        manages=context.may(Right.ACCOUNTS),
    )
