"""The queries of what is kept of one account."""

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, select

from storage.dialect import SqlDialect
from storage.tables.accounts import (
    account,
    credential,
    mail_address,
    second_factor,
    session,
    webauthn_credential,
)
from storage.tables.catalogue import torrent
from storage.tables.collages import bookmark, collage
from storage.tables.credit import account_balance, credit_rule
from storage.tables.discussion import comment, news
from storage.tables.jobs import content, job, job_label
from storage.tables.ledger import address_count, snatch, traffic
from storage.tables.members import invitation, standing
from storage.tables.moderation import log_entry, report

_USER: BindParameter[int] = bindparam("user")


class AccountDataStatements:
    """The statements of `SqlAccountData`, and their columns, by the kind of record."""

    def __init__(self, dialect: SqlDialect) -> None:
        queries = account_queries()
        self.columns = {kind: list(query.selected_columns.keys()) for kind, query in queries.items()}
        self.pages = {
            kind: dialect.compile(query.limit(bindparam("limit")).offset(bindparam("skip")))
            for kind, query in queries.items()
        }


def account_queries() -> dict[str, Select[Any]]:
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
        **_second_factor_selects(),
        "mail-address": _of(mail_address, "address", "waiting").where(mail_address.c.account_id == _USER),
        "torrent": _of(torrent, "infohash", "title", "name", "size", "added", "anonymous", "hidden")
        .where(torrent.c.uploader_id == _USER)
        .order_by(torrent.c.id),
        "comment": _of(comment, "work_id", "body", "added", "edited", "hidden", "held")
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
        "log": _of(log_entry, "time", "verb", "subject", "target", "detail")
        .where(log_entry.c.account_id == _USER)
        .order_by(log_entry.c.id),
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


def _second_factor_selects() -> dict[str, Select[Any]]:
    return {
        "second-factor": _of(second_factor, "confirmed").where(second_factor.c.account_id == _USER),
        "device": _of(webauthn_credential, "name", "added", "used")
        .where(webauthn_credential.c.account_id == _USER)
        .order_by(webauthn_credential.c.added, webauthn_credential.c.id),
    }


def _private_selects() -> dict[str, Select[Any]]:
    """Return the queries of what a private tracker keeps."""
    return {
        "traffic": _of(traffic, "infohash", "uploaded", "downloaded", "seeded", "begun", "seen")
        .where(traffic.c.account_id == _USER)
        .order_by(traffic.c.infohash),
        "addresses": _of(address_count, "day", "addresses")
        .where(address_count.c.account_id == _USER)
        .order_by(address_count.c.day),
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
