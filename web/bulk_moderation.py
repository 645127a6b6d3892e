"""Actions of moderators on torrents that they chose in a list."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from actions.bulk_moderation import MOST_CHOSEN, BulkAction, BulkModeration, BulkOrder
from bittorrent.refusal import Refusal
from doors.bodies import FormRules
from doors.languages import message
from web.page_context import PageContext, local_path, parse_id
from web.page_router import MAX_FORM, PageRouter

CHOSEN = "chosen."
"""What the fields of chosen torrents are named by, with their ids behind it."""

_RULES = FormRules(
    max_fields=2 * MOST_CHOSEN, max_text=MAX_FORM, max_urlencoded=MAX_FORM, wrong_type="it is no form"
)
_UNDO = {BulkAction.HIDE: BulkAction.SHOW, BulkAction.SHOW: BulkAction.HIDE}


def routes(router: PageRouter) -> list[Route]:
    """Return the route of these actions."""
    return [router.form("/moderation/chosen", _apply, right=Right.MODERATE, rules=_RULES)]


async def _apply(context: PageContext) -> Response:
    services, form = context.services, context.form
    chosen = [
        parse_id(name.removeprefix(CHOSEN))
        for name, on in form.items()
        if name.startswith(CHOSEN) and on == "1"
    ]
    if len(chosen) > MOST_CHOSEN:
        raise Refusal("full", f"at most {MOST_CHOSEN}")
    action = next((each for each in BulkAction if each == form.get("action")), None)
    if action is None or not chosen:
        raise Refusal("invalid", "choose torrents, and what is done")
    category = form.get("category_id", "")
    order = BulkOrder(action, form.get("reason", ""), parse_id(category) if category else None)
    torrents = await services.catalogue.store.torrents.torrents(chosen, context.viewer())
    moderation = BulkModeration(services.curation, services.moderation.lists)
    outcomes = await moderation.apply(context.principal, torrents, order)
    back = local_path(form.get("back", ""), "/search")
    done = [each.torrent for each in outcomes if each.fault is None]
    return context.render(
        "chosen",
        message("What was done"),
        action=action.value,
        outcomes=sorted(outcomes, key=lambda each: each.fault is None),
        done=done,
        reason=order.reason,
        undo=_UNDO[action].value if action in _UNDO and done else "",
        back=back,
        link=context.link(back),
        manages=context.may(Right.ACCOUNTS),
    )
