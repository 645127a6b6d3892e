"""The catalogue's torrents and groups. Attributes that one does not have are empty texts."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table

from storage.column_types import BYTES, INTEGER, TEXT, where
from storage.tables.databases import PEERAGE

category = Table(
    "category",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("folded", TEXT, nullable=False, unique=True),
    Column("parent_id", INTEGER, ForeignKey("category.id")),
)
work = Table(  # a group of torrents
    "work",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("category_id", INTEGER, ForeignKey("category.id"), nullable=False, index=True),
    Column("year", INTEGER),
    Column("season", INTEGER),
    Column("imdb", INTEGER),
    Column("description", TEXT, nullable=False),
    Column("picture", TEXT, nullable=False),
    Column("organism", TEXT, nullable=False),
    Column("strain", TEXT, nullable=False),
    Column("accession", TEXT, nullable=False),
    Column("lab", TEXT, nullable=False),
    Column("location", TEXT, nullable=False),
    Column("locked", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    Index("work_name", "name"),
    Index("work_imdb", "imdb", **where("imdb IS NOT NULL")),
    sqlite_autoincrement=True,
)
torrent = Table(
    "torrent",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("infohash", BYTES, nullable=False, unique=True),
    Column("alias", BYTES),
    Column("work_id", INTEGER, ForeignKey("work.id"), nullable=False, index=True),
    Column("title", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("root", TEXT, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("file_count", INTEGER, nullable=False),
    Column("uploader_id", INTEGER, ForeignKey("account.id", ondelete="SET NULL"), index=True),
    Column("anonymous", INTEGER, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("updated", INTEGER, nullable=False),
    Column("description", TEXT, nullable=False),
    Column("platform", TEXT, nullable=False),
    Column("format", TEXT, nullable=False),
    Column("license", TEXT, nullable=False),
    Column("scope", TEXT, nullable=False),
    Column("annotated", INTEGER, nullable=False),
    Column("archive", TEXT, nullable=False),
    Column("private", INTEGER, nullable=False),
    Column("held", INTEGER, nullable=False),
    Column("hidden", INTEGER, nullable=False),
    Column("locked", INTEGER, nullable=False),
    Column("freeleech", INTEGER, nullable=False),
    Column("seeders", INTEGER, nullable=False),
    Column("leechers", INTEGER, nullable=False),
    Column("snatched", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(alias) = 20"),
    Index("torrent_alias", "alias", **where("alias IS NOT NULL")),
    Index("torrent_size", "size", "id", "hidden"),
    Index("torrent_seeders", "seeders", "id", "hidden"),
    Index("torrent_leechers", "leechers", "id", "hidden"),
    Index("torrent_snatched", "snatched", "id", "hidden"),
    # A covering index of the sort keys, apart from the long texts.
    Index("torrent_sorting", "id", "work_id", "size", "seeders", "leechers", "snatched", "hidden"),
    Index("torrent_hidden", "id", **where("hidden = 1")),
    Index("torrent_added", "added", "id"),
    sqlite_autoincrement=True,
)
contents = Table(  # files, trackers and web seeds, as compressed JSON
    "contents",
    PEERAGE,
    Column("torrent_id", INTEGER, ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
    Column("payload", BYTES, nullable=False),
)
author = Table(
    "author",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("folded", TEXT, nullable=False, unique=True),
    Column("picture", TEXT, nullable=False),
    Column("description", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
authorship = Table(
    "authorship",
    PEERAGE,
    Column("work_id", INTEGER, ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
    Column("position", INTEGER, primary_key=True),
    Column("author_id", INTEGER, ForeignKey("author.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)
tag = Table(
    "tag",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False, unique=True),
    Column("alias_of", INTEGER, ForeignKey("tag.id", ondelete="CASCADE"), index=True),
    Column("uses", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)
tagging = Table(
    "tagging",
    PEERAGE,
    Column("work_id", INTEGER, ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", INTEGER, ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
