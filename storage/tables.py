"""SQLAlchemy tables of each database, for building statements; migrations create those of the first two.

Times are unix seconds, hashes raw bytes.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
)

from storage.column_types import BYTES, INTEGER, TEXT, where

PEERAGE = MetaData()

# The cache's records (once called `torrent`).
record = Table(
    "record",
    PEERAGE,
    Column("infohash", BYTES, primary_key=True),
    Column("v1", BYTES),
    Column("v2", BYTES),
    Column("alias", BYTES),
    Column("name", TEXT, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("stored", INTEGER, nullable=False),
    Column("digest", BYTES, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("packed", BYTES),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(v1) = 20"),
    CheckConstraint("length(v2) = 32"),
    CheckConstraint("length(alias) = 20"),
    CheckConstraint("length(digest) = 20"),
    Index("record_alias", "alias", **where("alias IS NOT NULL")),
    sqlite_with_rowid=False,
)

# The lists.
entry = Table(
    "entry",
    PEERAGE,
    Column("infohash", BYTES, primary_key=True),
    Column("verdict", TEXT, primary_key=True),
    Column("reason", TEXT, nullable=False),
    Column("author", TEXT, nullable=False),
    Column("since", INTEGER, nullable=False),
    CheckConstraint("length(infohash) IN (20, 32)"),
    CheckConstraint("verdict IN ('allow', 'deny')"),
    sqlite_with_rowid=False,
)
spelling = Table(
    "spelling",
    PEERAGE,
    Column("hash", BYTES, primary_key=True),
    Column("verdict", TEXT, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    CheckConstraint("length(hash) IN (20, 32)"),
    ForeignKeyConstraint(["infohash", "verdict"], ["entry.infohash", "entry.verdict"], ondelete="CASCADE"),
    Index("spelling_entry", "infohash", "verdict"),
    sqlite_with_rowid=False,
)

# Accounts. Secrets are keyed hashes; names are unique without regard to case (`folded`).
account = Table(
    "account",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("folded", TEXT, nullable=False, unique=True),
    Column("password", TEXT),
    Column("role", TEXT, nullable=False),
    Column("enabled", INTEGER, nullable=False),
    Column("joined", INTEGER, nullable=False),
    Column("seen", INTEGER),
    CheckConstraint("role IN ('user', 'moderator', 'admin')"),
    sqlite_autoincrement=True,
)
credential = Table(
    "credential",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("scope", TEXT, nullable=False),
    Column("label", TEXT, nullable=False),
    Column("digest", BYTES, nullable=False, unique=True),
    Column("methods", TEXT),
    Column("created", INTEGER, nullable=False),
    Column("expires", INTEGER),
    Column("used", INTEGER),
    Column("suspended", INTEGER, nullable=False),
    Column("revoked", INTEGER, nullable=False),
    Column("login", INTEGER, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
session = Table(
    "session",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("digest", BYTES, nullable=False, unique=True),
    Column("created", INTEGER, nullable=False),
    Column("expires", INTEGER, nullable=False, index=True),
    Column("used", INTEGER),
    Column("address", BYTES),
    sqlite_autoincrement=True,
)
one_time_link = Table(
    "one_time_link",
    PEERAGE,
    Column("digest", BYTES, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)

second_factor = Table(
    "second_factor",
    PEERAGE,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("sealed", TEXT, nullable=False),
    Column("confirmed", INTEGER),
    Column("step", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
recovery_code = Table(
    "recovery_code",
    PEERAGE,
    Column("digest", BYTES, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)

# The catalogue. Attributes that a group or torrent does not have are empty texts.
category = Table(
    "category",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("folded", TEXT, nullable=False, unique=True),
    Column("parent_id", ForeignKey("category.id")),
)
work = Table(  # a group of torrents
    "work",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("category_id", ForeignKey("category.id"), nullable=False, index=True),
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
    Column("work_id", ForeignKey("work.id"), nullable=False, index=True),
    Column("title", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("root", TEXT, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("file_count", INTEGER, nullable=False),
    Column("uploader_id", ForeignKey("account.id", ondelete="SET NULL"), index=True),
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
    Column("torrent_id", ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
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
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), primary_key=True),
    Column("position", INTEGER, primary_key=True),
    Column("author_id", ForeignKey("author.id", ondelete="CASCADE"), nullable=False, index=True),
    sqlite_with_rowid=False,
)
tag = Table(
    "tag",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False, unique=True),
    Column("alias_of", ForeignKey("tag.id", ondelete="CASCADE"), index=True),
    Column("uses", INTEGER, nullable=False),
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
    Column("id", INTEGER, primary_key=True),
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("body", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("edited", INTEGER),
    Column("editor_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("hidden", INTEGER, nullable=False),
    Index("comment_work", "work_id", "id"),
    sqlite_autoincrement=True,
)
collage = Table(
    "collage",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("description", TEXT, nullable=False),
    Column("kind", INTEGER, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("locked", INTEGER, nullable=False),
    Column("hidden", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)
collected = Table(
    "collected",
    PEERAGE,
    Column("collage_id", ForeignKey("collage.id", ondelete="CASCADE"), primary_key=True),
    Column("work_id", ForeignKey("work.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", INTEGER, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="SET NULL")),
    sqlite_with_rowid=False,
)
bookmark = Table(
    "bookmark",
    PEERAGE,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("target", INTEGER, primary_key=True),
    Column("added", INTEGER, nullable=False),
    Index("bookmark_target", "kind", "target"),
    sqlite_with_rowid=False,
)
report = Table(
    "report",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("subject", TEXT, nullable=False),
    Column("target", INTEGER, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("resolver_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("resolved", INTEGER),
    Column("resolution", TEXT, nullable=False),
    UniqueConstraint("account_id", "subject", "target", "added"),
    Index("report_open", "resolved", "id"),
    Index("report_target", "subject", "target"),
    sqlite_autoincrement=True,
)
notice = Table(
    "notice",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("about", INTEGER),
    Column("claimant", TEXT, nullable=False),
    Column("contact", TEXT, nullable=False),
    Column("work", TEXT, nullable=False),
    Column("statement", TEXT, nullable=False),
    Column("torrents", TEXT, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("decided", INTEGER),
    Column("decider_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("answer", TEXT, nullable=False),
    Index("notice_state", "state", "id"),
    sqlite_autoincrement=True,
)
deed = Table(  # the moderators' log
    "deed",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("time", INTEGER, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="SET NULL")),
    Column("verb", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("target", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
news = Table(
    "news",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("title", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("added", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)

# Content by its key (`account_id` for private torrents alone), and the accounts' jobs. A job's `queued` is its
# position in the queue, 0 for none.
content = Table(
    "content",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("infohash", BYTES, nullable=False),
    Column("v2", BYTES),
    Column("account_id", ForeignKey("account.id")),
    Column("name", TEXT, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("files", BYTES, nullable=False),
    Column("torrent", BYTES),
    Column("known", INTEGER, nullable=False),
    Column("private", INTEGER, nullable=False),
    Column("begun", INTEGER, nullable=False),
    Column("complete", INTEGER, nullable=False),
    Column("rested", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("uploaded", INTEGER, nullable=False),
    Column("added", INTEGER, nullable=False),
    Column("finished", INTEGER),
    CheckConstraint("length(infohash) = 20"),
    Index("content_shared", "infohash", unique=True, **where("account_id IS NULL")),
    Index("content_own", "infohash", "account_id", unique=True, **where("account_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
job = Table(
    "job",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False),
    Column("content_id", ForeignKey("content.id"), nullable=False, index=True),
    Column("name", TEXT, nullable=False),
    Column("magnet", TEXT, nullable=False),
    Column("seed", INTEGER, nullable=False),
    Column("allow_zip", INTEGER, nullable=False),
    Column("queued", INTEGER, nullable=False),
    Column("paused", INTEGER, nullable=False),
    Column("cached", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    Column("updated", INTEGER, nullable=False),
    Column("category", TEXT, nullable=False, server_default=""),
    Column("tags", TEXT, nullable=False, server_default=""),
    Column("ratio", INTEGER),
    Column("seed_time", INTEGER),
    UniqueConstraint("account_id", "content_id"),
    sqlite_autoincrement=True,
)
job_label = Table(  # the categories and tags that an account keeps for its jobs
    "job_label",
    PEERAGE,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    sqlite_with_rowid=False,
)

# Figures of the service by the step of a span, in a ring of slots; and what torrents had at the end of a day.
figure_sample = Table(
    "figure_sample",
    PEERAGE,
    Column("step", INTEGER, primary_key=True),
    Column("slot", INTEGER, primary_key=True),
    Column("time", INTEGER, nullable=False),
    Column("torrents", INTEGER, nullable=False),
    Column("size", INTEGER, nullable=False),
    Column("peers", INTEGER, nullable=False),
    Column("seeders", INTEGER, nullable=False),
    Column("swarms", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)
swarm_day = Table(
    "swarm_day",
    PEERAGE,
    Column("torrent_id", ForeignKey("torrent.id", ondelete="CASCADE"), primary_key=True),
    Column("slot", INTEGER, primary_key=True),
    Column("day", INTEGER, nullable=False),
    Column("seeders", INTEGER, nullable=False),
    Column("leechers", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)

# The ledger. Its accounts are no foreign keys: what was counted must never be unwritable. `counted_from`, `run_start`
# and `run_end` say up to when seeding is counted: all before `counted_from`, and the run (see `storage/ledger.py`).
traffic = Table(
    "traffic",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("uploaded", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("seeded", INTEGER, nullable=False),
    Column("snatched", INTEGER, nullable=False),
    Column("capped", INTEGER, nullable=False),
    Column("begun", INTEGER, nullable=False),
    Column("seen", INTEGER, nullable=False),
    Column("counted_from", INTEGER, nullable=False),
    Column("run_start", INTEGER, nullable=False),
    Column("run_end", INTEGER, nullable=False),
    Column("credited_up", INTEGER, nullable=False, server_default="0"),
    Column("credited_down", INTEGER, nullable=False, server_default="0"),
    Column("rewarded", INTEGER, nullable=False, server_default="0"),  # seconds of `seeded` that gave points
    CheckConstraint("length(infohash) = 20"),
    Index("traffic_unrewarded", "account_id", "infohash", **where("seeded > rewarded")),
    sqlite_with_rowid=False,
)
client_session = Table(
    "client_session",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("peer_id", BYTES, primary_key=True),
    Column("uploaded", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("seen", INTEGER, nullable=False),
    Column("seeding", INTEGER, nullable=False),
    Column("completed", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    CheckConstraint("length(peer_id) = 20"),
    Index("client_session_seen", "seen"),
    sqlite_with_rowid=False,
)
snatch = Table(
    "snatch",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER, nullable=False),
    Column("infohash", BYTES, nullable=False),
    Column("time", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    Index("snatch_account", "account_id", "id"),
    sqlite_autoincrement=True,
)
ledger_mark = Table(  # the last batch of each node that is in the ledger
    "ledger_mark",
    PEERAGE,
    Column("node", INTEGER, primary_key=True),
    Column("epoch", INTEGER, nullable=False),
    Column("sequence", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)

# What counts of the traffic: rules in percent, of a torrent, an account, both, or all; and what an account has beside.
credit_rule = Table(
    "credit_rule",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("account_id", INTEGER),
    Column("infohash", BYTES),
    Column("upload", INTEGER),
    Column("download", INTEGER),
    Column("since", INTEGER, nullable=False),
    Column("until", INTEGER),
    Column("author", INTEGER),
    Column("reason", TEXT, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    Index("credit_rule_torrent", "infohash", "account_id"),
    Index("credit_rule_account", "account_id", **where("account_id IS NOT NULL")),
    sqlite_autoincrement=True,
)
account_balance = Table(
    "account_balance",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("tokens", INTEGER, nullable=False),
    Column("uploaded", INTEGER, nullable=False),
    Column("downloaded", INTEGER, nullable=False),
    Column("points", INTEGER, nullable=False, server_default="0"),  # in thousandths
    sqlite_with_rowid=False,
)

# The history: a row for each torrent that is or was there, and for each block, under the last number of its node.
history = Table(
    "history",
    PEERAGE,
    Column("node", INTEGER, primary_key=True),
    Column("subject", TEXT, primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("number", INTEGER, nullable=False),
    Column("first", INTEGER, nullable=False),
    Column("gone", INTEGER, nullable=False),
    Column("seen", INTEGER, nullable=False),
    Column("time", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    Index("history_number", "node", "number", unique=True),
    Index("history_gone", "time", **where("gone = 1")),
    sqlite_with_rowid=False,
)
history_thinned = Table(
    "history_thinned",
    PEERAGE,
    Column("node", INTEGER, primary_key=True),
    Column("number", INTEGER, nullable=False),
    sqlite_with_rowid=False,
)

# What is mirrored here: up to where each other service was read, and what was taken from it. `round` grows when
# everything is taken anew; what an ended round did not see is no longer there.
mirror = Table(
    "mirror",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("url", TEXT, nullable=False, unique=True),
    Column("cursor", TEXT, nullable=False),
    Column("round", INTEGER, nullable=False),
    Column("whole", INTEGER, nullable=False),
    Column("position", INTEGER, nullable=False),
    Column("newest", INTEGER, nullable=False),
    Column("asked", INTEGER),
    Column("problem", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
mirrored = Table(
    "mirrored",
    PEERAGE,
    Column("mirror_id", ForeignKey("mirror.id", ondelete="CASCADE"), primary_key=True),
    Column("infohash", BYTES, primary_key=True),
    Column("round", INTEGER, nullable=False),
    CheckConstraint("length(infohash) = 20"),
    sqlite_with_rowid=False,
)

# Webhooks, and the events on their way to them: `due` is when the next attempt is made, of those that wait.
webhook = Table(
    "webhook",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("url", TEXT, nullable=False),
    Column("events", TEXT, nullable=False),
    Column("created", INTEGER, nullable=False),
    sqlite_autoincrement=True,
)
webhook_delivery = Table(
    "webhook_delivery",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("webhook_id", ForeignKey("webhook.id", ondelete="CASCADE"), nullable=False),
    Column("event", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("created", INTEGER, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("attempts", INTEGER, nullable=False),
    Column("due", INTEGER, nullable=False),
    Column("answer", TEXT, nullable=False),
    Index("webhook_delivery_due", "webhook_id", "state", "due"),
    sqlite_autoincrement=True,
)

# How accounts stand. `watched` and `barred` are times, 0 for not; `reached` is the highest class that gave its invites.
standing = Table(
    "standing",
    PEERAGE,
    Column("account_id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("watched", INTEGER, nullable=False),
    Column("barred", INTEGER, nullable=False),
    Column("invites", INTEGER, nullable=False),
    Column("reached", INTEGER, nullable=False),
    Column("inviter", INTEGER),
    Index("standing_inviter", "inviter", **where("inviter IS NOT NULL")),
    Index("standing_barred", "account_id", **where("barred > 0")),
    sqlite_with_rowid=False,
)
invitation = Table(
    "invitation",
    PEERAGE,
    Column("id", INTEGER, primary_key=True),
    Column("digest", BYTES, nullable=False, unique=True),
    Column("inviter", INTEGER, nullable=False),
    Column("created", INTEGER, nullable=False),
    Column("expires", INTEGER, nullable=False),
    Column("claimed", INTEGER, nullable=False),
    Column("account_id", INTEGER),
    Index("invitation_inviter", "inviter", "id"),
    sqlite_autoincrement=True,
)

SWARMS = MetaData()

swarm = Table(
    "swarm",
    SWARMS,
    Column("infohash", BYTES, primary_key=True),
    Column("part", INTEGER, primary_key=True),
    Column("payload", BYTES, nullable=False),
    sqlite_with_rowid=False,
)

# The census: the open day's tallies of hashed addresses, and the counts of closed days.
census_day = Table(
    "census_day",
    SWARMS,
    Column("day", INTEGER, primary_key=True),  # days since 1970
    Column("looked", INTEGER, nullable=False),
    Column("closed", INTEGER, nullable=False),
)
census_tally = Table(
    "census_tally",
    SWARMS,
    Column("infohash", BYTES, primary_key=True),
    Column("country", TEXT, primary_key=True),
    Column("payload", BYTES, nullable=False),
    sqlite_with_rowid=False,
)
census_count = Table(
    "census_count",
    SWARMS,
    Column("infohash", BYTES, primary_key=True),
    Column("day", INTEGER, primary_key=True),
    Column("country", TEXT, primary_key=True),
    Column("peers", INTEGER, nullable=False),
    Index("census_count_day", "day"),
    sqlite_with_rowid=False,
)

TITLES = MetaData()

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
