"""Login, logout, and setting a password by a one-time link."""

from starlette.responses import Response
from starlette.routing import Route

from bittorrent.refusal import Refusal
from web.door import Door
from web.visit import Visit, own_path

LONGEST_SECRET = 200


def routes(door: Door) -> list[Route]:
    """Return the routes of login, logout and one-time links."""
    return [
        door.page("/login", _login),
        door.form("/login", _log_in),
        door.form("/logout", _log_out),
        door.page("/welcome/{secret}", _welcome, secret=True),
        door.form("/welcome/{secret}", _redeem, secret=True),
    ]


async def _login(visit: Visit) -> Response:
    after = own_path(visit.request.query_params.get("next", ""), "/")
    if visit.principal.user is not None:
        return visit.go(after)
    return _render_login(visit, after)


async def _log_in(visit: Visit) -> Response:
    office, after = visit.office, own_path(visit.form.get("next", ""), "/")
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    address = office.clients.of(visit.request.scope)
    try:
        user = await office.accounts.log_in(name, password, address)
    except Refusal as refusal:
        return _render_login(visit, after, name, refusal)
    keep = visit.form.get("keep") == "1"
    # End the session that this browser had before.
    response = await office.identity.log_out(visit.go(after), visit.principal)
    return await office.identity.log_in(response, user.id, keep=keep)


def _render_login(visit: Visit, after: str, name: str = "", fault: Refusal | None = None) -> Response:
    status = fault.status if fault else 200
    return visit.draw("login", "Log in", status=status, after=after, name=name, fault=fault)


async def _log_out(visit: Visit) -> Response:
    return await visit.office.identity.log_out(visit.go("/"), visit.principal)


async def _welcome(visit: Visit) -> Response:
    secret = _secret(visit)
    user = await visit.office.accounts.link_owner(secret)
    return visit.draw("welcome", "Welcome", user=user, fault=None)


async def _redeem(visit: Visit) -> Response:
    office, secret = visit.office, _secret(visit)
    user = await office.accounts.link_owner(secret)
    password = visit.form.get("password", "")
    try:
        if password != visit.form.get("again", ""):
            raise Refusal("invalid", fields={"again": ["The two passwords differ."]})
        user = await office.accounts.redeem_link(secret, password)
    except Refusal as refusal:
        if not refusal.fields:
            raise
        return visit.draw("welcome", "Welcome", status=422, user=user, fault=refusal)
    response = await office.identity.log_out(visit.go("/account"), visit.principal)
    return await office.identity.log_in(response, user.id, keep=False)


def _secret(visit: Visit) -> str:
    secret: str = visit.request.path_params["secret"]
    if len(secret) > LONGEST_SECRET or not secret.isascii():
        raise Refusal("bad-link")
    return secret
