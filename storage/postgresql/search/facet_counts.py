"""Counts by what the hits of a search can be narrowed: category, tags, size, time and a few marks, in one statement."""

from catalogue.query import SIZES
from storage.postgresql.search.statements import Match, newest_hits

_MOST_TAGS = 12
_BUCKET = "CASE " + " ".join(f"WHEN size < {bound} THEN {bound}" for bound in SIZES) + " END"


def statement(match: Match) -> str:
    """Return the statement for matches; it returns rows of a facet, a name, a number and a count."""
    return (
        f"WITH {newest_hits(match)}, "
        "shown AS MATERIALIZED (SELECT torrent.id, work_id, size, seeders, added, private, freeleech "
        "FROM (SELECT id FROM hit LIMIT CAST(:most AS bigint) - 1) AS hit JOIN torrent ON torrent.id = hit.id) "
        "SELECT 'hits', NULL, CAST(NULL AS bigint), (SELECT count(*) FROM hit) "
        "UNION ALL SELECT 'category', category.name, NULL, count(*) FROM shown JOIN work ON work.id = shown.work_id "
        "JOIN category ON category.id = work.category_id GROUP BY category.id, category.name "
        f"UNION ALL SELECT 'size', NULL, {_BUCKET}, count(*) FROM shown GROUP BY 3 "
        "UNION ALL SELECT 'since', NULL, wanted.at - 1, (SELECT count(*) FROM shown WHERE added >= wanted.time) "
        "FROM unnest(CAST(:since AS bigint[])) WITH ORDINALITY AS wanted (time, at) "
        "UNION ALL SELECT 'seeded', NULL, NULL, count(*) FROM shown WHERE seeders > 0 "
        "UNION ALL SELECT 'private', NULL, NULL, count(*) FROM shown WHERE private = 1 "
        "UNION ALL SELECT 'free', NULL, NULL, count(*) FROM shown WHERE freeleech > 0 "
        "UNION ALL SELECT * FROM (SELECT 'tag', tag.name, CAST(NULL AS bigint), count(*) FROM shown "
        "JOIN tagging ON tagging.work_id = shown.work_id JOIN tag ON tag.id = tagging.tag_id "
        f"GROUP BY tag.id, tag.name ORDER BY 4 DESC, 2 LIMIT {_MOST_TAGS}) AS tags"
    )
