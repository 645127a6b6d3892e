"""Administration commands for accounts and keys; each change is written to the moderators' log."""

from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType, UnionType
from typing import Any, Protocol

from accounts.accounts import LINK_LIFETIME, Accounts
from accounts.model import Key, Role, Scope, User
from bittorrent.refusal import Refusal
from catalogue.catalogue import Catalogue
from catalogue.model import Subject
from peerage.one_time_links import OneTimeLinks

Record = dict[str, Any]
Arguments = Mapping[str, Any]

_PAGE = 500
_NAME_LONGEST = 64


class AccountAdminServices(Protocol):
    """The components that these commands use."""

    @property
    def accounts(self) -> Accounts:
        """The accounts."""

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, which keeps the moderators' log."""

    @property
    def one_time_links(self) -> OneTimeLinks:
        """One-time links."""


CommandHandler = Callable[[Any, Arguments], AsyncIterator[Record]]


def admin_account_commands() -> Mapping[str, tuple[CommandHandler, Mapping[str, type | UnionType]]]:
    """Return each command with the types of its arguments; `by` is the operator's name."""
    return MappingProxyType(
        {
            "user-add": (_add, {"name": str, "role": str, "password": str | None, "by": str}),
            "user-list": (_list_users, {}),
            "user-role": (_set_role, {"name": str, "role": str, "by": str}),
            "user-enabled": (_set_enabled, {"name": str, "enabled": bool, "by": str}),
            "user-link": (_issue_link, {"name": str, "by": str}),
            "key-add": (_mint, _NEW_KEY),
            "key-list": (_list_keys, {"name": str | None}),
            "key-revoke": (_revoke, {"key": int, "by": str}),
            "key-suspended": (_suspend, {"key": int, "suspended": bool, "by": str}),
        }
    )


_NEW_KEY: Mapping[str, type | UnionType] = MappingProxyType(
    {"name": str, "scope": str, "label": str, "lifetime": int | None, "methods": list | None, "by": str}
)


async def _add(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, role = _by(given), _role(given)
    user = await services.accounts.add(given["name"], given["password"], role)
    await _log_user(services, by, "add", user, f"{user.name} as {role}")
    yield {"user": _user(user)}
    if given["password"] is None:
        yield await _link(services, user)


async def _list_users(services: AccountAdminServices, _given: Arguments) -> AsyncIterator[Record]:
    offset, total = 0, 1
    while offset < total:
        users, total = await services.accounts.users("", offset, _PAGE)
        for user in users:
            yield {"user": _user(user)}
        offset += _PAGE


async def _set_role(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, role = _by(given), _role(given)
    before = await _named(services, given["name"])
    after = await services.accounts.set_role(before.id, role)
    await _log_user(services, by, "set-role", after, f"{after.name}: {before.role} to {role}")
    yield {"user": _user(after)}


async def _set_enabled(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, enabled = _by(given), given["enabled"]
    user = await _named(services, given["name"])
    user = await services.accounts.set_enabled(user.id, enabled=enabled)
    await _log_user(services, by, "enable" if enabled else "disable", user)
    yield {"user": _user(user)}


async def _issue_link(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, user = _by(given), await _named(services, given["name"])
    record = await _link(services, user)
    await _log_user(services, by, "issue-link", user)
    yield record


async def _mint(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, scope = _by(given), _scope(given)
    user = await _named(services, given["name"])
    key, secret = await services.accounts.mint(
        user.id, scope, given["label"], methods=_methods(given), lifetime=given["lifetime"]
    )
    await _log_key(services, by, "mint", key, user.name)
    yield {"key": _key(key, user.name), "secret": secret}


async def _list_keys(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    owner = None if given["name"] is None else (await _named(services, given["name"])).id
    keys = await services.accounts.keys(owner)
    names = await services.accounts.users_by_id([key.user_id for key in keys])
    for key in keys:
        yield {"key": _key(key, names[key.user_id].name)}


async def _revoke(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, key = _by(given), await services.accounts.revoke(given["key"])
    yield await _changed(services, by, "revoke", key)


async def _suspend(services: AccountAdminServices, given: Arguments) -> AsyncIterator[Record]:
    by, suspended = _by(given), given["suspended"]
    key = await services.accounts.suspend(given["key"], suspended=suspended)
    yield await _changed(services, by, "suspend" if suspended else "resume", key)


async def _changed(services: AccountAdminServices, by: str, verb: str, key: Key) -> Record:
    name = (await services.accounts.users_by_id([key.user_id]))[key.user_id].name
    await _log_key(services, by, verb, key, name)
    return {"key": _key(key, name)}


async def _link(services: AccountAdminServices, user: User) -> Record:
    secret = await services.accounts.issue_link(user.id)
    return {"link": services.one_time_links.link(secret), "days": LINK_LIFETIME // 86_400}


async def _log_user(services: AccountAdminServices, by: str, verb: str, user: User, detail: str = "") -> None:
    text = f"{detail or user.name}, by {by} at a terminal"
    await services.catalogue.moderation.log(None, verb, Subject.USER, str(user.id), text)


async def _log_key(services: AccountAdminServices, by: str, verb: str, key: Key, owner: str) -> None:
    text = f"{key.scope} key of {owner}, by {by} at a terminal"
    await services.catalogue.moderation.log(None, verb, Subject.KEY, str(key.id), text)


async def _named(services: AccountAdminServices, name: str) -> User:
    user = await services.accounts.user(name)
    if user is None:
        raise Refusal("not-found", "no account has that name")
    return user


def _by(given: Arguments) -> str:
    by = str(given["by"])
    if not by.isprintable() or not 0 < len(by) <= _NAME_LONGEST:
        raise Refusal("bad-reason")
    return by


def _role(given: Arguments) -> Role:
    if given["role"] not in set(Role):
        raise Refusal("bad-request", f"a role is one of {', '.join(Role)}")
    return Role(given["role"])


def _scope(given: Arguments) -> Scope:
    if given["scope"] not in set(Scope):
        raise Refusal("bad-request", f"a scope is one of {', '.join(Scope)}")
    return Scope(given["scope"])


def _methods(given: Arguments) -> frozenset[str] | None:
    methods = given["methods"]
    if methods is None:
        return None
    if not all(isinstance(each, str) for each in methods):
        raise Refusal("bad-request", "methods are names")
    return frozenset(methods)


def _user(user: User) -> Record:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role.value,
        "enabled": user.enabled,
        "joined": user.joined,
        "seen": user.seen,
    }


def _key(key: Key, owner: str) -> Record:
    return {
        "id": key.id,
        "user": owner,
        "scope": key.scope.value,
        "label": key.label,
        "methods": None if key.methods is None else sorted(key.methods),
        "created": key.created,
        "expires": key.expires,
        "used": key.used,
        "suspended": key.suspended,
        "revoked": key.revoked,
    }
