"""The ledger of what accounts moved.

Accounts are no foreign keys: what was counted must never be unwritable. `counted_from`, `run_start` and
`run_end` say up to when seeding is counted: all before `counted_from`, and the run (see `storage/ledger.py`).
"""

from sqlalchemy import CheckConstraint, Column, Index, Table

from storage.column_types import BYTES, INTEGER, where
from storage.tables.databases import PEERAGE

traffic = Table(
    "traffic",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("uploaded", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("seeded", INTEGER, nullable=False),
    Column("snatched", INTEGER, nullable=False),
    Column("capped", INTEGER, nullable=False),
    Column("begun", INTEGER, nullable=False),
    Column("seen", INTEGER, nullable=False),
    Column("counted_from", INTEGER, nullable=False),
    Column("run_start", INTEGER, nullable=False),
    Column("run_end", INTEGER, nullable=False),
    Column("credited_up", INTEGER, nullable=False, server_default="0"),
    Column("credited_down", INTEGER, nullable=False, server_default="0"),
    Column("rewarded", INTEGER, nullable=False, server_default="0"),  # seconds of `seeded` that gave points
    CheckConstraint("length(infohash) = 20"),
    Index("traffic_unrewarded", "account_id", "infohash", **where("seeded > rewarded")),
    sqlite_with_rowid=False,
)
client_session = Table(
    "client_session",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("peer_id", BYTES, primary_key=True),
    Column("uploaded", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("seen", INTEGER, nullable=False),
    Column("seeding", INTEGER, nullable=False),
    Column("completed", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(peer_id) = 20"),
    Index("client_session_seen", "seen"),
    sqlite_with_rowid=False,
)
snatch = Table(
    "snatch",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER, nullable=False),
    Column("infohash", BYTES, nullable=False),
    Column("time", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    Index("snatch_account", "account_id", "id"),
    sqlite_autoincrement=True,
)
seen_address = Table(  # hashes of the addresses of the open day, by account
    "seen_address",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("day", INTEGER, primary_key=True),
    Column("tag", BYTES, primary_key=True),
    sqlite_with_rowid=False,
)
address_count = Table(  # of how many addresses an account announced on a day that is over; two or more
    "address_count",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("day", INTEGER, primary_key=True),
    Column("addresses", INTEGER, nullable=False),
    Index("address_count_day", "day"),
    sqlite_with_rowid=False,
)
ledger_mark = Table(  # the last batch of each node that is in the ledger
    "ledger_mark",
    PEERAGE,
    Column("node", INTEGER, primary_key=True),
    Column("epoch", INTEGER, nullable=False),
    Column("sequence", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
