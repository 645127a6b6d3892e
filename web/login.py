"""Login, logout, and setting a password by a one-time link."""

from starlette.responses import Response
from starlette.routing import Route

from bittorrent.refusal import Refusal
from doors.errors import retry_seconds
from doors.languages import message
from web.page_context import PageContext, local_path
from web.page_router import PageRouter
from web.second_factor import ask_for_code, asked_of_device, start_session

LONGEST_SECRET = 200


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of login, logout and one-time links."""
    return [
        router.page("/login", _login),
        router.form("/login", _log_in),
        router.form("/logout", _log_out),
        router.page("/register", _register),
        router.form("/register", _make_account),
        router.page("/welcome/{secret}", _welcome, secret=True),
        router.form("/welcome/{secret}", _redeem, secret=True),
    ]


async def _login(context: PageContext) -> Response:
    after = local_path(context.request.query_params.get("next", ""), "/")
    if context.principal.user is not None:
        return context.redirect(after)
    return await _render_login(context, after)


async def _log_in(context: PageContext) -> Response:
    services, after = context.services, local_path(context.form.get("next", ""), "/")
    name, password = context.form.get("name", "").strip(), context.form.get("password", "")
    try:
        user = await services.accounts.accounts.log_in(name, password, context.address)
    except Refusal as refusal:
        return await _render_login(context, after, name, refusal)
    keep = context.form.get("keep") == "1"
    if (asking := await ask_for_code(context, user.id, after, keep=keep)) is not None:
        return asking
    return await start_session(context, user.id, after, keep=keep)


async def _render_login(
    context: PageContext, after: str, name: str = "", fault: Refusal | None = None
) -> Response:
    response = context.render(
        "login",
        message("Log in"),
        status=fault.status if fault else 200,
        after=after,
        name=name,
        asked=await asked_of_device(context),
        fault=fault,
    )
    if fault and (seconds := retry_seconds(fault)) is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


async def _register(context: PageContext) -> Response:
    if not context.services.accounts.management.registration.open:
        raise Refusal("not-found")
    if context.principal.user is not None:
        return context.redirect("/account")
    return _render_register(context)


async def _make_account(context: PageContext) -> Response:
    services, name = context.services, context.form.get("name", "").strip()
    if not services.accounts.management.registration.open:
        raise Refusal("not-found")
    password = context.form.get("password", "")
    try:
        if password != context.form.get("again", ""):
            raise Refusal("invalid", fields={"again": ["The two passwords differ."]})
        user = await services.accounts.management.register(
            context.principal, name, password, answer=context.form.get("answer", "")
        )
    except Refusal as refusal:
        if refusal.code not in {"invalid", "taken"}:
            raise
        return _render_register(context, name, refusal)
    return await services.admission.authenticator.log_in(
        context.redirect("/"), user.id, keep=False, address=context.address
    )


def _render_register(context: PageContext, name: str = "", fault: Refusal | None = None) -> Response:
    return context.render(
        "register",
        message("Make an account"),
        status=fault.status if fault else 200,
        name=name,
        question=context.services.accounts.management.registration.question,
        fault=fault,
    )


async def _log_out(context: PageContext) -> Response:
    return await context.services.admission.authenticator.log_out(context.redirect("/"), context.principal)


async def _welcome(context: PageContext) -> Response:
    secret = _secret(context)
    user = await context.services.accounts.accounts.link_owner(secret)
    return context.render("welcome", message("Welcome"), user=user, fault=None)


async def _redeem(context: PageContext) -> Response:
    services, secret = context.services, _secret(context)
    user = await services.accounts.accounts.link_owner(secret)
    password = context.form.get("password", "")
    try:
        if password != context.form.get("again", ""):
            raise Refusal("invalid", fields={"again": ["The two passwords differ."]})
        user = await services.accounts.accounts.redeem_link(secret, password, context.address)
    except Refusal as refusal:
        if not refusal.fields:
            raise
        return context.render("welcome", message("Welcome"), status=422, user=user, fault=refusal)
    if (asking := await ask_for_code(context, user.id, "/account", keep=False)) is not None:
        return asking
    return await start_session(context, user.id, "/account")


def _secret(context: PageContext) -> str:
    secret: str = context.request.path_params["secret"]
    if len(secret) > LONGEST_SECRET or not secret.isascii():
        raise Refusal("bad-link")
    return secret
