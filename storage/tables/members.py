"""How accounts stand, and invitations.

`watched` and `barred` are times, 0 for not; `reached` is the highest class that gave its invites.
"""

from sqlalchemy import Column, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

standing = Table(
    "standing",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("watched", INTEGER, nullable=False),
    Column("barred", INTEGER, nullable=False),
    Column("invites", INTEGER, nullable=False),
    Column("reached", INTEGER, nullable=False),
    Column("inviter", INTEGER),
    Index("standing_inviter", "inviter", **where("inviter IS NOT NULL")),
    Index("standing_barred", "account_id", **where("barred > 0")),
    sqlite_with_rowid=False,
)
invitation = Table(
    "invitation",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("digest", BYTES, nullable=False, unique=True),
    Column("inviter", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    Column("expires", INTEGER, nullable=False),
    Column("claimed", INTEGER, nullable=False),
    Column("account_id", INTEGER),
    Index("invitation_inviter", "inviter", "id"),
    sqlite_autoincrement=True,
)
