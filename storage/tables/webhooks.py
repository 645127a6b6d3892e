"""Webhooks, and the events on their way to them.

`due` is when the next attempt is made, of those that wait.
"""

from sqlalchemy import Column, ForeignKey, Index, Table

from storage.column_types import INTEGER, TEXT
from storage.tables.databases import PEERAGE

webhook = Table(
    "webhook",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("url", TEXT, nullable=False),
    Column("events", TEXT, nullable=False),
    Column("created", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)
webhook_delivery = Table(
    "webhook_delivery",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("webhook_id", INTEGER, ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("created", INTEGER, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("attempts", INTEGER, nullable=False),
    Column("due", INTEGER, nullable=False),
    Column("answer", TEXT, nullable=False),
    Index("webhook_delivery_due", "webhook_id", "state", "due"),
    sqlite_autoincrement=True,
)
