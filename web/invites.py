"""Pages of invitations: joining by one, one's own, and the tree of who let whom in."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.languages import message
from doors.origin import base_url
from web.page_context import PageContext
from web.page_router import PageRouter
from web.second_factor import start_session

PER_PAGE = 50
LONGEST_SECRET = 200


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of invitations."""
    return [
        router.page("/join/{secret}", _welcome, secret=True),
        router.form("/join/{secret}", _join, secret=True),
        router.page("/account/invites", _sent, account=True),
        router.form("/account/invites", _send, account=True),
        router.form("/account/invites/{id}/withdraw", _withdraw, account=True),
        router.page("/u/{id}/invited", _tree, right=Right.MODERATE),
        router.form("/u/{id}/invites", _grant, right=Right.MODERATE),
    ]


async def _welcome(context: PageContext) -> Response:
    await context.services.accounts.terms.invitations.check(_secret(context))
    return context.render("join", message("Join"), fault=None, name="")


async def _join(context: PageContext) -> Response:
    services, secret = context.services, _secret(context)
    name, password = context.form.get("name", "").strip(), context.form.get("password", "")
    try:
        if password != context.form.get("again", ""):
            raise Refusal("invalid", fields={"again": ["The two passwords differ."]})
        user = await services.accounts.terms.invitations.join(secret, name, password)
    except Refusal as refusal:
        if refusal.code not in {"invalid", "taken", "busy"}:
            raise
        return context.render("join", message("Join"), status=refusal.status, fault=refusal, name=name)
    return await start_session(context, user.id, "/account")


async def _sent(context: PageContext) -> Response:
    return await _render(context)


async def _send(context: PageContext) -> Response:
    try:
        _, secret = await context.services.accounts.terms.invitations.send(context.principal)
    except Refusal as refusal:
        if refusal.code != "no-invite":
            raise
        return await _render(context, fault=refusal)
    base = base_url(context.request, context.services.admission.public_url)
    return await _render(context, link=f"{base}/join/{secret}")


async def _withdraw(context: PageContext) -> Response:
    await context.services.accounts.terms.invitations.withdraw(context.principal, context.number())
    return context.redirect("/account/invites")


async def _render(context: PageContext, *, link: str = "", fault: Refusal | None = None) -> Response:
    page, services = context.page_number(), context.services
    sent, total = await services.accounts.terms.invitations.sent(
        context.principal, (page - 1) * PER_PAGE, PER_PAGE
    )
    came = await services.accounts.accounts.users_by_id(
        [each.account for each in sent if each.account is not None]
    )
    standing = await services.accounts.terms.standings.store.standing(context.user_id())
    return context.render(
        "invites",
        message("Invitations"),
        status=fault.status if fault else 200,
        no_store=True,
        sent=sent,
        came=came,
        link=link,
        fault=fault,
        invites=standing.invites,
        days=services.accounts.terms.invitations.lifetime // 86_400,
        now=int(services.admission.clock()),
        page=page,
        last=max(1, -(-total // PER_PAGE)),
    )


async def _tree(context: PageContext) -> Response:
    tree = await context.services.accounts.terms.invitations.tree(context.principal, context.number())
    inviter = await context.services.accounts.terms.invitations.inviter(context.principal, context.number())
    return context.render(
        "invited",
        context.language.text(message("Invited by %(name)s"), name=tree[0].name),
        tree=tree,
        inviter=inviter,
    )


async def _grant(context: PageContext) -> Response:
    text = context.form.get("invites", "").strip()
    try:
        invites = int(text) if len(text) < PER_PAGE else 0
    except ValueError:
        raise Refusal("invalid", fields={"invites": ["It is no whole number."]}) from None
    await context.services.accounts.terms.invitations.grant(context.principal, context.number(), invites)
    return context.redirect(f"/u/{context.number()}/invited")


def _secret(context: PageContext) -> str:
    secret: str = context.request.path_params["secret"]
    if len(secret) > LONGEST_SECRET or not secret.isascii():
        raise Refusal("bad-link")
    return secret
