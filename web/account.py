"""The pages of one's own account: keys and password."""

from ipaddress import ip_address

from starlette.responses import Response
from starlette.routing import Route

from accounts.model import Key, Scope
from bittorrent.refusal import Refusal
from doors.languages import message
from doors.origin import base_url
from doors.record_lines import record_lines
from tracker.obligations import Obligation
from tracker.standing import watched_until
from web.page_context import PageContext
from web.page_router import PageRouter

_LONGEST_COUNT = 9
LIFETIMES = (
    ("", message("until revoked")),
    ("86400", message("a day")),
    ("2592000", message("30 days")),
    ("31622400", message("a year")),
)
SCOPES = (
    (Scope.REST, message("REST API")),
    (Scope.TORRENT_API, message("Torrent API")),
    (Scope.GAZELLE, message("Gazelle API")),
    (Scope.FEED, message("Feeds and Torznab")),
    (Scope.TORBOX, message("TorBox API")),
    (Scope.QBITTORRENT, message("qBittorrent API, feeds and Torznab")),
)


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of one's own account."""
    return [
        router.page("/account", _account, account=True),
        router.page("/account/export", _export, account=True),
        router.form("/account/keys", _add_key, account=True),
        router.form("/account/keys/{id}/renew", _renew, account=True),
        router.form("/account/keys/{id}/revoke", _revoke, account=True),
        router.form("/account/bonus", _exchange, account=True),
        router.form("/account/passkey", _reset_passkey, account=True),
        router.form("/account/password", _set_password, account=True),
        router.form("/account/sessions/{id}/end", _end_session, account=True),
        router.form("/account/sessions/end", _end_sessions, account=True),
    ]


async def _account(context: PageContext) -> Response:
    return await _render(context)


async def _export(context: PageContext) -> Response:
    batches = await context.services.accounts.management.export(context.principal, context.user_id())
    return record_lines(batches, "account.jsonl")


async def _add_key(context: PageContext) -> Response:
    user = context.user_id()
    try:
        scope = _scope(context.form.get("scope", ""))
        label = context.form.get("label", "").strip()
        lifetime = _lifetime(context.form.get("lifetime", ""))
        key, secret = await context.services.accounts.management.mint(
            context.principal, user, scope, label, lifetime=lifetime
        )
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    return await _render(context, made=(key, secret))


async def _renew(context: PageContext) -> Response:
    made = await context.services.accounts.management.renew_feed_key(context.principal, context.number())
    return await _render(context, made=made)


async def _revoke(context: PageContext) -> Response:
    await context.services.accounts.management.revoke(context.principal, context.number())
    return context.redirect("/account#keys")


async def _exchange(context: PageContext) -> Response:
    try:
        wanted = {name: _count(context.form.get(name, ""), name) for name in ("tokens", "gib")}
        await context.services.accounts.terms.membership.exchange(context.principal, **wanted)
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    return context.redirect("/account#traffic")


def _count(text: str, name: str) -> int:
    if not text.strip():
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_COUNT:
        raise Refusal("invalid", fields={name: ["It is no number."]})
    return int(text)


async def _reset_passkey(context: PageContext) -> Response:
    await context.services.accounts.management.reset_passkey(context.principal, context.user_id())
    return context.redirect("/account#traffic")


async def _set_password(context: PageContext) -> Response:
    user, password = context.user_id(), context.form.get("password", "")
    try:
        if password != context.form.get("again", ""):
            raise Refusal("invalid", fields={"again": ["The two passwords differ."]})
        await context.services.accounts.management.set_password(
            context.principal, user, password, context.form.get("current", ""), context.address
        )
    except Refusal as refusal:
        return await _render(context, fault=_expected(refusal))
    # A new password ends every session, this one too: start a new one.
    return await context.services.admission.authenticator.log_in(
        context.redirect("/account"), user, keep=False, address=context.address
    )


async def _end_session(context: PageContext) -> Response:
    await context.services.accounts.management.end_session(context.principal, context.number())
    return context.redirect("/account#sessions")


async def _end_sessions(context: PageContext) -> Response:
    await context.services.accounts.management.end_sessions(context.principal, context.user_id())
    return context.redirect("/account#sessions")


async def _render(
    context: PageContext, *, made: tuple[Key, str] | None = None, fault: Refusal | None = None
) -> Response:
    sessions = await context.services.accounts.management.sessions(context.principal, context.user_id())
    keys = await context.services.accounts.management.keys(context.principal, context.user_id())
    crediting = context.services.accounts.terms.crediting
    standing = await context.services.accounts.terms.standings.store.standing(context.user_id())
    counts = await context.services.accounts.terms.membership.counts(context.user_id())
    owes = {kind.name.lower(): counts.get(kind, 0) for kind in Obligation}
    files, base = (
        context.services.files.served,
        base_url(context.request, context.services.admission.public_url),
    )
    return context.render(
        "account",
        message("Your account"),
        status=fault.status if fault else 200,
        no_store=True,
        keys=[key for key in reversed(keys) if not key.revoked],
        sessions=[(each, _place(each.address)) for each in reversed(sessions)],
        names=dict(SCOPES),
        announce=await files.announce_url(context.principal, base) if files.personal else None,
        traffic=await context.services.accounts.ledger.account(context.user_id()) if files.personal else None,
        owes=owes,
        standing=standing,
        second_factor=await context.services.accounts.accounts.second_factors.state(context.user_id()),
        watched_until=watched_until(standing, context.services.accounts.terms.standings.watch),
        prices=context.services.accounts.terms.membership.prices,
        rules=crediting.site_rules(),
        free=sorted(await crediting.free_by_token(context.user_id())),
        scopes=SCOPES,
        lifetimes=LIFETIMES,
        made=made,
        base=base_url(context.request, context.services.admission.public_url),
        fault=fault,
        now=int(context.services.admission.clock()),
    )


def _place(address: bytes | None) -> str:
    return str(ip_address(address)) if address is not None and any(address) else message("unknown")


def _expected(refusal: Refusal) -> Refusal:
    """Return a refusal that the account page shows; raise any other."""
    if refusal.code not in {"invalid", "full", "bad-credentials", "login-slowed", "busy", "few-points"}:
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
