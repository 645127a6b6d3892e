"""Accounts, sessions, one-time links and keys in `peerage.db`."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accounts.model import Key, LoginSession, Principal, Role, Scope, User
from accounts.store import NO_TIMES, AdminAccess, Credential, NewKey, PasskeyRecord
from storage.database import Database, Parameters, Row, Transaction
from storage.dialect import Statement

if TYPE_CHECKING:
    from storage.statements.accounts import KeyStatements, SessionStatements, UserStatements

_KEY_COLUMNS = 10  # as `_read_key` takes them apart


class SqlAccounts:
    """Accounts, sessions, one-time links and keys in a SQL database; every change is on disk before it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._users: UserStatements = database.dialect.statements(
            "storage.statements.accounts.UserStatements"
        )
        self._sessions: SessionStatements = database.dialect.statements(
            "storage.statements.accounts.SessionStatements"
        )
        self._keys: KeyStatements = database.dialect.statements("storage.statements.accounts.KeyStatements")

    async def add(self, name: str, folded: str, password: str | None, role: Role, joined: int) -> User | None:
        """Add an enabled account; None when the name is taken."""
        row = {"name": name, "folded": folded, "password": password, "role": role.value, "joined": joined}
        return _user(await self._change(self._users.add, {**row, "enabled": 1, "seen": None}))

    async def user(self, key: int | str) -> User | None:
        """Find an account by id or folded name."""
        statement = self._users.by_name if isinstance(key, str) else self._users.by_id
        return _user(await self._row(statement, {"key": key}))

    async def users(self, search: str, offset: int, limit: int) -> tuple[list[User], int]:
        """Return accounts whose folded name contains a text, by name, and how many there are."""
        escaped = "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in search)
        parameters = {"pattern": f"%{escaped}%"}
        page = await self._database.rows(self._users.page, {**parameters, "offset": offset, "limit": limit})
        ((count,),) = await self._database.rows(self._users.count, parameters)
        return [_read_user(row) for row in page], count

    async def users_by_id(self, ids: Sequence[int]) -> list[User]:
        """Return those of the accounts that exist."""
        rows = await self._database.rows(self._users.users_by_id, {"ids": self._dialect.ids(ids)})
        return [_read_user(row) for row in rows]

    async def admins(self, now: int) -> list[AdminAccess]:
        """Return every enabled admin, oldest first."""
        rows = await self._database.rows(self._users.admins, {"now": now})
        return [AdminAccess(_read_user(user), bool(entered), bool(live)) for *user, entered, live in rows]

    async def totals(self, day: int, week: int, month: int) -> dict[str, int]:
        """Count accounts: `users`, `enabled`, and those seen since each of three times."""
        since = {"day": day, "week": week, "month": month}
        (counts,) = await self._database.rows(self._users.totals, since)
        return {
            name: int(count)
            for name, count in zip(("users", "enabled", "day", "week", "month"), counts, strict=True)
        }

    async def user_and_password_hash(self, folded: str) -> tuple[User, str | None] | None:
        """Find an account by name, with its password hash."""
        row = await self._row(self._users.user_and_password_hash, {"key": folded})
        return (_read_user(row[:-1]), row[-1]) if row is not None else None

    async def set_password(self, user: int, password: str) -> bool:
        """Change a password hash and delete sessions, logins and links; False when there is no such account."""
        async with self._database.transaction() as transaction:
            changed = await _first(transaction, self._users.password, {"key": user, "password": password})
            await self._delete_sessions_and_links(transaction, user)
        return changed is not None

    async def set_role(self, user: int, role: Role) -> User | None:
        """Change a role; return the account as it is then."""
        return _user(await self._change(self._users.role, {"key": user, "role": role.value}))

    async def set_enabled(self, user: int, *, enabled: bool) -> User | None:
        """Enable or disable an account; a disabled one loses its sessions, logins and links."""
        async with self._database.transaction() as transaction:
            row = await _first(transaction, self._users.enabled, {"key": user, "enabled": int(enabled)})
            if not enabled:
                await self._delete_sessions_and_links(transaction, user)
        return _user(row)

    async def set_link(self, user: int, digest: bytes, expires: int) -> None:
        """Store a one-time link in place of the account's earlier one."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sessions.drop_links, {"user": user})
            row = {"digest": digest, "account_id": user, "expires": expires}
            await transaction.run(self._sessions.add_link, row)

    async def add_link(self, user: int, digest: bytes, expires: int) -> None:
        """Store a one-time link beside the account's earlier ones."""
        async with self._database.transaction() as transaction:
            row = {"digest": digest, "account_id": user, "expires": expires}
            await transaction.run(self._sessions.add_link, row)

    async def link_owner(self, digest: bytes, now: int) -> User | None:
        """Find the enabled account of a live link."""
        return _user(await self._row(self._sessions.link_owner, {"digest": digest, "now": now}))

    async def redeem(self, digest: bytes, password: str, now: int) -> User | None:
        """Set the password of a live link's account, and delete the link, the account's sessions and logins."""
        async with self._database.transaction() as transaction:
            row = await _first(transaction, self._sessions.link_owner, {"digest": digest, "now": now})
            owner = _user(row)
            if owner is not None:
                await transaction.run(self._users.password, {"key": owner.id, "password": password})
                await self._delete_sessions_and_links(transaction, owner.id)
        return owner

    async def add_session(
        self, user: int, digest: bytes, created: int, expires: int, most: int, *, address: bytes | None = None
    ) -> int:
        """Add a session and return its id; of an account's sessions the newest `most` stay."""
        row = {"account_id": user, "digest": digest, "created": created, "expires": expires}
        row |= {"used": None, "address": address}
        async with self._database.transaction() as transaction:
            (number,) = await _first(transaction, self._sessions.add_session, row) or (0,)
            await transaction.run(self._sessions.trim_sessions, {"user": user, "most": most})
        return int(number)

    async def session(self, digest: bytes) -> Credential | None:
        """Find a session by its digest, with its account."""
        row = await self._row(self._sessions.session, {"digest": digest})
        if row is None:
            return None
        number, expires, *user = row
        return Credential(Principal(_read_user(user), session=number), expires)

    async def end_session(self, session: int) -> None:
        """Delete a session."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sessions.end_session, {"key": session})

    async def sessions(self, user: int, now: int) -> list[LoginSession]:
        """Return an account's sessions that have not expired, oldest first."""
        rows = await self._database.rows(self._sessions.of_user, {"user": user, "now": now})
        return [LoginSession(*row) for row in rows]

    async def end_sessions(self, user: int, *, session: int, key: int) -> None:
        """Delete an account's sessions but `session`, and its keys of logins but `key`."""
        async with self._database.transaction() as transaction:
            await self._end_sessions(transaction, user, session=session, key=key)

    async def add_key(self, key: NewKey, digest: bytes, dead: int) -> Key:
        """Add a key; of the account's revoked and expired ones the newest `dead` stay."""
        row = {
            "account_id": key.user_id,
            "scope": key.scope.value,
            "label": key.label,
            "digest": digest,
            "methods": None if key.methods is None else json.dumps(sorted(key.methods)),
            "created": key.created,
            "expires": key.expires,
            "login": int(key.login),
        }
        async with self._database.transaction() as transaction:
            added = await _first(
                transaction, self._keys.add, {**row, "used": None, "suspended": 0, "revoked": 0}
            )
            await transaction.run(self._keys.trim, {"user": key.user_id, "now": key.created, "most": dead})
        return _read_key(added or ())

    async def live_keys(self, user: int, now: int) -> list[Key]:
        """Return an account's keys that are neither revoked nor expired, oldest first."""
        rows = await self._database.rows(self._keys.live, {"user": user, "now": now})
        return [_read_key(row) for row in rows]

    async def passkeys(self, after: int, limit: int) -> list[PasskeyRecord]:
        """Return up to `limit` passkeys of all accounts whose key's id is above `after`, ascending."""
        rows = await self._database.rows(self._keys.passkeys, {"after": after, "limit": limit})
        return [
            PasskeyRecord(key, user, label, digest, bool(suspended), bool(enabled))
            for key, user, label, digest, suspended, enabled in rows
        ]

    async def key_by_digest(self, digest: bytes) -> Credential | None:
        """Find a key by its digest, with its account."""
        row = await self._row(self._keys.by_digest, {"digest": digest})
        if row is None:
            return None
        key = _read_key(row[:_KEY_COLUMNS])
        return Credential(Principal(_read_user(row[_KEY_COLUMNS:]), key), key.expires)

    async def key(self, key: int) -> Key | None:
        """Find a key by its id."""
        return _key(await self._row(self._keys.by_id, {"key": key}))

    async def keys(self, user: int | None) -> list[Key]:
        """Return an account's keys, or all, oldest first."""
        statement, parameters = (self._keys.all, {}) if user is None else (self._keys.of_user, {"user": user})
        return [_read_key(row) for row in await self._database.rows(statement, parameters)]

    async def revoke(self, key: int, now: int) -> Key | None:
        """Mark a key as revoked; one that was stays as it is."""
        return _key(await self._change(self._keys.revoke, {"key": key, "now": now}))

    async def suspend(self, key: int, *, suspended: bool) -> Key | None:
        """Mark a key as suspended, or not."""
        return _key(await self._change(self._keys.suspend, {"key": key, "suspended": int(suspended)}))

    async def write_last_used(
        self, users: Mapping[int, int], keys: Mapping[int, int], sessions: Mapping[int, int] = NO_TIMES
    ) -> None:
        """Write when they were last used; an earlier time than the one kept changes nothing."""
        written = ((self._users.seen, users), (self._keys.used, keys), (self._sessions.used, sessions))
        async with self._database.transaction() as transaction:
            for statement, times in written:
                rows = [{"key": number, "time": time} for number, time in times.items()]
                await transaction.run_many(statement, rows)

    async def purge(self, now: int, dead_since: int) -> int:
        """Delete expired sessions and links, and keys revoked or expired before `dead_since`; count them."""
        async with self._database.transaction() as transaction:
            sessions = await transaction.run(self._sessions.purge_sessions, {"now": now})
            links = await transaction.run(self._sessions.purge_links, {"now": now})
            keys = await transaction.run(self._keys.purge, {"since": dead_since})
            return sessions + links + keys

    async def _delete_sessions_and_links(self, transaction: Transaction, user: int) -> None:
        await self._end_sessions(transaction, user)
        await transaction.run(self._sessions.drop_links, {"user": user})

    async def _end_sessions(
        self, transaction: Transaction, user: int, *, session: int = 0, key: int = 0
    ) -> None:
        await transaction.run(self._sessions.drop_sessions, {"user": user, "but": session})
        await transaction.run(self._keys.drop_logins, {"user": user, "but": key})

    async def _row(self, statement: Statement, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
        rows = await self._database.rows(statement, dict(parameters))
        return rows[0] if rows else None

    async def _change(self, statement: Statement, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
        async with self._database.transaction() as transaction:
            return await _first(transaction, statement, parameters)


async def _first(transaction: Transaction, statement: Statement, parameters: Parameters) -> Row | None:
    rows = await transaction.rows(statement, parameters)
    return rows[0] if rows else None


def _user(row: Sequence[Any] | None) -> User | None:
    return _read_user(row) if row is not None else None


def _read_user(row: Sequence[Any]) -> User:
    number, name, role, enabled, joined, seen = row
    return User(number, name, Role(role), bool(enabled), joined, seen)


def _key(row: Sequence[Any] | None) -> Key | None:
    return _read_key(row) if row is not None else None


def _read_key(row: Sequence[Any]) -> Key:
    number, user, scope, label, methods, created, expires, used, suspended, revoked = row
    return Key(
        id=number,
        user_id=user,
        scope=Scope(scope),
        label=label,
        methods=None if methods is None else frozenset(json.loads(methods)),
        created=created,
        expires=expires,
        used=used,
        suspended=bool(suspended),
        revoked=bool(revoked),
    )
