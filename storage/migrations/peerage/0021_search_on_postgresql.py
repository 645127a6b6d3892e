"""The search index on PostgreSQL; SQLite's was made before."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from storage.column_types import BYTES, INTEGER, TEXT
from storage.migrations.engines import on_postgresql

revision = "0021"
down_revision = "0019"


def upgrade() -> None:
    """Create the table of words, texts and sort keys of torrents."""
    if not on_postgresql():
        return
    op.create_table(
        "search_document",
        sa.Column("id", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("digest", BYTES, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("year", INTEGER, nullable=False),
        sa.Column("hidden", INTEGER, nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("name", "work", "authors", "tags", "description", "files")
        ),
    )
    # Rows are short: what is matched and sorted stays beside the ids, the words and texts go elsewhere.
    op.execute("ALTER TABLE search_document SET (toast_tuple_target = 128)")
    op.create_index(
        "search_document_words",
        "search_document",
        ["words"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
    )
    op.create_index("search_document_title", "search_document", ["title", "id"])
    op.create_index("search_document_year", "search_document", ["year", "id"])
