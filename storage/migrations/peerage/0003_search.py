"""The search index: a contentless FTS5 table, its stored texts and sort keys."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.migrations.engines import on_sqlite

revision = "0003"
down_revision = "0002"

_SORTED = ("size", "seeders", "leechers", "snatched")


def upgrade() -> None:
    """Create the search index; add `hidden` to the sort indexes of torrents."""
    if on_sqlite():
        _fts5()
    op.drop_index("torrent_title", "torrent")
    for name in _SORTED:
        op.drop_index(f"torrent_{name}", "torrent")
        op.create_index(f"torrent_{name}", "torrent", [name, "id", "hidden"])
    op.create_index("torrent_sorting", "torrent", ["id", "work_id", *_SORTED, "hidden"])
    op.create_index("torrent_hidden", "torrent", ["id"], **where("hidden = 1"))
    op.create_index("torrent_added", "torrent", ["added", "id"])


def _fts5() -> None:
    # Another engine has a search index of its own, made in a revision of its own.
    # Accents are folded. Prefixes of two and three characters are indexed; longer ones match few words.
    op.execute(
        "CREATE VIRTUAL TABLE search_text USING fts5 ("
        "name, work, authors, tags, description, files, facets, "
        "content = '', columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2')"
    )
    op.create_table(
        "search_entry",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("packed", BYTES, nullable=False),
    )
    op.create_table(
        "search_key",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("year", INTEGER, nullable=False),
        sa.Column("hidden", INTEGER, nullable=False),
        sa.Index("search_key_title", "title", "id", "hidden"),
        sa.Index("search_key_year", "year", "id", "hidden"),
    )
