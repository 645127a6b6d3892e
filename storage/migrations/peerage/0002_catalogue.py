"""Accounts and the catalogue; the cache's table `torrent` becomes `record`."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NINE = ("Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted")


def upgrade() -> None:
    """Rename `torrent`, create the tables and the nine categories."""
    _rename()
    _accounts()
    _sessions()
    _works()
    _torrents()
    _words()
    _said()
    _collages()
    _moderation()
    # Version 0.1.0 refuses this file, as it must.
    op.execute("PRAGMA user_version = 2")


def _rename() -> None:
    op.execute("DROP VIEW named_entry")
    op.drop_index("torrent_alias", "torrent")
    op.rename_table("torrent", "record")
    op.create_index("record_alias", "record", ["alias"], sqlite_where=sa.text("alias IS NOT NULL"))


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False, unique=True),
        sa.Column("password", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("enabled", sa.Integer, nullable=False),
        sa.Column("joined", sa.Integer, nullable=False),
        sa.Column("seen", sa.Integer),
        sa.CheckConstraint("role IN ('user', 'moderator', 'admin')"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("methods", sa.Text),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("expires", sa.Integer),
        sa.Column("used", sa.Integer),
        sa.Column("suspended", sa.Integer, nullable=False),
        sa.Column("revoked", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )


def _sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("expires", sa.Integer, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "one_time_link",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("expires", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _works() -> None:
    op.create_table(
        "category",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False, unique=True),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("category.id")),
    )
    table = sa.table("category", sa.column("id"), sa.column("name"), sa.column("folded"))
    rows = [{"id": at, "name": name, "folded": name.lower()} for at, name in enumerate(NINE, start=1)]
    op.bulk_insert(table, rows)
    op.create_table(
        "work",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("category_id", sa.Integer, sa.ForeignKey("category.id"), nullable=False, index=True),
        sa.Column("year", sa.Integer),
        sa.Column("season", sa.Integer),
        sa.Column("imdb", sa.Integer),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("picture", sa.Text, nullable=False),
        sa.Column("organism", sa.Text, nullable=False),
        sa.Column("strain", sa.Text, nullable=False),
        sa.Column("accession", sa.Text, nullable=False),
        sa.Column("lab", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("locked", sa.Integer, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Index("work_imdb", "imdb", sqlite_where=sa.text("imdb IS NOT NULL")),
        sqlite_autoincrement=True,
    )


def _torrents() -> None:
    op.create_table(
        "torrent",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("infohash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("alias", sa.LargeBinary),
        sa.Column("work_id", sa.Integer, sa.ForeignKey("work.id"), nullable=False, index=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("file_count", sa.Integer, nullable=False),
        sa.Column("uploader_id", sa.Integer, sa.ForeignKey("account.id", ondelete="SET NULL"), index=True),
        sa.Column("anonymous", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("updated", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("license", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("annotated", sa.Integer, nullable=False),
        sa.Column("archive", sa.Text, nullable=False),
        sa.Column("private", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
        sa.Column("hidden", sa.Integer, nullable=False),
        sa.Column("locked", sa.Integer, nullable=False),
        sa.Column("freeleech", sa.Integer, nullable=False),
        sa.Column("seeders", sa.Integer, nullable=False),
        sa.Column("leechers", sa.Integer, nullable=False),
        sa.Column("snatched", sa.Integer, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.CheckConstraint("length(alias) = 20"),
        sa.Index("torrent_alias", "alias", sqlite_where=sa.text("alias IS NOT NULL")),
        sa.Index("torrent_size", "size", "id"),
        sa.Index("torrent_seeders", "seeders", "id"),
        sa.Index("torrent_leechers", "leechers", "id"),
        sa.Index("torrent_snatched", "snatched", "id"),
        sa.Index("torrent_title", "title", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contents",
        sa.Column(
            "torrent_id", sa.Integer, sa.ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def _words() -> None:
    op.create_table(
        "author",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False, unique=True),
        sa.Column("picture", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "authorship",
        sa.Column("work_id", sa.Integer, sa.ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column(
            "author_id",
            sa.Integer,
            sa.ForeignKey("author.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("alias_of", sa.Integer, sa.ForeignKey("tag.id", ondelete="CASCADE"), index=True),
        sa.Column("uses", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tagging",
        sa.Column("work_id", sa.Integer, sa.ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "tag_id", sa.Integer, sa.ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True
        ),
        sqlite_with_rowid=False,
    )


def _said() -> None:
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("work_id", sa.Integer, sa.ForeignKey("work.id", ondelete="CASCADE"), nullable=False),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("edited", sa.Integer),
        sa.Column("editor_id", sa.Integer, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("hidden", sa.Integer, nullable=False),
        sa.Index("comment_work", "work_id", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bookmark",
        sa.Column(
            "account_id", sa.Integer, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("target", sa.Integer, primary_key=True),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Index("bookmark_target", "kind", "target"),
        sqlite_with_rowid=False,
    )


def _collages() -> None:
    op.create_table(
        "collage",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column(
            "account_id",
            sa.Integer,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("locked", sa.Integer, nullable=False),
        sa.Column("hidden", sa.Integer, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collected",
        sa.Column(
            "collage_id", sa.Integer, sa.ForeignKey("collage.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column(
            "work_id", sa.Integer, sa.ForeignKey("work.id", ondelete="CASCADE"), primary_key=True, index=True
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sqlite_with_rowid=False,
    )


def _moderation() -> None:
    op.create_table(
        "report",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("target", sa.Integer, nullable=False),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sa.Column("resolver_id", sa.Integer, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("resolved", sa.Integer),
        sa.Column("resolution", sa.Text, nullable=False),
        sa.UniqueConstraint("account_id", "subject", "target", "added"),
        sa.Index("report_open", "resolved", "id"),
        sa.Index("report_target", "subject", "target"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deed",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.Integer, nullable=False),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "news",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("added", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
