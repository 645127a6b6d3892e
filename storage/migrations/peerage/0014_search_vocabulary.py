"""The vocabulary of the search index, a view of what is in it, for words that are spelt wrong; works by name."""

from alembic import op

from storage.migrations.engines import on_sqlite

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the view, and an index of works by name, for uploads of one work to find each other."""
    op.create_index("work_name", "work", ["name"])
    if on_sqlite():
        # Another engine has a search index of its own.
        op.execute("CREATE VIRTUAL TABLE search_vocabulary USING fts5vocab (search_text, 'row')")
