"""Reports, the moderators' log, and takedown notices."""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from storage.column_types import INTEGER, TEXT
from storage.tables.databases import PEERAGE

report = Table(
    "report",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("subject", TEXT, nullable=False),
    Column("target", INTEGER, nullable=False),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("resolver_id", INTEGER, ForeignKey("account.id", ondelete="SET NULL")),
    Column("resolved", INTEGER),
    Column("resolution", TEXT, nullable=False),
    UniqueConstraint("account_id", "subject", "target", "added"),
    Index("report_open", "resolved", "id"),
    Index("report_target", "subject", "target"),
    sqlite_autoincrement=True,
)
log_entry = Table(
    "log_entry",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("time", INTEGER, nullable=False),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="SET NULL")),
    Column("verb", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("target", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    Index("log_entry_about", "subject", "target"),
    sqlite_autoincrement=True,
)
notice = Table(
    "notice",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("about", INTEGER),
    Column("claimant", TEXT, nullable=False),
    Column("contact", TEXT, nullable=False),
    Column("work", TEXT, nullable=False),
    Column("statement", TEXT, nullable=False),
    Column("torrents", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("decided", INTEGER),
    Column("decider_id", INTEGER, ForeignKey("account.id", ondelete="SET NULL")),
    Column("answer", TEXT, nullable=False),
    Index("notice_state", "state", "id"),
    sqlite_autoincrement=True,
)
