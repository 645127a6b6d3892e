"""IMDb's titles."""

from sqlalchemy import Column, Index, Table

from storage.column_types import INTEGER, TEXT, where
from storage.tables.databases import TITLES

title = Table(
    "title",
    TITLES,
    Column("number", INTEGER, primary_key=True),
    Column("title", TEXT, nullable=False),
    Column("original", TEXT, nullable=False),
    Column("year", INTEGER),
    Column("series", INTEGER, nullable=False),
    Column("rank", INTEGER, nullable=False),
    Column("spelled", TEXT, nullable=False),
    Column("spelled_original", TEXT),  # where it is another
    Index("title_spelled", "spelled"),
    Index("title_spelled_original", "spelled_original", **where("spelled_original IS NOT NULL")),
)
