"""Pages of accounts: the public profile, and administration by admins."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.model import Role, User
from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.query import SearchQuery, UploaderTerm
from doors.languages import message
from doors.origin import base_url
from web.page_context import PageContext
from web.page_router import PageRouter
from web.torrent_rows import torrent_rows

TORRENTS = 25
USERS_PER_PAGE = 50
TRAFFIC_PER_PAGE = 50


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of accounts."""
    return [
        router.page("/people", _users, right=Right.ACCOUNTS),
        router.form("/people", _add, right=Right.ACCOUNTS),
        router.page("/u/{id}", _user),
        router.page("/u/{id}/traffic", _traffic, account=True),
        router.form("/u/{id}/role", _set_role, right=Right.ACCOUNTS),
        router.form("/u/{id}/enabled", _set_enabled, right=Right.ACCOUNTS),
        router.form("/u/{id}/link", _issue_link, right=Right.ACCOUNTS),
    ]


async def _user(context: PageContext) -> Response:
    user, viewer = await _find_user(context), context.viewer()
    wanted = SearchQuery(UploaderTerm(user.name), limit=TORRENTS, moderates=viewer.moderates)
    found = await context.services.catalogue.search.torrents(wanted)
    return context.render(
        "user",
        user.name,
        feeds=context.feeds(f"/u/{user.id}"),
        user=user,
        found=found,
        rows=await torrent_rows(
            context, await context.services.catalogue.store.torrents.torrents(found.ids, viewer)
        ),
        standing=await context.services.accounts.terms.standings.store.standing(user.id),
        shows_traffic=context.services.accounts.terms.membership.may_see(context.principal, user.id),
        roles=tuple(Role),
        manages=(manages := context.may(Right.ACCOUNTS)),
        second_factor=manages and await context.services.accounts.accounts.second_factors.state(user.id),
    )


async def _traffic(context: PageContext) -> Response:
    user, page = await _find_user(context), context.page_number()
    standings, total = await context.services.accounts.terms.membership.standings(
        context.principal, user.id, (page - 1) * TRAFFIC_PER_PAGE, TRAFFIC_PER_PAGE
    )
    return context.render(
        "traffic",
        context.language.text(message("Traffic: %(name)s"), name=user.name),
        no_store=True,
        user=user,
        traffic=await context.services.accounts.ledger.account(user.id),
        standings=standings,
        page=page,
        last=max(1, -(-total // TRAFFIC_PER_PAGE)),
    )


async def _set_role(context: PageContext) -> Response:
    wanted = context.form.get("role", "")
    role = next((role for role in Role if role.value == wanted), None)
    if role is None:
        raise Refusal("invalid", fields={"role": ["There is no such role."]})
    user = await context.services.accounts.management.set_role(context.principal, context.number(), role)
    return context.redirect(f"/u/{user.id}")


async def _set_enabled(context: PageContext) -> Response:
    enabled = context.form.get("enabled") == "1"
    user = await context.services.accounts.management.set_enabled(
        context.principal, context.number(), enabled=enabled
    )
    return context.redirect(f"/u/{user.id}")


async def _issue_link(context: PageContext) -> Response:
    user = await _find_user(context)
    secret = await context.services.accounts.management.issue_link(context.principal, user.id)
    link = f"{base_url(context.request, context.services.admission.public_url)}/welcome/{secret}"
    return context.render("link", message("A one-time link"), no_store=True, user=user, link=link)


async def _users(context: PageContext) -> Response:
    return await _render_users(context)


async def _add(context: PageContext) -> Response:
    name = context.form.get("name", "").strip()
    try:
        user = await context.services.accounts.management.register(context.principal, name, None)
    except Refusal as refusal:
        if refusal.code not in {"invalid", "taken"}:
            raise
        return await _render_users(context, name, refusal)
    return context.redirect(f"/u/{user.id}")


async def _render_users(context: PageContext, name: str = "", fault: Refusal | None = None) -> Response:
    page = context.page_number()
    search = context.request.query_params.get("q", "")[:100]
    users, total = await context.services.accounts.accounts.users(
        search, (page - 1) * USERS_PER_PAGE, USERS_PER_PAGE
    )
    return context.render(
        "users",
        message("People"),
        status=fault.status if fault else 200,
        users=users,
        total=total,
        page=page,
        last=max(1, -(-total // USERS_PER_PAGE)),
        search=search,
        name=name,
        fault=fault,
    )


async def _find_user(context: PageContext) -> User:
    context.viewer()
    user = await context.services.accounts.accounts.user(context.number())
    if user is None:
        raise Refusal("not-found")
    return user
