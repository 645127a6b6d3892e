"""REST operations on API keys of every dialect."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from accounts.model import Key, Scope
from bittorrent.refusal import Refusal
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time
from doors.rest.users import rename_fields

_Scope = Annotated[str, Meta(extra_json_schema={"enum": [scope.value for scope in Scope]})]


@dataclass(frozen=True, slots=True)
class TokenShape:
    """A key without its secret; `methods` are those of its dialect that it may call, null for all."""

    id: int
    user_id: int
    scope: _Scope
    label: str
    methods: list[str] | None
    created_at: Time
    expires_at: Time | None
    used_at: Time | None
    suspended: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class MintedShape:
    """A new key and its secret, which is shown this once."""

    secret: str
    token: TokenShape


def _shape(key: Key) -> TokenShape:
    return TokenShape(
        key.id,
        key.user_id,
        key.scope.value,
        key.label,
        sorted(key.methods) if key.methods is not None else None,
        time(key.created),
        time(key.expires) if key.expires is not None else None,
        time(key.used) if key.used is not None else None,
        key.suspended,
        key.revoked,
    )


async def _list(context: RestContext) -> Listing:
    user = context.query.optional_integer("user") or context.user_id
    keys = await context.services.accounts.management.keys(context.principal, user)
    part = keys[context.offset : context.offset + context.per_page]
    return context.listing([_shape(key) for key in part], len(keys))


async def _mint(context: RestContext) -> MintedShape:
    given = context.body
    methods = given.get("methods")
    try:
        key, secret = await context.services.accounts.management.mint(
            context.principal,
            given.optional_integer("user_id") or context.user_id,
            Scope(given.text("scope")),
            given.text("label"),
            methods=frozenset(methods) if isinstance(methods, tuple) else None,
            lifetime=given.optional_integer("expires_in"),
        )
    except Refusal as refusal:
        raise rename_fields(refusal, {"lifetime": "expires_in"}) from None
    return MintedShape(secret, _shape(key))


async def _revoke(context: RestContext) -> None:
    await context.services.accounts.management.revoke(context.principal, context.id("token"))


async def _suspend(context: RestContext) -> TokenShape:
    suspended = bool(context.body.flag("suspended"))
    return _shape(
        await context.services.accounts.management.suspend(
            context.principal, context.id("token"), suspended=suspended
        )
    )


OPERATIONS = (
    Operation(
        "GET",
        "/tokens",
        "listTokens",
        "List one's own keys, or another's, oldest first",
        "tokens",
        _list,
        account=True,
        query=request_fields.TOKENS,
        answers=TokenShape,
        many=True,
        refusals=("forbidden", "not-found"),
    ),
    Operation(
        "POST",
        "/tokens",
        "mintToken",
        "Make a key for a dialect, for oneself or another",
        "tokens",
        _mint,
        account=True,
        body=request_fields.TOKEN,
        required=("scope",),
        answers=MintedShape,
        status=201,
        refusals=("full", "forbidden", "not-found"),
    ),
    Operation(
        "DELETE",
        "/tokens/{token}",
        "revokeToken",
        "Make a key worthless for good",
        "tokens",
        _revoke,
        account=True,
        refusals=("forbidden",),
    ),
    Operation(
        "PATCH",
        "/tokens/{token}",
        "suspendToken",
        "Put a key out of use, or back into it",
        "tokens",
        _suspend,
        account=True,
        body=request_fields.SUSPEND,
        required=("suspended",),
        answers=TokenShape,
        refusals=("forbidden",),
    ),
)
