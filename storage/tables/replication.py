"""How far this node has read the stream of changes that nodes share."""

from sqlalchemy import Column, Table

from storage.column_types import INTEGER, TEXT
from storage.tables.databases import SWARMS

stream_position = Table(
    "stream_position",
    SWARMS,
    Column("shard", INTEGER, primary_key=True),
    Column("entry", TEXT, nullable=False),
    Column("sent", INTEGER, nullable=False),  # unix seconds
)
stream_sender = Table(
    "stream_sender",
    SWARMS,
    Column("shard", INTEGER, primary_key=True),
    Column("node", INTEGER, primary_key=True),
    Column("run", INTEGER, primary_key=True),
    Column("sequence", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
