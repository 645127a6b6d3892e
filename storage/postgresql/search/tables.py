"""The table of the search index, which a migration creates; it is none of the tables that every engine has."""

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from storage.column_types import BYTES, INTEGER, TEXT

WORDS = ARRAY(TEXT)

search_document = Table(
    "search_document",
    MetaData(),
    Column("id", INTEGER, primary_key=True, autoincrement=False),
    Column("digest", BYTES, nullable=False),  # of all that is indexed
    Column("title", TEXT, nullable=False),
    Column("year", INTEGER, nullable=False),
    Column("hidden", INTEGER, nullable=False),
    Column("words", TSVECTOR, nullable=False),  # each with the letter of its column before it; and filters
    # The words of each column in their order, for phrases.
    *(
        Column(name, TEXT, nullable=False)
        for name in ("name", "work", "authors", "tags", "description", "files")
    ),
)
