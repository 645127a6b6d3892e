"""What `peerage.db` keeps of one account, table by table, without secrets."""

import json
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, select

from accounts.data_export import AccountRecord
from storage.database import Database, Row
from storage.tables import (
    account,
    account_balance,
    bookmark,
    collage,
    comment,
    content,
    credential,
    credit_rule,
    deed,
    invitation,
    job,
    job_label,
    news,
    report,
    second_factor,
    session,
    snatch,
    standing,
    torrent,
    traffic,
)

_BATCH = 500
_FLAGS = frozenset({"enabled", "suspended", "anonymous", "hidden", "locked", "paused", "cached"})
_USER: BindParameter[int] = bindparam("user")


def _selects() -> dict[str, Select[Any]]:
    """Return the query of each kind of record, in a fixed order of rows."""
    keys, reports, jobs = credential.c, report.c, job.c
    return {
        "account": _of(account, "name", "role", "enabled", "joined", "seen").where(account.c.id == _USER),
        "session": _of(session, "created", "expires", "used", "address")
        .where(session.c.account_id == _USER)
        .order_by(session.c.id),
        "key": _of(
            credential, "scope", "label", "methods", "created", "expires", "used", "suspended", "revoked"
        )
        .where(keys.account_id == _USER)
        .order_by(keys.id),
        "second-factor": _of(second_factor, "confirmed").where(second_factor.c.account_id == _USER),
        "torrent": _of(torrent, "infohash", "title", "name", "size", "added", "anonymous", "hidden")
        .where(torrent.c.uploader_id == _USER)
        .order_by(torrent.c.id),
        "comment": _of(comment, "work_id", "body", "added", "edited", "hidden")
        .where(comment.c.account_id == _USER)
        .order_by(comment.c.id),
        "collage": _of(collage, "name", "description", "created", "locked", "hidden")
        .where(collage.c.account_id == _USER)
        .order_by(collage.c.id),
        "bookmark": _of(bookmark, "kind", "target", "added")
        .where(bookmark.c.account_id == _USER)
        .order_by(bookmark.c.kind, bookmark.c.target),
        "report": _of(report, "subject", "target", "reason", "added", "resolved", "resolution")
        .where(reports.account_id == _USER)
        .order_by(reports.id),
        "news": _of(news, "title", "body", "added").where(news.c.account_id == _USER).order_by(news.c.id),
        "log": _of(deed, "time", "verb", "subject", "target", "detail")
        .where(deed.c.account_id == _USER)
        .order_by(deed.c.id),
        "download": select(
            content.c.infohash,
            content.c.name,
            content.c.size,
            jobs.name.label("own_name"),
            *(jobs[name] for name in ("magnet", "created", "paused", "cached", "category", "tags")),
        )
        .join_from(job, content)
        .where(jobs.account_id == _USER)
        .order_by(jobs.id),
        "label": _of(job_label, "kind", "name")
        .where(job_label.c.account_id == _USER)
        .order_by(job_label.c.kind, job_label.c.name),
        **_private_selects(),
    }


def _private_selects() -> dict[str, Select[Any]]:
    """Return the queries of what a private tracker keeps."""
    return {
        "traffic": _of(traffic, "infohash", "uploaded", "downloaded", "seeded", "begun", "seen")
        .where(traffic.c.account_id == _USER)
        .order_by(traffic.c.infohash),
        "credit": _of(credit_rule, "infohash", "upload", "download", "since", "until", "reason")
        .where(credit_rule.c.account_id == _USER)
        .order_by(credit_rule.c.id),
        "balance": _of(account_balance, "tokens", "uploaded", "downloaded", "points").where(
            account_balance.c.account_id == _USER
        ),
        "standing": _of(standing, "name", "watched", "barred", "invites").where(
            standing.c.account_id == _USER
        ),
        "invitation": _of(invitation, "created", "expires", "claimed")
        .where(invitation.c.inviter == _USER)
        .order_by(invitation.c.id),
        "snatch": _of(snatch, "infohash", "time").where(snatch.c.account_id == _USER).order_by(snatch.c.id),
    }


def _of(table: Any, *names: str) -> Select[Any]:  # noqa: ANN401 - a Table, whose columns are by name
    return select(*(table.c[name] for name in names))


class SqlAccountData:
    """An `AccountDataStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        paged = {
            kind: query.limit(bindparam("limit")).offset(bindparam("skip"))
            for kind, query in _selects().items()
        }
        self._queries = [
            (kind, list(query.selected_columns.keys()), database.dialect.compile(query))
            for kind, query in paged.items()
        ]

    async def records(self, user: int) -> AsyncIterator[list[AccountRecord]]:
        """Yield everything in bounded batches, kind by kind, oldest first."""
        for kind, names, statement in self._queries:
            skip = 0
            while rows := await self._database.rows(statement, {"user": user, "limit": _BATCH, "skip": skip}):
                yield [_record(kind, names, row) for row in rows]
                skip += len(rows)


def _record(kind: str, names: list[str], row: Row) -> AccountRecord:
    return {
        "kind": kind,
        **{_name(name): _value(name, value) for name, value in zip(names, row, strict=True)},
    }


def _name(name: str) -> str:
    """Return the name of a column as a record has it: `kind` is the record's own."""
    return {"kind": "of", "work_id": "group", "infohash": "info_hash"}.get(name, name)


def _value(name: str, value: Any) -> object:  # noqa: ANN401 - of a column
    if value is None:
        return None
    if name in _FLAGS:
        return bool(value)
    if name == "address":
        return str(ip_address(value))
    if name == "methods":
        return json.loads(value)
    if name == "tags":
        return value.split("\n") if value else []
    return value.hex() if isinstance(value, bytes) else value
