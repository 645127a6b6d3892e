"""Accounts and the catalogue; the cache's table `torrent` becomes `record`."""

import sqlalchemy as sa
from alembic import op

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.migrations.engines import on_sqlite, set_user_version

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
    set_user_version(2)


def _rename() -> None:
    if on_sqlite():
        op.execute("DROP VIEW named_entry")
    op.drop_index("torrent_alias", "torrent")
    op.rename_table("torrent", "record")
    op.create_index("record_alias", "record", ["alias"], **where("alias IS NOT NULL"))


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("folded", TEXT, nullable=False, unique=True),
        sa.Column("password", TEXT),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("enabled", INTEGER, nullable=False),
        sa.Column("joined", INTEGER, nullable=False),
        sa.Column("seen", INTEGER),
        sa.CheckConstraint("role IN ('user', 'moderator', 'admin')"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "credential",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column(
            "account_id",
            INTEGER,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("label", TEXT, nullable=False),
        sa.Column("digest", BYTES, nullable=False, unique=True),
        sa.Column("methods", TEXT),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("expires", INTEGER),
        sa.Column("used", INTEGER),
        sa.Column("suspended", INTEGER, nullable=False),
        sa.Column("revoked", INTEGER, nullable=False),
        sqlite_autoincrement=True,
    )


def _sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column(
            "account_id",
            INTEGER,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("digest", BYTES, nullable=False, unique=True),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("expires", INTEGER, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "one_time_link",
        sa.Column("digest", BYTES, primary_key=True),
        sa.Column(
            "account_id",
            INTEGER,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("expires", INTEGER, nullable=False),
        sqlite_with_rowid=False,
    )


def _works() -> None:
    op.create_table(
        "category",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("folded", TEXT, nullable=False, unique=True),
        sa.Column("parent_id", INTEGER, sa.ForeignKey("category.id")),
    )
    table = sa.table("category", sa.column("id", INTEGER), sa.column("name", TEXT), sa.column("folded", TEXT))
    rows = [{"id": at, "name": name, "folded": name.lower()} for at, name in enumerate(NINE, start=1)]
    op.bulk_insert(table, rows)
    op.create_table(
        "work",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("category_id", INTEGER, sa.ForeignKey("category.id"), nullable=False, index=True),
        sa.Column("year", INTEGER),
        sa.Column("season", INTEGER),
        sa.Column("imdb", INTEGER),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("picture", TEXT, nullable=False),
        sa.Column("organism", TEXT, nullable=False),
        sa.Column("strain", TEXT, nullable=False),
        sa.Column("accession", TEXT, nullable=False),
        sa.Column("lab", TEXT, nullable=False),
        sa.Column("location", TEXT, nullable=False),
        sa.Column("locked", INTEGER, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.Index("work_imdb", "imdb", **where("imdb IS NOT NULL")),
        sqlite_autoincrement=True,
    )


def _torrents() -> None:
    op.create_table(
        "torrent",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("infohash", BYTES, nullable=False, unique=True),
        sa.Column("alias", BYTES),
        sa.Column("work_id", INTEGER, sa.ForeignKey("work.id"), nullable=False, index=True),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("root", TEXT, nullable=False),
        sa.Column("size", INTEGER, nullable=False),
        sa.Column("file_count", INTEGER, nullable=False),
        sa.Column("uploader_id", INTEGER, sa.ForeignKey("account.id", ondelete="SET NULL"), index=True),
        sa.Column("anonymous", INTEGER, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.Column("updated", INTEGER, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("platform", TEXT, nullable=False),
        sa.Column("format", TEXT, nullable=False),
        sa.Column("license", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("annotated", INTEGER, nullable=False),
        sa.Column("archive", TEXT, nullable=False),
        sa.Column("private", INTEGER, nullable=False),
        sa.Column("held", INTEGER, nullable=False),
        sa.Column("hidden", INTEGER, nullable=False),
        sa.Column("locked", INTEGER, nullable=False),
        sa.Column("freeleech", INTEGER, nullable=False),
        sa.Column("seeders", INTEGER, nullable=False),
        sa.Column("leechers", INTEGER, nullable=False),
        sa.Column("snatched", INTEGER, nullable=False),
        sa.CheckConstraint("length(infohash) = 20"),
        sa.CheckConstraint("length(alias) = 20"),
        sa.Index("torrent_alias", "alias", **where("alias IS NOT NULL")),
        sa.Index("torrent_size", "size", "id"),
        sa.Index("torrent_seeders", "seeders", "id"),
        sa.Index("torrent_leechers", "leechers", "id"),
        sa.Index("torrent_snatched", "snatched", "id"),
        sa.Index("torrent_title", "title", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contents",
        sa.Column("torrent_id", INTEGER, sa.ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("payload", BYTES, nullable=False),
    )


def _words() -> None:
    op.create_table(
        "author",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("folded", TEXT, nullable=False, unique=True),
        sa.Column("picture", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "authorship",
        sa.Column("work_id", INTEGER, sa.ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", INTEGER, primary_key=True),
        sa.Column(
            "author_id",
            INTEGER,
            sa.ForeignKey("author.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tag",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
        sa.Column("alias_of", INTEGER, sa.ForeignKey("tag.id", ondelete="CASCADE"), index=True),
        sa.Column("uses", INTEGER, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tagging",
        sa.Column("work_id", INTEGER, sa.ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "tag_id", INTEGER, sa.ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True
        ),
        sqlite_with_rowid=False,
    )


def _said() -> None:
    op.create_table(
        "comment",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("work_id", INTEGER, sa.ForeignKey("work.id", ondelete="CASCADE"), nullable=False),
        sa.Column(
            "account_id",
            INTEGER,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.Column("edited", INTEGER),
        sa.Column("editor_id", INTEGER, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("hidden", INTEGER, nullable=False),
        sa.Index("comment_work", "work_id", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bookmark",
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("target", INTEGER, primary_key=True),
        sa.Column("added", INTEGER, nullable=False),
        sa.Index("bookmark_target", "kind", "target"),
        sqlite_with_rowid=False,
    )


def _collages() -> None:
    op.create_table(
        "collage",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("kind", INTEGER, nullable=False),
        sa.Column(
            "account_id",
            INTEGER,
            sa.ForeignKey("account.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("locked", INTEGER, nullable=False),
        sa.Column("hidden", INTEGER, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collected",
        sa.Column("collage_id", INTEGER, sa.ForeignKey("collage.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "work_id", INTEGER, sa.ForeignKey("work.id", ondelete="CASCADE"), primary_key=True, index=True
        ),
        sa.Column("position", INTEGER, nullable=False),
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sqlite_with_rowid=False,
    )


def _moderation() -> None:
    op.create_table(
        "report",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("target", INTEGER, nullable=False),
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sa.Column("resolver_id", INTEGER, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("resolved", INTEGER),
        sa.Column("resolution", TEXT, nullable=False),
        sa.UniqueConstraint("account_id", "subject", "target", "added"),
        sa.Index("report_open", "resolved", "id"),
        sa.Index("report_target", "subject", "target"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deed",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("verb", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "news",
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("account_id", INTEGER, sa.ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("added", INTEGER, nullable=False),
        sqlite_autoincrement=True,
    )
