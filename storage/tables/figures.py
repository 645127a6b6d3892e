"""Figures of the service by the step of a span, in a ring of slots; and what torrents had at the end of a day."""

from sqlalchemy import Column, ForeignKey, Table

from storage.column_types import INTEGER, TEXT
from storage.tables.databases import PEERAGE

figure_sample = Table(
    "figure_sample",
    PEERAGE,
    Column("step", INTEGER, primary_key=True),
    Column("slot", INTEGER, primary_key=True),
    Column("time", INTEGER, nullable=False),
    Column("torrents", INTEGER, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("peers", INTEGER, nullable=False),
    Column("seeders", INTEGER, nullable=False),
    Column("swarms", INTEGER, nullable=False),
    *(Column(name, INTEGER, nullable=False, server_default="0") for name in ("http", "udp", "websocket")),
    sqlite_with_rowid=False,
)
working_sample = Table(
    "working_sample",
    PEERAGE,
    Column("step", INTEGER, primary_key=True),
    Column("slot", INTEGER, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("time", INTEGER, nullable=False),
    Column("number", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
swarm_day = Table(
    "swarm_day",
    PEERAGE,
    Column("torrent_id", INTEGER, ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
    Column("slot", INTEGER, primary_key=True),
    Column("day", INTEGER, nullable=False),
    Column("seeders", INTEGER, nullable=False),
    Column("leechers", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
