"""The pages on which an account is erased: by itself, and by admins."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.erasure import Writings
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.languages import message
from web.page_context import PageContext
from web.page_router import PageRouter

_SHOWN = frozenset({"bad-credentials", "bad-code", "login-slowed", "busy", "last-admin", "invalid"})


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of erasure."""
    return [
        router.page("/account/erase", _own, account=True),
        router.form("/account/erase", _erase_own, account=True),
        router.page("/u/{id}/erase", _another, right=Right.ACCOUNTS),
        router.form("/u/{id}/erase", _erase_another, right=Right.ACCOUNTS),
    ]


async def _own(context: PageContext) -> Response:
    return await _render(context, context.user_id())


async def _erase_own(context: PageContext) -> Response:
    user, form = context.user_id(), context.form
    try:
        await context.services.accounts.erasure.erase(
            context.principal,
            user,
            _writings(context),
            password=form.get("password", ""),
            code=form.get("code", ""),
            address=context.address,
        )
    except Refusal as refusal:
        return await _render(context, user, _expected(refusal))
    return await context.services.admission.authenticator.log_out(context.redirect("/"), context.principal)


async def _another(context: PageContext) -> Response:
    return await _render(context, context.number())


async def _erase_another(context: PageContext) -> Response:
    user = context.number()
    if user == context.principal.id:
        return context.redirect("/account/erase")
    try:
        await context.services.accounts.erasure.erase(context.principal, user, _writings(context))
    except Refusal as refusal:
        return await _render(context, user, _expected(refusal))
    return context.redirect("/people")


async def _render(context: PageContext, number: int, fault: Refusal | None = None) -> Response:
    accounts = context.services.accounts.accounts
    user = await accounts.user(number)
    if user is None:
        raise Refusal("not-found")
    own = number == context.principal.id
    return context.render(
        "erase",
        message("Erase the account"),
        status=fault.status if fault else 200,
        no_store=True,
        user=user,
        own=own,
        second_factor=own and await accounts.second_factors.state(number) is not None,
        fault=fault,
    )


def _writings(context: PageContext) -> Writings:
    chosen = context.form.get("writings", Writings.KEEP.value)
    for each in Writings:
        if each.value == chosen:
            return each
    raise Refusal("invalid", fields={"writings": ["It is none of those offered."]})


def _expected(refusal: Refusal) -> Refusal:
    if refusal.code not in _SHOWN:
        raise refusal
    return refusal
