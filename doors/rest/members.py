"""Hides the operations on accounts: logging in and out, who one is, the accounts of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from starlette.responses import Response

from accounts.model import Role, Scope, User
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.rest import requests
from doors.rest.operation import Call, Listing, Operation
from doors.rest.shapes import PersonShape, Time, time

LOGIN_LABEL = "login"

_Role = Annotated[str, Field(json_schema_extra={"enum": [role.value for role in Role]})]


@dataclass(frozen=True, slots=True)
class LoginShape:
    """A token for `Authorization: Bearer`, and whose it is; it is shown this once."""

    token: str
    token_type: Literal["Bearer"]
    expires_at: Time | None
    user: PersonShape


@dataclass(frozen=True, slots=True)
class CsrfShape:
    """What a change by a session must carry as `X-CSRF-Token`."""

    token: str


@dataclass(frozen=True, slots=True)
class UserShape:
    """An account; `enabled` and `seen_at` are told to itself and to those who keep accounts, else null."""

    id: int
    username: str
    role: _Role
    created_at: Time
    uploads: int
    groups: int
    enabled: bool | None
    seen_at: Time | None


async def _shape(call: Call, user: User) -> UserShape:
    uploads, groups = await call.office.catalogue.uploads_of(user.id)
    keeps = user.id == call.principal.id or call.office.rights.may(call.principal, Right.ACCOUNTS)
    return UserShape(
        user.id,
        user.name,
        user.role.value,
        time(user.joined),
        uploads,
        groups,
        user.enabled if keeps else None,
        time(user.seen) if keeps and user.seen is not None else None,
    )


def under_names(refusal: Refusal, names: Mapping[str, str]) -> Refusal:
    """Return a refusal whose fields have this dialect's names."""
    fields = {names.get(name, name): sentences for name, sentences in refusal.fields.items()}
    return Refusal(refusal.code, refusal.detail, fields)


async def _log_in(call: Call) -> LoginShape:
    office, given = call.office, call.body
    user = await office.accounts.log_in(given.text("username"), given.text("password"), call.address)
    key, secret = await office.accounts.mint(
        user.id, Scope.REST, LOGIN_LABEL, lifetime=office.token_lifetime, displace=True
    )
    expires = time(key.expires) if key.expires is not None else None
    return LoginShape(secret, "Bearer", expires, PersonShape(user.id, user.name))


async def _log_out(call: Call) -> Response | None:
    if call.principal.key is not None:
        await call.office.accounts.revoke(call.principal.key.id)
        return None
    return await call.office.identity.log_out(Response(status_code=204), call.principal)


async def _csrf(call: Call) -> CsrfShape:
    if call.principal.session is None:
        raise Refusal("bad-request", "a key needs no CSRF token")
    return CsrfShape(call.office.accounts.csrf_token(call.principal.session))


async def _me(call: Call) -> UserShape:
    return await _shape(call, await _found(call, call.user_id))


async def _found(call: Call, number: int) -> User:
    user = await call.office.accounts.user(number)
    if user is None:
        raise Refusal("not-found")
    return user


async def _list(call: Call) -> Listing:
    users, total = await call.office.accounts.users(call.query.text("search"), call.offset, call.per_page)
    return call.listing([await _shape(call, user) for user in users], total)


async def _show(call: Call) -> UserShape:
    return await _shape(call, await _found(call, call.id("user")))


async def _register(call: Call) -> UserShape:
    given = call.body
    role = Role(given.text("role", Role.USER))
    try:
        user = await call.office.membership.register(
            call.principal, given.text("username"), given.text("password"), role
        )
    except Refusal as refusal:
        raise under_names(refusal, {"name": "username"}) from None
    return await _shape(call, user)


async def _edit(call: Call) -> UserShape:
    number, given = call.id("user"), call.body
    if "role" in given:
        await call.office.membership.set_role(call.principal, number, Role(given.text("role")))
    if "enabled" in given:
        await call.office.membership.set_enabled(call.principal, number, enabled=bool(given.flag("enabled")))
    return await _shape(call, await _found(call, number))


async def _set_password(call: Call) -> None:
    given = call.body
    current = given.text("current_password") if "current_password" in given else None
    await call.office.membership.set_password(
        call.principal, call.id("user"), given.text("password"), current
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
        body=requests.LOGIN,
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
        query=requests.BEGINNING,
        answers=UserShape,
        many=True,
    ),
    Operation(
        "POST",
        "/users",
        "addUser",
        "Make an account: for others, or where registration is open for oneself",
        "users",
        _register,
        body=requests.REGISTER,
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
        body=requests.EDIT_USER,
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
        body=requests.PASSWORD,
        required=("password",),
        refusals=("bad-credentials", "forbidden", "login-slowed"),
    ),
)
OPERATIONS = (*_SESSION, *_USERS)
