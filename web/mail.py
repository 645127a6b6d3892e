"""The pages of lost passwords, and of the mail address of one's own account."""

from starlette.responses import Response
from starlette.routing import Route

from actions.lost_passwords import LostPasswords
from bittorrent.refusal import Refusal
from doors import mailed_texts
from doors.errors import retry_seconds
from doors.languages import message
from web.page_context import PageContext
from web.page_router import PageRouter

_SHOWN = frozenset({"invalid", "bad-credentials", "login-slowed", "busy"})


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of lost passwords and mail addresses."""
    return [
        router.page("/lost", _lost),
        router.form("/lost", _ask),
        router.page("/account/mail", _address, account=True),
        router.form("/account/mail", _propose, account=True),
        router.form("/account/mail/forget", _forget, account=True),
        router.page("/mail/{secret}", _confirmation, secret=True),
        router.form("/mail/{secret}", _confirm, secret=True),
    ]


async def _lost(context: PageContext) -> Response:
    _mailing(context)
    return _render_lost(context)


async def _ask(context: PageContext) -> Response:
    compose = mailed_texts.lost_password(context.language, context.site.name)
    try:
        _mailing(context).ask(context.form.get("name", "").strip(), context.address, compose)
    except Refusal as refusal:
        if refusal.code != "login-slowed":
            raise
        return _render_lost(context, fault=refusal)
    return _render_lost(context, asked=True)


def _render_lost(context: PageContext, *, asked: bool = False, fault: Refusal | None = None) -> Response:
    status = fault.status if fault else 200
    response = context.render("lost", message("Lost your password?"), status=status, asked=asked, fault=fault)
    if fault and (seconds := retry_seconds(fault)) is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


async def _address(context: PageContext) -> Response:
    return await _render_address(context)


async def _propose(context: PageContext) -> Response:
    form = context.form
    compose = mailed_texts.confirmation(context.language, context.site.name)
    try:
        await _mailing(context).propose(
            context.principal,
            form.get("email", "").strip(),
            form.get("password", ""),
            compose,
            context.address,
        )
    except Refusal as refusal:
        return await _render_address(context, _expected(refusal))
    return context.redirect("/account/mail")


async def _forget(context: PageContext) -> Response:
    try:
        await _mailing(context).forget(context.principal, context.form.get("password", ""), context.address)
    except Refusal as refusal:
        return await _render_address(context, _expected(refusal))
    return context.redirect("/account/mail")


async def _render_address(context: PageContext, fault: Refusal | None = None) -> Response:
    return context.render(
        "mail_address",
        message("Mail address"),
        status=fault.status if fault else 200,
        no_store=True,
        address=await _mailing(context).address_of(context.user_id()),
        fault=fault,
    )


async def _confirmation(context: PageContext) -> Response:
    # Opening the link changes nothing: programs that look at mails open every link in them.
    _mailing(context)
    return _render_confirmation(context)


async def _confirm(context: PageContext) -> Response:
    await _mailing(context).confirm(context.request.path_params["secret"])
    return _render_confirmation(context, done=True)


def _render_confirmation(context: PageContext, *, done: bool = False) -> Response:
    return context.render("mail_confirm", message("Mail address"), no_store=True, done=done)


def _mailing(context: PageContext) -> LostPasswords:
    mailing = context.services.accounts.lost_passwords
    if mailing is None:
        raise Refusal("not-found")
    return mailing


def _expected(refusal: Refusal) -> Refusal:
    if refusal.code not in _SHOWN:
        raise refusal
    return refusal
