"""The pages of the second factor: its codes at a log-in, and how an account begins and ends one."""

import asyncio
from io import BytesIO

import segno
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts import one_time_codes
from accounts.rights import Right
from accounts.webauthn import WebAuthnRequest
from bittorrent.refusal import Refusal
from doors.errors import retry_seconds
from doors.languages import message
from web.page_context import PageContext, local_path
from web.page_router import PageRouter

_SHOWN = frozenset({"bad-code", "bad-credentials", "bad-device", "busy", "invalid", "login-slowed", "taken"})
_LONGEST_ID = 4096


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the second factor."""
    return [
        router.form("/login/code", _log_in),
        router.form("/login/device", _log_in_by_device),
        router.page("/account/second-factor", _page, account=True),
        router.form("/account/second-factor", _begin, account=True),
        router.form("/account/second-factor/confirm", _confirm, account=True),
        router.form("/account/second-factor/end", _end, account=True),
        router.form("/account/second-factor/devices", _add_device, account=True),
        router.form("/account/second-factor/devices/remove", _remove_device, account=True),
        router.form("/u/{id}/second-factor/end", _end_another, right=Right.ACCOUNTS),
    ]


async def ask_for_code(context: PageContext, user: int, after: str, *, keep: bool) -> Response | None:
    """Return the page that asks for a code after a right password; None where the account has no second factor."""
    factors = context.services.accounts.accounts.second_factors
    if await factors.state(user) is None:
        return None
    return await _render_code(context, user, factors.ticket(user, keep=keep), after)


async def _log_in(context: PageContext) -> Response:
    services, ticket = context.services, context.form.get("ticket", "")
    after = local_path(context.form.get("next", ""), "/")
    number, keep = services.accounts.accounts.second_factors.read_ticket(ticket)
    accounts, form = services.accounts.accounts, context.form
    try:
        if "device" in form:
            asked = form.get("asked", "")
            user = await accounts.check_device(number, asked, form["device"], context.address)
        else:
            user = await accounts.check_code(number, form.get("code", ""), context.address)
    except Refusal as refusal:
        if refusal.code not in _SHOWN:
            raise
        return await _render_code(context, number, ticket, after, refusal)
    return await start_session(context, user.id, after, keep=keep)


async def _log_in_by_device(context: PageContext) -> Response:
    form, after = context.form, local_path(context.form.get("next", ""), "/")
    user = await context.services.accounts.accounts.log_in_by_device(
        form.get("asked", ""), form.get("device", ""), context.address
    )
    return await start_session(context, user.id, after, keep=form.get("keep") == "1")


async def start_session(context: PageContext, user: int, after: str, *, keep: bool = False) -> Response:
    """Log an account in, in place of whoever this browser was logged in as, and lead to a path."""
    authenticator = context.services.admission.authenticator
    response = await authenticator.log_out(context.redirect(after), context.principal)
    return await authenticator.log_in(response, user, keep=keep, address=context.address)


async def asked_of_device(context: PageContext, user: int | None = None) -> WebAuthnRequest | None:
    """Return what the page asks of a device of an account, or of any; None where the site cannot have any."""
    devices = context.services.accounts.accounts.devices
    return await devices.assertion(user) if devices.available else None


async def _render_code(
    context: PageContext, user: int, ticket: str, after: str, fault: Refusal | None = None
) -> Response:
    state = await context.services.accounts.accounts.second_factors.state(user)
    has_devices = state is not None and state.has_credentials
    response = context.render(
        "login_code",
        message("Log in"),
        status=fault.status if fault else 200,
        no_store=True,
        ticket=ticket,
        after=after,
        asked=await asked_of_device(context, user) if has_devices else None,
        has_app=state is not None and state.has_app,
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


async def _add_device(context: PageContext) -> Response:
    form = context.form
    try:
        codes = await context.services.accounts.management.add_device(
            context.principal,
            form.get("asked", ""),
            form.get("device", ""),
            name=form.get("name", "").strip(),
            password=form.get("password", ""),
            address=context.address,
        )
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    return await _render(context, codes=codes) if codes else context.redirect("/account/second-factor")


async def _remove_device(context: PageContext) -> Response:
    text = context.form.get("device", "")
    try:
        credential = bytes.fromhex(text[:_LONGEST_ID])
    except ValueError:
        credential = b""
    try:
        await context.services.accounts.management.remove_device(
            context.principal, credential, context.form.get("password", ""), context.address
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
    state, devices = await factors.state(user), context.services.accounts.accounts.devices
    secret = await factors.waiting(user)
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
        devices=await devices.of_user(user),
        asked=await context.services.accounts.management.begin_device(context.principal)
        if devices.available
        else None,
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
