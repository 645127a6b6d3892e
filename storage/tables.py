"""SQLAlchemy tables of each database, for building statements; migrations create those of the first two.

Times are unix seconds, hashes raw bytes.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

PEERAGE = MetaData()

# The cache's records (once called `torrent`).
record = Table(
    "record",
    PEERAGE,
    Column("infohash", LargeBinary, primary_key=True),
    Column("v1", LargeBinary),
    Column("v2", LargeBinary),
    Column("alias", LargeBinary),
    Column("name", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("stored", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("added", Integer, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(v1) = 20"),
    CheckConstraint("length(v2) = 32"),
    CheckConstraint("length(alias) = 20"),
    CheckConstraint("length(digest) = 20"),
    Index("record_alias", "alias", sqlite_where=text("alias IS NOT NULL")),
    sqlite_with_rowid=False,
)

# The lists.
entry = Table(
    "entry",
    PEERAGE,
    Column("infohash", LargeBinary, primary_key=True),
    Column("verdict", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("since", Integer, nullable=False),
    CheckConstraint("length(infohash) IN (20, 32)"),
    CheckConstraint("verdict IN ('allow', 'deny')"),
    sqlite_with_rowid=False,
)
spelling = Table(
    "spelling",
    PEERAGE,
    Column("hash", LargeBinary, primary_key=True),
    Column("verdict", Text, primary_key=True),
    Column("infohash", LargeBinary, primary_key=True),
    CheckConstraint("length(hash) IN (20, 32)"),
    ForeignKeyConstraint(["infohash", "verdict"], ["entry.infohash", "entry.verdict"], ondelete="CASCADE"),
    Index("spelling_entry", "infohash", "verdict"),
    sqlite_with_rowid=False,
)

# Accounts. Secrets are keyed hashes; names are unique without regard to case (`folded`).
account = Table(
    "account",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("password", Text),
    Column("role", Text, nullable=False),
    Column("enabled", Integer, nullable=False),
    Column("joined", Integer, nullable=False),
    Column("seen", Integer),
    CheckConstraint("role IN ('user', 'moderator', 'admin')"),
    sqlite_autoincrement=True,
)
credential = Table(
    "credential",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("scope", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("methods", Text),
    Column("created", Integer, nullable=False),
    Column("expires", Integer),
    Column("used", Integer),
    Column("suspended", Integer, nullable=False),
    Column("revoked", Integer, nullable=False),
    sqlite_autoincrement=True,
)
session = Table(
    "session",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created", Integer, nullable=False),
    Column("expires", Integer, nullable=False, index=True),
    sqlite_autoincrement=True,
)
one_time_link = Table(
    "one_time_link",
    PEERAGE,
    Column("digest", LargeBinary, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# The catalogue. Attributes that a group or torrent does not have are empty texts.
category = Table(
    "category",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("parent_id", ForeignKey("category.id")),
)
work = Table(  # a group of torrents
    "work",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("category_id", ForeignKey("category.id"), nullable=False, index=True),
    Column("year", Integer),
    Column("season", Integer),
    Column("imdb", Integer),
    Column("description", Text, nullable=False),
    Column("picture", Text, nullable=False),
    Column("organism", Text, nullable=False),
    Column("strain", Text, nullable=False),
    Column("accession", Text, nullable=False),
    Column("lab", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("locked", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    Index("work_imdb", "imdb", sqlite_where=text("imdb IS NOT NULL")),
    sqlite_autoincrement=True,
)
torrent = Table(
    "torrent",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("infohash", LargeBinary, nullable=False, unique=True),
    Column("alias", LargeBinary),
    Column("work_id", ForeignKey("work.id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("file_count", Integer, nullable=False),
    Column("uploader_id", ForeignKey("account.id", ondelete="SET NULL"), index=True),
    Column("anonymous", Integer, nullable=False),
    Column("added", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("license", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("annotated", Integer, nullable=False),
    Column("archive", Text, nullable=False),
    Column("private", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("hidden", Integer, nullable=False),
    Column("locked", Integer, nullable=False),
    Column("freeleech", Integer, nullable=False),
    Column("seeders", Integer, nullable=False),
    Column("leechers", Integer, nullable=False),
    Column("snatched", Integer, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(alias) = 20"),
    Index("torrent_alias", "alias", sqlite_where=text("alias IS NOT NULL")),
    Index("torrent_size", "size", "id", "hidden"),
    Index("torrent_seeders", "seeders", "id", "hidden"),
    Index("torrent_leechers", "leechers", "id", "hidden"),
    Index("torrent_snatched", "snatched", "id", "hidden"),
    # A covering index of the sort keys, apart from the long texts.
    Index("torrent_sorting", "id", "work_id", "size", "seeders", "leechers", "snatched", "hidden"),
    Index("torrent_hidden", "id", sqlite_where=text("hidden = 1")),
    Index("torrent_added", "added", "id"),
    sqlite_autoincrement=True,
)
contents = Table(  # files, trackers and web seeds, as compressed JSON
    "contents",
    PEERAGE,
    Column("torrent_id", ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
    Column("payload", LargeBinary, nullable=False),
)
search_entry = Table(  # the indexed text of a torrent, which `search_text` needs for deleting, compressed
    "search_entry",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
)
search_key = Table(  # sort keys of torrents, beside `torrent_sorting`
    "search_key",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("hidden", Integer, nullable=False),
    Index("search_key_title", "title", "id", "hidden"),
    Index("search_key_year", "year", "id", "hidden"),
)
author = Table(
    "author",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    Column("picture", Text, nullable=False),
    Column("description", Text, nullable=False),
    sqlite_autoincrement=True,
)
authorship = Table(
    "authorship",
    PEERAGE,
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("author_id", ForeignKey("author.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)
tag = Table(
    "tag",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("alias_of", ForeignKey("tag.id", ondelete="CASCADE"), index=True),
    Column("uses", Integer, nullable=False),
    sqlite_autoincrement=True,
)
tagging = Table(
    "tagging",
    PEERAGE,
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
comment = Table(
    "comment",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("added", Integer, nullable=False),
    Column("edited", Integer),
    Column("editor_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("hidden", Integer, nullable=False),
    Index("comment_work", "work_id", "id"),
    sqlite_autoincrement=True,
)
collage = Table(
    "collage",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("locked", Integer, nullable=False),
    Column("hidden", Integer, nullable=False),
    Column("created", Integer, nullable=False),
    sqlite_autoincrement=True,
)
collected = Table(
    "collected",
    PEERAGE,
    Column("collage_id", ForeignKey("collage.id", ondelete="CASCADE"), primary_key=True),
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="SET NULL")),
    sqlite_with_rowid=False,
)
bookmark = Table(
    "bookmark",
    PEERAGE,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("target", Integer, primary_key=True),
    Column("added", Integer, nullable=False),
    Index("bookmark_target", "kind", "target"),
    sqlite_with_rowid=False,
)
report = Table(
    "report",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("target", Integer, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("added", Integer, nullable=False),
    Column("resolver_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("resolved", Integer),
    Column("resolution", Text, nullable=False),
    UniqueConstraint("account_id", "subject", "target", "added"),
    Index("report_open", "resolved", "id"),
    Index("report_target", "subject", "target"),
    sqlite_autoincrement=True,
)
deed = Table(  # the moderators' log
    "deed",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("time", Integer, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("verb", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
news = Table(
    "news",
    PEERAGE,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("added", Integer, nullable=False),
    sqlite_autoincrement=True,
)

SWARMS = MetaData()

swarm = Table(
    "swarm",
    SWARMS,
    Column("infohash", LargeBinary, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# The census: the open day's tallies of hashed addresses, and the counts of closed days.
census_day = Table(
    "census_day",
    SWARMS,
    Column("day", Integer, primary_key=True),  # days since 1970
    Column("looked", Integer, nullable=False),
    Column("closed", Integer, nullable=False),
)
census_tally = Table(
    "census_tally",
    SWARMS,
    Column("infohash", LargeBinary, primary_key=True),
    Column("country", Text, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
census_count = Table(
    "census_count",
    SWARMS,
    Column("infohash", LargeBinary, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("country", Text, primary_key=True),
    Column("peers", Integer, nullable=False),
    Index("census_count_day", "day"),
    sqlite_with_rowid=False,
)

TITLES = MetaData()

title = Table(
    "title",
    TITLES,
    Column("number", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("original", Text, nullable=False),
    Column("year", Integer),
    Column("series", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("spelled", Text, nullable=False),
    Column("spelled_original", Text),  # where it is another
    Index("title_spelled", "spelled"),
    Index("title_spelled_original", "spelled_original", sqlite_where=text("spelled_original IS NOT NULL")),
)
