"""The pages of one's own account: keys and password."""

from starlette.responses import Response
from starlette.routing import Route

from accounts.model import Key, Scope
from bittorrent.refusal import Refusal
from web.door import Door
from web.visit import Visit

LIFETIMES = (("", "until revoked"), ("86400", "a day"), ("2592000", "30 days"), ("31622400", "a year"))
SCOPES = (
    (Scope.REST, "REST API"),
    (Scope.TORRENT_API, "Torrent API"),
    (Scope.GAZELLE, "Gazelle API"),
    (Scope.FEED, "Feeds"),
    (Scope.TORBOX, "TorBox API"),
)


def routes(door: Door) -> list[Route]:
    """Return the routes of one's own account."""
    return [
        door.page("/account", _account),
        door.form("/account/keys", _add_key),
        door.form("/account/keys/{id}/revoke", _revoke),
        door.form("/account/password", _set_password),
    ]


async def _account(visit: Visit) -> Response:
    return await _render(visit)


async def _add_key(visit: Visit) -> Response:
    user = visit.user_id()
    try:
        scope = _scope(visit.form.get("scope", ""))
        label = visit.form.get("label", "").strip()
        lifetime = _lifetime(visit.form.get("lifetime", ""))
        key, secret = await visit.office.membership.mint(
            visit.principal, user, scope, label, lifetime=lifetime
        )
    except Refusal as refusal:
        return await _render(visit, fault=_expected(refusal))
    return await _render(visit, made=(key, secret))


async def _revoke(visit: Visit) -> Response:
    await visit.office.membership.revoke(visit.principal, visit.number())
    return visit.go("/account#keys")


async def _set_password(visit: Visit) -> Response:
    user, password = visit.user_id(), visit.form.get("password", "")
    try:
        if password != visit.form.get("again", ""):
            raise Refusal("invalid", fields={"again": ["The two passwords differ."]})
        await visit.office.membership.set_password(
            visit.principal, user, password, visit.form.get("current", "")
        )
    except Refusal as refusal:
        return await _render(visit, fault=_expected(refusal))
    # A new password ends every session, this one too: start a new one.
    return await visit.office.identity.log_in(visit.go("/account"), user, keep=False)


async def _render(
    visit: Visit, *, made: tuple[Key, str] | None = None, fault: Refusal | None = None
) -> Response:
    keys = await visit.office.membership.keys(visit.principal, visit.user_id())
    return visit.draw(
        "account",
        "Your account",
        status=fault.status if fault else 200,
        fleeting=True,
        keys=[key for key in reversed(keys) if not key.revoked],
        names=dict(SCOPES),
        scopes=SCOPES,
        lifetimes=LIFETIMES,
        made=made,
        fault=fault,
        now=int(visit.office.clock()),
    )


def _expected(refusal: Refusal) -> Refusal:
    """Return a refusal that the account page shows; raise any other."""
    if refusal.code not in {"invalid", "full", "bad-credentials", "login-slowed", "busy"}:
        raise refusal
    return refusal


def _scope(text: str) -> Scope:
    for scope, _ in SCOPES:
        if scope.value == text:
            return scope
    raise Refusal("invalid", fields={"scope": ["There is no such scope."]})


def _lifetime(text: str) -> int | None:
    if text not in dict(LIFETIMES):
        raise Refusal("invalid", fields={"lifetime": ["It is none of those offered."]})
    return int(text) if text else None
