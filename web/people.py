"""Pages of accounts: the public profile, and administration by admins."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.model import Role, User
from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.query import By, Wanted
from doors.origin import base_url
from web.browsing import rows_of
from web.door import Door
from web.visit import Visit

TORRENTS = 25
USERS_PER_PAGE = 50


def routes(door: Door) -> list[Route]:
    """Return the routes of accounts."""
    return [
        door.page("/people", _users),
        door.form("/people", _add),
        door.page("/u/{id}", _user),
        door.form("/u/{id}/role", _set_role),
        door.form("/u/{id}/enabled", _set_enabled),
        door.form("/u/{id}/link", _issue_link),
    ]


async def _user(visit: Visit) -> Response:
    user, viewer = await _find_user(visit), visit.viewer()
    wanted = Wanted(By(user.name), limit=TORRENTS, moderates=viewer.moderates)
    found = await visit.office.search.torrents(wanted)
    return visit.draw(
        "user",
        user.name,
        user=user,
        found=found,
        rows=rows_of(visit, await visit.office.catalogue.torrents(found.ids, viewer)),
        roles=tuple(Role),
        manages=visit.may(Right.ACCOUNTS),
    )


async def _set_role(visit: Visit) -> Response:
    visit.office.rights.require(visit.principal, Right.ACCOUNTS)
    wanted = visit.form.get("role", "")
    role = next((role for role in Role if role.value == wanted), None)
    if role is None:
        raise Refusal("invalid", fields={"role": ["There is no such role."]})
    user = await visit.office.membership.set_role(visit.principal, visit.number(), role)
    return visit.go(f"/u/{user.id}")


async def _set_enabled(visit: Visit) -> Response:
    enabled = visit.form.get("enabled") == "1"
    user = await visit.office.membership.set_enabled(visit.principal, visit.number(), enabled=enabled)
    return visit.go(f"/u/{user.id}")


async def _issue_link(visit: Visit) -> Response:
    user = await _find_user(visit)
    secret = await visit.office.membership.issue_link(visit.principal, user.id)
    link = f"{base_url(visit.request, visit.office.public_url)}/welcome/{secret}"
    return visit.draw("link", "A one-time link", fleeting=True, user=user, link=link)


async def _users(visit: Visit) -> Response:
    visit.office.rights.require(visit.principal, Right.ACCOUNTS)
    return await _render_users(visit)


async def _add(visit: Visit) -> Response:
    visit.office.rights.require(visit.principal, Right.ACCOUNTS)
    name = visit.form.get("name", "").strip()
    try:
        user = await visit.office.membership.register(visit.principal, name, None)
    except Refusal as refusal:
        if refusal.code not in {"invalid", "taken"}:
            raise
        return await _render_users(visit, name, refusal)
    return visit.go(f"/u/{user.id}")


async def _render_users(visit: Visit, name: str = "", fault: Refusal | None = None) -> Response:
    page = visit.page_number()
    search = visit.request.query_params.get("q", "")[:100]
    users, total = await visit.office.accounts.users(search, (page - 1) * USERS_PER_PAGE, USERS_PER_PAGE)
    return visit.draw(
        "users",
        "People",
        status=fault.status if fault else 200,
        users=users,
        total=total,
        page=page,
        last=max(1, -(-total // USERS_PER_PAGE)),
        search=search,
        name=name,
        fault=fault,
    )


async def _find_user(visit: Visit) -> User:
    visit.viewer()
    user = await visit.office.accounts.user(visit.number())
    if user is None:
        raise Refusal("not-found")
    return user
