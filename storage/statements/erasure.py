"""The statements that erase an account, from the table of what becomes of each column that names one."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Delete,
    Text,
    Update,
    bindparam,
    cast,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.accounts import account, credential, erasure
from storage.tables.collages import bookmark, collage
from storage.tables.discussion import comment
from storage.tables.fates import FATES, SIGNED, Fate
from storage.tables.moderation import log_entry, report
from storage.tables.webhooks import webhook_delivery

_USER: BindParameter[int] = bindparam("user")
_NAMELESS: BindParameter[int] = bindparam("nameless")
_NAMING_VERBS = ("own", "invite", "mint", "revoke", "suspend", "resume")


class ErasureStatements:
    """The statements of `SqlErasures`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        mine = account.c.id == _USER
        self.name = compiled(select(account.c.name).where(mine))
        self.add_nameless = compiled(dialect.insert_or_ignore(account).values(**new_row(account)))
        self.nameless = compiled(select(account.c.id).where(account.c.folded == bindparam("erased")))
        self.begin = compiled(dialect.insert_or_ignore(erasure))
        self.waiting = compiled(select(erasure.c.account_id).order_by(erasure.c.account_id))
        self.writings = compiled(select(erasure.c.writings).where(erasure.c.account_id == _USER))
        self.log = compiled(insert(log_entry).values(**new_row(log_entry)))
        self.about = [compiled(each) for each in _about_account()]
        self.unsigned = [
            compiled(update(each.table).where(each == bindparam("name")).values({each.name: ""}))
            for each in SIGNED
        ]
        named = bindparam("pattern", type_=log_entry.c.detail.type)
        self.naming = compiled(
            select(log_entry.c.id, log_entry.c.detail).where(
                or_(*(log_entry.c.verb == verb for verb in _NAMING_VERBS)),
                log_entry.c.detail.ilike(named, escape="\\"),
            )
        )
        self.say = compiled(
            update(log_entry).where(log_entry.c.id == bindparam("row")).values(detail=bindparam("said"))
        )
        self.told = compiled(
            delete(webhook_delivery).where(
                webhook_delivery.c.state != "waiting", webhook_delivery.c.body.ilike(named, escape="\\")
            )
        )
        every = (Fate.DELETED, Fate.NAMELESS, Fate.NOBODY)
        self.every = [compiled(each) for fate in every for column in _of(fate) for each in _settled(column)]
        self.keep = [compiled(_renamed(column)) for column in _of(Fate.CHOSEN)]
        self.delete = [compiled(each) for each in (*_before_deletion(), *map(_deleted, _of(Fate.CHOSEN)))]
        self.last = [compiled(_deleted(column)) for column in _of(Fate.AT_LAST)]
        self.rename = compiled(update(account).where(mine).values(**_nobody()))
        self.drop = compiled(delete(account).where(mine))


def _of(fate: Fate) -> list[Column[Any]]:
    return [column for column, each in FATES.items() if each is fate]


def _settled(column: Column[Any]) -> list[Delete | Update]:
    """Return what does to a column what `FATES` says of it."""
    match FATES[column]:
        case Fate.NOBODY:
            return [update(column.table).where(column == _USER).values({column.name: None})]
        case Fate.NAMELESS if column is report.c.account_id:
            # Two of one second about the same thing are one: who reported no longer tells them apart.
            return [_renamed(column).where(~_reported_by_nameless()), _deleted(column)]
        case Fate.NAMELESS:
            return [_renamed(column)]
        case _:
            return [_deleted(column)]


def _renamed(column: Column[Any]) -> Update:
    return update(column.table).where(column == _USER).values({column.name: _NAMELESS})


def _deleted(column: Column[Any]) -> Delete:
    return delete(column.table).where(column == _USER)


def _reported_by_nameless() -> Any:  # noqa: ANN401 - an Exists
    other = report.alias("other")
    same = (other.c[name] == report.c[name] for name in ("subject", "target", "added"))
    return exists().where(other.c.account_id == _NAMELESS, *same)


def _about_account() -> list[Delete | Update]:
    """Return what forgets an account as the subject of reports and log entries; keys are deleted after it."""
    keys = select(cast(credential.c.id, Text)).where(credential.c.account_id == _USER)
    of_user = (log_entry.c.subject == "user", log_entry.c.target == bindparam("number"))
    return [
        delete(report).where(report.c.subject == "user", report.c.target == _USER),
        update(log_entry).where(log_entry.c.subject == "key", log_entry.c.target.in_(keys)).values(detail=""),
        update(log_entry).where(*of_user).values(target=bindparam("erased"), detail=""),
    ]


def _before_deletion() -> list[Delete | Update]:
    """Return what closes reports on writings that are deleted next, and deletes bookmarks of them."""
    made: list[Delete | Update] = []
    for kind, table in (("comment", comment), ("collage", collage)):
        theirs = select(table.c.id).where(table.c.account_id == _USER)
        made.append(
            update(report)
            .where(report.c.subject == kind, report.c.resolved.is_(None), report.c.target.in_(theirs))
            .values(resolved=bindparam("now"), resolution=bindparam("removed"))
        )
        made.append(delete(bookmark).where(bookmark.c.kind == kind, bookmark.c.target.in_(theirs)))
    return made


def _nobody() -> dict[str, Any]:
    """Return the values of an account that nobody has any more, under a name that no account can have."""
    return {
        "name": bindparam("gone"),
        "folded": bindparam("gone"),
        "password": None,
        "role": "user",
        "enabled": 0,
        "joined": 0,
        "seen": None,
    }
