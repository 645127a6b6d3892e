"""REST operations on sessions and accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from accounts.authentication_log import LogInWay
from accounts.erasure import Writings
from accounts.model import Role, Scope, User
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.record_lines import MEDIA_TYPE, record_lines
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import PersonShape, Time, time
from tracker.bonus import MILLI
from tracker.obligations import Obligation
from tracker.standing import watched_until

LOGIN_LABEL = "login"

_Role = Annotated[str, Meta(extra_json_schema={"enum": [role.value for role in Role]})]


@dataclass(frozen=True, slots=True)
class LoginShape:
    """A token for `Authorization: Bearer`, and whose it is; it is shown this once."""

    token: str
    token_type: Literal["Bearer"]
    expires_at: Time | None
    user: PersonShape


@dataclass(frozen=True, slots=True)
class CsrfShape:
    """The token that a change by a session must send as `X-CSRF-Token`."""

    token: str


@dataclass(frozen=True, slots=True)
class UserShape:
    """An account; `enabled` and `seen_at` are shown to itself and to administrators of accounts, else null."""

    id: int
    username: str
    role: _Role
    created_at: Time
    uploads: int
    groups: int
    enabled: bool | None
    seen_at: Time | None


@dataclass(frozen=True, slots=True)
class PasskeyShape:
    """One's own passkey, and the announce URL with it where the tracker is private; null to anybody else."""

    passkey: str | None
    announce_url: str | None


@dataclass(frozen=True, slots=True)
class TrafficShape:
    """What an account moved of all torrents: bytes, seconds of seeding, snatches, torrents that it seeds now.

    `credited_…` are the bytes that count, by freeleech, multipliers and what was credited beside; `ratio` is theirs,
    null where no download counts. `freeleech_tokens` and bonus `points` may be spent, `free_torrents` are those where a
    token is in use, `owed` those that it owes seeding, `hit_and_runs` those that it left so. An account on ratio watch
    may download until `watched_until`; then it is `barred`. All but its class are shown to the account itself and to
    moderators, else null. `capped_bytes`, claimed faster than `tracker.most_rate` and not
    counted, is shown to administrators of accounts, else null.
    """

    uploaded_bytes: int
    downloaded_bytes: int
    ratio: float | None
    seeded_seconds: int
    snatched: int
    torrents: int
    seeding: int
    capped_bytes: int | None
    credited_uploaded_bytes: int
    credited_downloaded_bytes: int
    freeleech_tokens: int | None
    free_torrents: list[str] | None
    points: float | None
    owed: int | None
    hit_and_runs: int | None
    class_name: str
    watched_until: Time | None
    barred: bool | None
    invites: int | None


@dataclass(frozen=True, slots=True)
class SnatchShape:
    """A completed download of one's own."""

    id: int
    infohash: str
    completed_at: Time


async def _stats(context: RestContext) -> TrafficShape:
    user = await _user(context, context.id("user"))
    traffic = await context.services.accounts.ledger.account(user.id)
    rights, crediting = context.services.admission.rights, context.services.accounts.terms.crediting
    own = user.id == context.principal.id or rights.may(context.principal, Right.MODERATE)
    free = await crediting.free_by_token(user.id) if own else frozenset()
    standing = await context.services.accounts.terms.standings.store.standing(user.id)
    until = watched_until(standing, context.services.accounts.terms.standings.watch)
    owes = await context.services.accounts.terms.membership.counts(user.id) if own else {}
    administers = rights.may(context.principal, Right.ACCOUNTS)
    return TrafficShape(
        traffic.uploaded,
        traffic.downloaded,
        round(traffic.ratio, 3) if traffic.ratio is not None else None,
        traffic.seeded,
        traffic.snatched,
        traffic.torrents,
        traffic.seeding,
        traffic.capped if administers else None,
        traffic.credited_up,
        traffic.credited_down,
        traffic.tokens if own else None,
        sorted(each.lower for each in free) if own else None,
        traffic.points / MILLI if own else None,
        owes.get(Obligation.OWED, 0) if own else None,
        owes.get(Obligation.BROKEN, 0) if own else None,
        standing.name,
        time(until) if own and until else None,
        bool(standing.barred) if own else None,
        standing.invites if own else None,
    )


async def _export(context: RestContext) -> Response:
    user = context.id("user")
    batches = await context.services.accounts.management.export(context.principal, user)
    return record_lines(batches, f"account-{user}.jsonl")


