"""The statements of accounts, sessions, one-time links and keys."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.accounts import account, credential, one_time_link, session

_USER = (account.c.id, account.c.name, account.c.role, account.c.enabled, account.c.joined, account.c.seen)


_KEY = (
    credential.c.id,
    credential.c.account_id,
    credential.c.scope,
    credential.c.label,
    credential.c.methods,
    credential.c.created,
    credential.c.expires,
    credential.c.used,
    credential.c.suspended,
    credential.c.revoked,
)


_SESSION = (
    session.c.id,
    session.c.account_id,
    session.c.created,
    session.c.expires,
    session.c.used,
    session.c.address,
)


_PERIODS = ("day", "week", "month")
_NOW: BindParameter[int] = bindparam("now")


_DEAD = or_(credential.c.revoked > 0, credential.c.expires <= _NOW)


class UserStatements:
    """SQL statements on accounts."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        users = select(*_USER)
        named = ~account.c.folded.like("(%")  # of what was erased nobody is left
        like = account.c.folded.like(bindparam("pattern"), escape="\\") & named
        live = exists().where(one_time_link.c.account_id == account.c.id, one_time_link.c.expires > _NOW)
        admins = select(*_USER, account.c.password.is_not(None), live)
        mine = update(account).where(account.c.id == bindparam("key")).returning(*_USER)
        later = or_(account.c.seen.is_(None), account.c.seen < bindparam("time"))
        self.add = compiled(dialect.insert_or_ignore(account).values(**new_row(account)).returning(*_USER))
        self.by_id = compiled(users.where(account.c.id == bindparam("key")))
        self.by_name = compiled(users.where(account.c.folded == bindparam("key")))
        self.user_and_password_hash = compiled(
            select(*_USER, account.c.password).where(account.c.folded == bindparam("key"))
        )
        self.page = compiled(
            users.where(like).order_by(account.c.folded).limit(bindparam("limit")).offset(bindparam("offset"))
        )
        self.count = compiled(select(func.count()).select_from(account).where(like))
        self.users_by_id = compiled(users.where(dialect.in_list(account.c.id, "ids")))
        self.admins = compiled(
            admins.where(account.c.role == "admin", account.c.enabled == 1).order_by(account.c.id)
        )
        self.totals = compiled(
            select(
                func.count(),
                func.count().filter(account.c.enabled == 1),
                *(func.count().filter(account.c.seen >= bindparam(name)) for name in _PERIODS),
            )
            .select_from(account)
            .where(named)
        )
        self.password = compiled(mine.values(password=bindparam("password")))
        self.role = compiled(mine.values(role=bindparam("role")))
        self.enabled = compiled(mine.values(enabled=bindparam("enabled")))
        self.seen = compiled(
            update(account).where(account.c.id == bindparam("key"), later).values(seen=bindparam("time"))
        )


class SessionStatements:
    """SQL statements on sessions and one-time links."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        mine = session.c.account_id == bindparam("user")
        newest = select(session.c.id).where(mine).order_by(session.c.id.desc()).limit(bindparam("most"))
        self.add_session = compiled(insert(session).values(**new_row(session)).returning(session.c.id))
        self.trim_sessions = compiled(delete(session).where(mine, session.c.id.not_in(newest)))
        self.session = compiled(
            select(session.c.id, session.c.expires, *_USER)
            .join_from(session, account)
            .where(session.c.digest == bindparam("digest"))
        )
        self.end_session = compiled(delete(session).where(session.c.id == bindparam("key")))
        self.drop_sessions = compiled(delete(session).where(mine, session.c.id != bindparam("but")))
        self.of_user = compiled(
            select(*_SESSION).where(mine, session.c.expires > _NOW).order_by(session.c.id)
        )
        later = or_(session.c.used.is_(None), session.c.used < bindparam("time"))
        self.used = compiled(
            update(session).where(session.c.id == bindparam("key"), later).values(used=bindparam("time"))
        )
        self.purge_sessions = compiled(delete(session).where(session.c.expires <= _NOW))
        self.add_link = compiled(insert(one_time_link).values(**new_row(one_time_link)))
        self.link_owner = compiled(
            select(*_USER)
            .join_from(account, one_time_link)
            .where(
                one_time_link.c.digest == bindparam("digest"),
                one_time_link.c.expires > _NOW,
                account.c.enabled == 1,
            )
        )
        self.drop_links = compiled(
            delete(one_time_link).where(one_time_link.c.account_id == bindparam("user"))
        )
        self.purge_links = compiled(delete(one_time_link).where(one_time_link.c.expires <= _NOW))


class KeyStatements:
    """SQL statements on keys; `revoked` is the time of revocation, 0 for never."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        keys = select(*_KEY)
        mine = credential.c.account_id == bindparam("user")
        one = update(credential).where(credential.c.id == bindparam("key")).returning(*_KEY)
        newest_dead = (
            select(credential.c.id)
            .where(mine, _DEAD)
            .order_by(credential.c.id.desc())
            .limit(bindparam("most"))
        )
        since: BindParameter[int] = bindparam("since")
        later = or_(credential.c.used.is_(None), credential.c.used < bindparam("time"))
        self.add = compiled(insert(credential).values(**new_row(credential)).returning(*_KEY))
        self.trim = compiled(delete(credential).where(mine, _DEAD, credential.c.id.not_in(newest_dead)))
        self.live = compiled(
            keys.where(
                mine,
                credential.c.revoked == 0,
                or_(credential.c.expires.is_(None), credential.c.expires > _NOW),
            ).order_by(credential.c.id)
        )
        self.by_digest = compiled(
            select(*_KEY, *_USER)
            .join_from(credential, account)
            .where(credential.c.digest == bindparam("digest"))
        )
        self.passkeys = compiled(_passkeys())
        self.by_id = compiled(keys.where(credential.c.id == bindparam("key")))
        self.of_user = compiled(keys.where(mine).order_by(credential.c.id))
        self.all = compiled(keys.order_by(credential.c.id))
        self.revoke = compiled(
            one.values(revoked=case((credential.c.revoked > 0, credential.c.revoked), else_=_NOW))
        )
        self.suspend = compiled(one.values(suspended=bindparam("suspended")))
        self.used = compiled(
            update(credential)
            .where(credential.c.id == bindparam("key"), later)
            .values(used=bindparam("time"))
        )
        self.drop_logins = compiled(
            delete(credential).where(mine, credential.c.login == 1, credential.c.id != bindparam("but"))
        )
        long_revoked = (credential.c.revoked > 0) & (credential.c.revoked < since)
        self.purge = compiled(delete(credential).where(or_(long_revoked, credential.c.expires < since)))


def _passkeys() -> Select[Any]:
    """Return the page of passkeys that are not revoked and do not expire, with the state of their accounts."""
    passkey = (credential.c.id, credential.c.account_id, credential.c.label, credential.c.digest)
    return (
        select(*passkey, credential.c.suspended, account.c.enabled)
        .join_from(credential, account)
        .where(
            credential.c.id > bindparam("after"),
            credential.c.scope == "passkey",
            credential.c.revoked == 0,
            credential.c.expires.is_(None),
        )
        .order_by(credential.c.id)
        .limit(bindparam("limit"))
    )
