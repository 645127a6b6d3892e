"""The moderators' pages of credit: rules of what counts, tokens, and figures of what does not add up."""

import math
from dataclasses import replace

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from doors.languages import message
from tracker.credit import NewCreditRule
from web.page_context import PageContext
from web.page_router import PageRouter

PER_PAGE = 50

_HOUR = 3600
_LONGEST_HOURS = 100 * 366 * 24


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of credit."""
    return [
        router.page("/moderation/credit", _rules, right=Right.MODERATE),
        router.form("/moderation/credit", _add, right=Right.MODERATE),
        router.form("/moderation/credit/{id}/end", _end, right=Right.MODERATE),
        router.page("/moderation/traffic", _suspicions, right=Right.MODERATE),
        router.form("/moderation/credit/tokens", _grant, right=Right.MODERATE),
    ]


async def _rules(context: PageContext) -> Response:
    return await _render(context)


async def _suspicions(context: PageContext) -> Response:
    membership = context.services.accounts.terms.membership
    clients = await membership.crowded(context.principal)
    addresses = await membership.addresses(context.principal)
    shown = {each.account for each in clients} | {each.account for each in addresses}
    return context.render(
        "suspicions",
        message("Traffic"),
        clients=clients,
        names=await context.services.accounts.accounts.users_by_id(sorted(shown)),
        addresses=addresses,
        balances=await membership.balances(context.principal),
        manages=context.may(Right.ACCOUNTS),
    )


async def _add(context: PageContext) -> Response:
    try:
        await context.services.accounts.terms.crediting.add_rule(context.principal, await _rule(context))
    except Refusal as refusal:
        return await _render(context, refusal)
    return context.redirect("/moderation/credit")


async def _end(context: PageContext) -> Response:
    await context.services.accounts.terms.crediting.end_rule(context.principal, context.number())
    return context.redirect("/moderation/credit")


async def _grant(context: PageContext) -> Response:
    try:
        account = await _account(context)
        if account is None:
            raise Refusal("not-found", "no account has that name")
        tokens = _whole(context.form.get("tokens", ""), "tokens") or 0
        await context.services.accounts.terms.crediting.grant(context.principal, account, tokens)
    except Refusal as refusal:
        return await _render(context, refusal)
    return context.redirect("/moderation/credit")


async def _rule(context: PageContext) -> NewCreditRule:
    form = context.form
    now = int(context.services.admission.clock())
    since = now + _seconds(form.get("begins", ""), "begins")
    lasts = _seconds(form.get("hours", ""), "hours")
    infohash = form.get("infohash", "").strip()
    rule = NewCreditRule(
        since,
        since + lasts if lasts else None,
        await _account(context),
        upload=_whole(form.get("upload", ""), "upload"),
        download=_whole(form.get("download", ""), "download"),
        reason=form.get("reason", ""),
    )
    return replace(rule, infohash=InfoHash.parse(infohash).truncated) if infohash else rule


async def _account(context: PageContext) -> int | None:
    name = context.form.get("account", "").strip()
    if not name:
        return None
    user = await context.services.accounts.accounts.user(name)
    if user is None:
        raise Refusal("not-found", "no account has that name")
    return user.id


def _whole(text: str, name: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise Refusal("invalid", fields={name: ["It is no whole number."]}) from None


def _seconds(text: str, name: str) -> int:
    try:
        hours = float(text.strip() or 0)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= _LONGEST_HOURS:
        raise Refusal("invalid", fields={name: ["It is no number of hours."]})
    return int(hours * _HOUR)


async def _render(context: PageContext, fault: Refusal | None = None) -> Response:
    page = context.page_number()
    rules, total = await context.services.accounts.terms.crediting.rules(
        context.principal, (page - 1) * PER_PAGE, PER_PAGE
    )
    return context.render(
        "credit",
        message("Credit"),
        status=fault.status if fault else 200,
        rules=rules,
        page=page,
        last=max(1, -(-total // PER_PAGE)),
        given=context.form,
        fault=fault,
        manages=context.may(Right.ACCOUNTS),
    )
