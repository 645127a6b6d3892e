"""Login and logout: the cookie SID, which holds a session, or the key that was sent in place of a password."""

from starlette.responses import Response

from accounts.authentication_log import LogInWay
from accounts.model import Principal, Scope
from bittorrent.refusal import Refusal
from doors.admission import Exchange
from doors.authentication import MalformedAuthorization
from doors.qbittorrent.context import QbittorrentContext, text

COOKIE = "SID"
OWN_ADDRESS = "peerage.qbittorrent_alone"
"""The key of the scope of a request that came to the address that this API has for itself."""
PREFIX = "/qbittorrent"
_KEY = f"pg_{Scope.QBITTORRENT}_"
_REFUSED = frozenset(
    {
        "bad-credentials",
        "bad-token",
        "token-revoked",
        "token-expired",
        "key-suspended",
        "user-disabled",
        "second-factor",
    }
)
_BANNED = "Your IP address has been banned after too many failed authentication attempts."


async def by_key(exchange: Exchange) -> Principal | None:
    """Return the principal of the key in `Authorization`; a name and password there are meant for a proxy."""
    try:
        return await exchange.admission.authenticator.by_header(exchange.request, Scope.QBITTORRENT)
    except MalformedAuthorization:
        return None


async def by_cookie(exchange: Exchange) -> Principal | None:
    """Return the principal of the cookie SID, None where it is missing or no longer valid."""
    value = exchange.request.cookies.get(COOKIE, "")
    if value.startswith(_KEY):
        return await exchange.admission.authenticator.by_secret(value, Scope.QBITTORRENT)
    return await exchange.admission.authenticator.by_session_value(value) if value else None


async def log_in(context: QbittorrentContext) -> Response:
    """Begin a session for a name and a password, or check the key that is sent as password; `Fails.` otherwise."""
    exchange, accounts = context.exchange, context.services.accounts
    name, password = context.parameters.text("username"), context.parameters.values.get("password", "")
    authenticator = exchange.admission.authenticator
    try:
        if password.startswith(_KEY):
            await _require_key(exchange, password)
            return _with_cookie(exchange, password, None)
        user = await accounts.log_in(name, password, exchange.address, LogInWay.QBITTORRENT)
    except Refusal as refusal:
        if refusal.code == "login-slowed":
            return text(_BANNED, 403)
        if refusal.code not in _REFUSED:
            raise
        return text("Fails.")
    value, lifetime = await authenticator.open_session(user.id, keep=False, address=exchange.address)
    return _with_cookie(exchange, value, lifetime)


async def log_out(context: QbittorrentContext) -> Response:
    """End the session; a key stays, and the cookie with it is deleted."""
    response = text("")
    exchange = context.exchange
    await exchange.admission.authenticator.end_session(context.principal)
    response.delete_cookie(COOKIE, path=_path(exchange), httponly=True, samesite="strict")
    return response


async def _require_key(exchange: Exchange, key: str) -> None:
    authenticator = exchange.admission.authenticator
    try:
        await authenticator.by_secret(key, Scope.QBITTORRENT)
    except Refusal as refusal:
        authenticator.note_refused("qbittorrent", refusal, exchange.address)
        raise


def _with_cookie(exchange: Exchange, value: str, lifetime: int | None) -> Response:
    response = text("Ok.")
    response.set_cookie(
        COOKIE,
        value,
        max_age=lifetime,
        path=_path(exchange),
        secure=exchange.admission.authenticator.secure,
        httponly=True,
        samesite="strict",
    )
    return response


def _path(exchange: Exchange) -> str:
    if exchange.request.scope.get(OWN_ADDRESS):
        return "/"
    return f"{exchange.admission.root_path}{PREFIX}/"
