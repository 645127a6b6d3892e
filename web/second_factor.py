"""The pages of the second factor: its codes at a log-in, and how an account begins and ends one."""

import asyncio
from io import BytesIO

import segno
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts import one_time_codes
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.errors import retry_seconds
from doors.languages import message
from web.page_context import PageContext, local_path
from web.page_router import PageRouter

_SHOWN = frozenset({"bad-code", "login-slowed", "taken"})


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the second factor."""
    return [
        router.form("/login/code", _log_in),
        router.page("/account/second-factor", _page, account=True),
        router.form("/account/second-factor", _begin, account=True),
        router.form("/account/second-factor/confirm", _confirm, account=True),
        router.form("/account/second-factor/end", _end, account=True),
        router.form("/u/{id}/second-factor/end", _end_another, right=Right.ACCOUNTS),
    ]


async def ask_for_code(context: PageContext, user: int, after: str, *, keep: bool) -> Response | None:
    """Return the page that asks for a code after a right password; None where the account has no second factor."""
    factors = context.services.accounts.accounts.second_factors
    if await factors.state(user) is None:
        return None
    return _render_code(context, factors.ticket(user, keep=keep), after)


async def _log_in(context: PageContext) -> Response:
    services, ticket = context.services, context.form.get("ticket", "")
    after = local_path(context.form.get("next", ""), "/")
    number, keep = services.accounts.accounts.second_factors.read_ticket(ticket)
    try:
        user = await services.accounts.accounts.check_code(
            number, context.form.get("code", ""), context.address
        )
    except Refusal as refusal:
        if refusal.code not in _SHOWN:
            raise
        return _render_code(context, ticket, after, refusal)
    response = await services.admission.authenticator.log_out(context.redirect(after), context.principal)
    return await services.admission.authenticator.log_in(
        response, user.id, keep=keep, address=context.address
    )


def _render_code(context: PageContext, ticket: str, after: str, fault: Refusal | None = None) -> Response:
    response = context.render(
        "login_code",
        message("Log in"),
        status=fault.status if fault else 200,
        no_store=True,
        ticket=ticket,
        after=after,
        fault=fault,
    )
    if fault and (seconds := retry_seconds(fault)) is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


async def _page(context: PageContext) -> Response:
    return await _render(context)


async def _begin(context: PageContext) -> Response:
    try:
        await context.services.accounts.management.begin_second_factor(context.principal)
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    return context.redirect("/account/second-factor")


async def _confirm(context: PageContext) -> Response:
    management, code = context.services.accounts.management, context.form.get("code", "").strip()
    try:
        codes = await management.confirm_second_factor(context.principal, code)
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    return await _render(context, codes=codes)


async def _end(context: PageContext) -> Response:
    code = context.form.get("code", "")
    try:
        await context.services.accounts.management.end_second_factor(
            context.principal, context.user_id(), code
        )
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    return context.redirect("/account/second-factor")


async def _end_another(context: PageContext) -> Response:
    await context.services.accounts.management.end_second_factor(context.principal, context.number())
    return context.redirect(f"/u/{context.number()}")


async def _render(
    context: PageContext, *, codes: list[str] | None = None, fault: Refusal | None = None
) -> Response:
    user, factors = context.user_id(), context.services.accounts.accounts.second_factors
    state = await factors.state(user)
    secret = await factors.waiting(user) if state is None else None
    uri = ""
    if secret is not None:
        assert context.principal.user is not None
        uri = one_time_codes.key_uri(secret, context.site.name, context.principal.user.name)
    return context.render(
        "second_factor",
        message("Second factor"),
        status=fault.status if fault else 200,
        no_store=True,
        state=state,
        secret=one_time_codes.written(secret) if secret is not None else "",
        uri=uri,
        drawn=await asyncio.to_thread(_drawn, uri) if uri else Markup(),
        codes=codes,
        fault=fault,
    )


def _drawn(uri: str) -> Markup:
    """Return the QR code of a URI as an SVG that stands in the page: its address would hold the secret."""
    drawn, code = BytesIO(), segno.make(uri, error="l", micro=False)
    code.save(
        drawn,
        kind="svg",
        scale=4,
        border=2,
        dark="#000",
        light="#fff",
        xmldecl=False,
        omitsize=True,
        svgclass="qr",
        lineclass=None,
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - numbers alone


def _expected(refusal: Refusal) -> Refusal:
    if refusal.code not in _SHOWN:
        raise refusal
    return refusal
