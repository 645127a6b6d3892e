"""What counts of the traffic: rules in percent, of a torrent, an account, both, or all; and balances of accounts."""

from sqlalchemy import CheckConstraint, Column, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

credit_rule = Table(
    "credit_rule",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER),
    Column("infohash", BYTES),
    Column("upload", INTEGER),
    Column("download", INTEGER),
    Column("since", INTEGER, nullable=False),
    Column("until", INTEGER),
    Column("author", INTEGER),
    Column("reason", TEXT, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    Index("credit_rule_torrent", "infohash", "account_id"),
    Index("credit_rule_account", "account_id", **where("account_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
account_balance = Table(
    "account_balance",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("tokens", INTEGER, nullable=False),
    Column("uploaded", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("points", INTEGER, nullable=False, server_default="0"),  # in thousandths
    sqlite_with_rowid=False,
)
