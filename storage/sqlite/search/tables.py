"""The tables beside the FTS5 table `search_text`, which migrations create."""

from sqlalchemy import Column, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT
from storage.tables.databases import PEERAGE

search_entry = Table(  # the indexed text of a torrent, which `search_text` needs for deleting, compressed
    "search_entry",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("packed", BYTES, nullable=False),
)
search_key = Table(  # sort keys of torrents, beside `torrent_sorting`
    "search_key",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("title", TEXT, nullable=False),
    Column("year", INTEGER, nullable=False),
    Column("hidden", INTEGER, nullable=False),
    Index("search_key_title", "title", "id", "hidden"),
    Index("search_key_year", "year", "id", "hidden"),
)
