"""Accounts, and what they log in with: secrets are keyed hashes, names unique without regard to case (`folded`)."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table

from storage.column_types import BYTES, INTEGER, TEXT
from storage.tables.databases import PEERAGE

account = Table(
    "account",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("folded", TEXT, nullable=False, unique=True),
    Column("password", TEXT),
    Column("role", TEXT, nullable=False),
    Column("enabled", INTEGER, nullable=False),
    Column("joined", INTEGER, nullable=False),
    Column("seen", INTEGER),
    CheckConstraint("role IN ('user', 'moderator', 'admin')"),
    sqlite_autoincrement=True,
)
credential = Table(
    "credential",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("scope", TEXT, nullable=False),
    Column("label", TEXT, nullable=False),
    Column("digest", BYTES, nullable=False, unique=True),
    Column("methods", TEXT),
    Column("created", INTEGER, nullable=False),
    Column("expires", INTEGER),
    Column("used", INTEGER),
    Column("suspended", INTEGER, nullable=False),
    Column("revoked", INTEGER, nullable=False),
    Column("login", INTEGER, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
session = Table(
    "session",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", BYTES, nullable=False, unique=True),
    Column("created", INTEGER, nullable=False),
    Column("expires", INTEGER, nullable=False, index=True),
    Column("used", INTEGER),
    Column("address", BYTES),
    sqlite_autoincrement=True,
)
one_time_link = Table(
    "one_time_link",
    PEERAGE,
    Column("digest", BYTES, primary_key=True),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
second_factor = Table(
    "second_factor",
    PEERAGE,
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("sealed", TEXT, nullable=False),
    Column("confirmed", INTEGER),
    Column("step", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
webauthn_credential = Table(
    "webauthn_credential",
    PEERAGE,
    Column("id", BYTES, primary_key=True),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("data", BYTES, nullable=False),
    Column("count", INTEGER, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("used", INTEGER),
    sqlite_with_rowid=False,
)
recovery_code = Table(
    "recovery_code",
    PEERAGE,
    Column("digest", BYTES, primary_key=True),
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)
mail_address = (
    Table(  # `folded` is that of the confirmed address; `digest` that of the secret for the waiting one
        "mail_address",
        PEERAGE,
        Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        Column("address", TEXT, nullable=False),
        Column("folded", TEXT, nullable=False, index=True),
        Column("waiting", TEXT, nullable=False),
        Column("digest", BYTES, unique=True),
        Column("expires", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )
)
erasure = Table(  # what is under way; the row goes with its account
    "erasure",
    PEERAGE,
    Column("account_id", INTEGER, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("writings", TEXT, nullable=False),
    sqlite_with_rowid=False,
)