async def _erase(context: RestContext) -> None:
    given = context.body
    await context.services.accounts.erasure.erase(
        context.principal,
        context.id("user"),
        Writings(given.text("writings", Writings.KEEP)),
        password=given.text("current_password", ""),
        code=given.text("code", ""),
        address=context.address,
    )


async def _snatches(context: RestContext) -> Listing:
    found, total = await context.services.accounts.ledger.store.snatches(
        context.user_id, context.offset, context.per_page
    )
    shapes = [SnatchShape(each.id, each.infohash.upper, time(each.time)) for each in found]
    return context.listing(shapes, total)


async def _passkey_shape(context: RestContext, user: int, passkey: str) -> PasskeyShape:
    if user != context.principal.id:
        return PasskeyShape(None, None)
    return PasskeyShape(
        passkey, await context.services.files.served.announce_url(context.principal, context.base_url)
    )


async def _passkey(context: RestContext) -> PasskeyShape:
    user = context.user_id
    return await _passkey_shape(
        context, user, await context.services.accounts.management.passkey(context.principal, user)
    )


async def _reset_passkey(context: RestContext) -> PasskeyShape:
    user = context.id("user")
    return await _passkey_shape(
        context, user, await context.services.accounts.management.reset_passkey(context.principal, user)
    )


async def _shape(context: RestContext, user: User) -> UserShape:
    uploads, groups = await context.services.catalogue.store.statistics.upload_counts(user.id)
    private = user.id == context.principal.id or context.services.admission.rights.may(
        context.principal, Right.ACCOUNTS
    )
    return UserShape(
        user.id,
        user.name,
        user.role.value,
        time(user.joined),
        uploads,
        groups,
        user.enabled if private else None,
        time(user.seen) if private and user.seen is not None else None,
    )


def rename_fields(refusal: Refusal, names: Mapping[str, str]) -> Refusal:
    """Return a refusal with its fields renamed to those of this dialect."""
    fields = {names.get(name, name): sentences for name, sentences in refusal.fields.items()}
    return Refusal(refusal.code, refusal.detail, fields)


async def _log_in(context: RestContext) -> LoginShape:
    accounts, given = context.services.accounts.accounts, context.body
    user = await accounts.log_in(
        given.text("username"), given.text("password"), context.address, LogInWay.API
    )
    key, secret = await accounts.mint(
        user.id, Scope.REST, LOGIN_LABEL, lifetime=context.services.accounts.token_lifetime, login=True
    )
    expires = time(key.expires) if key.expires is not None else None
    return LoginShape(secret, "Bearer", expires, PersonShape(user.id, user.name))


async def _log_out(context: RestContext) -> Response | None:
    if context.principal.key is not None:
        await context.services.accounts.accounts.revoke(context.principal.key.id)
        return None
    return await context.services.admission.authenticator.log_out(
        Response(status_code=204), context.principal
    )


async def _csrf(context: RestContext) -> CsrfShape:
    if context.principal.session is None:
        raise Refusal("bad-request", "a key needs no CSRF token")
    return CsrfShape(context.services.accounts.accounts.csrf_token(context.principal.session))


async def _me(context: RestContext) -> UserShape:
    return await _shape(context, await _user(context, context.user_id))


async def _user(context: RestContext, number: int) -> User:
    user = await context.services.accounts.accounts.user(number)
    if user is None:
        raise Refusal("not-found")
    return user


async def _list(context: RestContext) -> Listing:
    users, total = await context.services.accounts.accounts.users(
        context.query.text("search"), context.offset, context.per_page
    )
    return context.listing([await _shape(context, user) for user in users], total)


async def _show(context: RestContext) -> UserShape:
    return await _shape(context, await _user(context, context.id("user")))


async def _register(context: RestContext) -> UserShape:
    given = context.body
    role = Role(given.text("role", Role.USER))
    try:
        if "invitation" in given:
            joined = await context.services.accounts.terms.invitations.join(
                given.text("invitation"), given.text("username"), given.text("password")
            )
            return await _shape(context, joined)
        user = await context.services.accounts.management.register(
            context.principal,
            given.text("username"),
            given.text("password"),
            role,
            answer=given.text("answer", ""),
        )
    except Refusal as refusal:
        if refusal.code == "bad-link":
            raise Refusal("invalid", fields={"invitation": [refusal.reason.sentence]}) from None
        raise rename_fields(refusal, {"name": "username"}) from None
    return await _shape(context, user)


