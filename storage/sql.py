"""Hides the tables and every statement that is run on them; nothing outside `storage` sees SQL."""

from typing import Final

Migrations = tuple[tuple[str, ...], ...]

# Each entry takes a database from version n to n + 1. An entry that was released is never changed.
SWARM_MIGRATIONS: Final[Migrations] = (
    (
        """
        CREATE TABLE swarm (
            infohash BLOB NOT NULL,
            part INTEGER NOT NULL,
            payload BLOB NOT NULL,
            PRIMARY KEY (infohash, part)
        ) WITHOUT ROWID
        """,
    ),
)

PEERAGE_MIGRATIONS: Final[Migrations] = (
    (
        """
        CREATE TABLE torrent (
            infohash BLOB PRIMARY KEY CHECK (length(infohash) = 20),
            v1 BLOB CHECK (length(v1) = 20),
            v2 BLOB CHECK (length(v2) = 32),
            alias BLOB CHECK (length(alias) = 20),
            name TEXT NOT NULL,
            size INTEGER NOT NULL,
            stored INTEGER NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 20),
            added INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX torrent_alias ON torrent (alias) WHERE alias IS NOT NULL",
        """
        CREATE TABLE entry (
            infohash BLOB NOT NULL CHECK (length(infohash) IN (20, 32)),
            verdict TEXT NOT NULL CHECK (verdict IN ('allow', 'deny')),
            reason TEXT NOT NULL,
            author TEXT NOT NULL,
            since INTEGER NOT NULL,
            PRIMARY KEY (infohash, verdict)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE spelling (
            hash BLOB NOT NULL CHECK (length(hash) IN (20, 32)),
            verdict TEXT NOT NULL,
            infohash BLOB NOT NULL,
            PRIMARY KEY (hash, verdict, infohash),
            FOREIGN KEY (infohash, verdict) REFERENCES entry (infohash, verdict) ON DELETE CASCADE
        ) WITHOUT ROWID
        """,
        "CREATE INDEX spelling_entry ON spelling (infohash, verdict)",
        """
        CREATE VIEW named_entry (infohash, verdict, reason, author, since, names) AS
        SELECT infohash, verdict, reason, author, since,
               (SELECT group_concat(hex(hash), ' ') FROM spelling
                WHERE spelling.infohash = entry.infohash AND spelling.verdict = entry.verdict)
        FROM entry
        """,
    ),
)

SWARM_UPSERT: Final = """
    INSERT INTO swarm (infohash, part, payload) VALUES (?, ?, ?)
    ON CONFLICT (infohash, part) DO UPDATE SET payload = excluded.payload
"""
SWARM_DELETE: Final = "DELETE FROM swarm WHERE infohash = ? AND part = ?"
SWARM_PAGE: Final = """
    SELECT infohash, part, payload FROM swarm
    WHERE (infohash, part) > (?, ?) ORDER BY infohash, part LIMIT ?
"""

TORRENT_ADD: Final = """
    INSERT OR REPLACE INTO torrent (infohash, v1, v2, alias, name, size, stored, digest, added)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TORRENT: Final = "SELECT infohash, v1, v2, name, size, stored, digest, added FROM torrent "
TORRENT_GET: Final = _TORRENT + "WHERE infohash = ?"
TORRENT_GET_ALIAS: Final = _TORRENT + "WHERE alias = ? LIMIT 1"
TORRENT_PAGE: Final = _TORRENT + "WHERE infohash > ? ORDER BY infohash LIMIT ?"
TORRENT_REMOVE: Final = "DELETE FROM torrent WHERE infohash = ?"
TORRENT_TOTALS: Final = "SELECT count(*), coalesce(sum(stored), 0) FROM torrent"

ENTRY_SET: Final = """
    INSERT INTO entry (infohash, verdict, reason, author, since) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (infohash, verdict) DO UPDATE
    SET reason = excluded.reason, author = excluded.author, since = excluded.since
"""
SPELLING_ADD: Final = "INSERT OR IGNORE INTO spelling (hash, verdict, infohash) VALUES (?, ?, ?)"
ENTRY_UNSET: Final = """
    DELETE FROM entry
    WHERE verdict = :verdict
      AND infohash IN (SELECT infohash FROM spelling WHERE hash = :hash AND verdict = :verdict)
"""
ENTRY_FIND: Final = """
    SELECT infohash, verdict, reason, author, since, names FROM named_entry
    WHERE verdict = :verdict
      AND infohash IN (SELECT infohash FROM spelling WHERE hash = :hash AND verdict = :verdict)
    ORDER BY infohash
"""
ENTRY_PAGE: Final = """
    SELECT infohash, verdict, reason, author, since, names FROM named_entry
    WHERE (infohash, verdict) > (:infohash, :after) AND (:verdict IS NULL OR verdict = :verdict)
    ORDER BY infohash, verdict LIMIT :limit
"""