async def _edit(context: RestContext) -> UserShape:
    number, given = context.id("user"), context.body
    if "role" in given:
        await context.services.accounts.management.set_role(
            context.principal, number, Role(given.text("role"))
        )
    if "enabled" in given:
        await context.services.accounts.management.set_enabled(
            context.principal, number, enabled=bool(given.flag("enabled"))
        )
    return await _shape(context, await _user(context, number))


async def _set_password(context: RestContext) -> None:
    given = context.body
    current = given.text("current_password") if "current_password" in given else None
    await context.services.accounts.management.set_password(
        context.principal, context.id("user"), given.text("password"), current, context.address
    )


_SESSION = (
    Operation(
        "POST",
        "/login",
        "logIn",
        "Get a token for a name and a password",
        "session",
        _log_in,
        identified=False,
        body=request_fields.LOGIN,
        required=("username", "password"),
        answers=LoginShape,
        refusals=("bad-credentials", "user-disabled", "login-slowed"),
    ),
    Operation(
        "POST",
        "/logout",
        "logOut",
        "Revoke the token, or end the session",
        "session",
        _log_out,
        account=True,
    ),
    Operation(
        "GET",
        "/csrf",
        "showCsrfToken",
        "Get what a session's changes must carry",
        "session",
        _csrf,
        account=True,
        answers=CsrfShape,
        refusals=("bad-request",),
    ),
    Operation(
        "GET",
        "/user/passkey",
        "showPasskey",
        "Show one's own passkey and announce URL",
        "session",
        _passkey,
        account=True,
        answers=PasskeyShape,
        refusals=("forbidden",),
    ),
    Operation("GET", "/user", "showMyself", "Show oneself", "session", _me, account=True, answers=UserShape),
)
_USERS = (
    Operation(
        "GET",
        "/users",
        "listUsers",
        "List accounts by what their name holds",
        "users",
        _list,
        Right.READ,
        account=True,
        query=request_fields.NAME_SEARCH,
        answers=UserShape,
        many=True,
    ),
    Operation(
        "POST",
        "/users",
        "addUser",
        "Make an account: for others, or for oneself by an invitation or where registration is open",
        "users",
        _register,
        body=request_fields.REGISTER,
        required=("username", "password"),
        answers=UserShape,
        status=201,
        refusals=("taken", "unauthenticated", "forbidden"),
    ),
    Operation(
        "GET",
        "/users/{user}",
        "showUser",
        "Show an account",
        "users",
        _show,
        Right.READ,
        answers=UserShape,
    ),
    Operation(
        "PATCH",
        "/users/{user}",
        "editUser",
        "Change what an account is, let it in or no longer",
        "users",
        _edit,
        Right.ACCOUNTS,
        body=request_fields.EDIT_USER,
        answers=UserShape,
        refusals=("last-admin",),
    ),
    Operation(
        "PUT",
        "/users/{user}/password",
        "setPassword",
        "Change one's own password with the current one, or another's",
        "users",
        _set_password,
        account=True,
        body=request_fields.PASSWORD,
        required=("password",),
        refusals=("bad-credentials", "forbidden", "login-slowed"),
    ),
    Operation(
        "POST",
        "/users/{user}/passkey",
        "resetPasskey",
        "Revoke one's own passkey, or another's, and make a new one",
        "users",
        _reset_passkey,
        account=True,
        answers=PasskeyShape,
        refusals=("forbidden",),
    ),
    Operation(
        "GET",
        "/users/{user}/stats",
        "showTraffic",
        "Show what an account moved, as a private tracker counts it",
        "users",
        _stats,
        Right.READ,
        account=True,
        answers=TrafficShape,
    ),
    Operation(
        "GET",
        "/users/{user}/export",
        "exportUser",
        "Take along all that is kept of one's own account, or another's, without secrets",
        "users",
        _export,
        account=True,
        media=MEDIA_TYPE,
        refusals=("forbidden", "not-found"),
    ),
    Operation(
        "POST",
        "/users/{user}/erasure",
        "eraseUser",
        "Erase one's own account by its password and second factor, or another's, for good",
        "users",
        _erase,
        account=True,
        body=request_fields.ERASURE,
        refusals=("bad-credentials", "bad-code", "forbidden", "last-admin", "login-slowed"),
    ),
    Operation(
        "GET",
        "/snatches",
        "listSnatches",
        "List one's own completed downloads, the newest first",
        "users",
        _snatches,
        account=True,
        query=request_fields.PAGING,
        answers=SnatchShape,
        many=True,
    ),
)
OPERATIONS = (*_SESSION, *_USERS)
