"""Counts by what the hits of a search can be narrowed: category, tags, size, time and a few marks, in one statement."""

from catalogue.query import SIZES
from storage.sqlite.search.statements import newest_hits

_MOST_TAGS = 12
_BUCKET = "CASE " + " ".join(f"WHEN size < {bound} THEN {bound}" for bound in SIZES) + " END"


def statement(condition: str | None) -> str:
    """Return the statement for matches of :match; it returns rows of a facet, a value and a count."""
    return (
        f"WITH {newest_hits(condition)}, "
        "shown AS MATERIALIZED (SELECT torrent.id, work_id, size, seeders, added, private, freeleech "
        "FROM (SELECT id FROM hit LIMIT :most - 1) AS hit CROSS JOIN torrent ON torrent.id = hit.id) "
        "SELECT 'hits', NULL, (SELECT count(*) FROM hit) "
        "UNION ALL SELECT 'category', category.name, count(*) FROM shown CROSS JOIN work ON work.id = shown.work_id "
        "JOIN category ON category.id = work.category_id GROUP BY category.id "
        f"UNION ALL SELECT 'size', {_BUCKET}, count(*) FROM shown GROUP BY 2 "
        "UNION ALL SELECT 'since', wanted.key, (SELECT count(*) FROM shown WHERE added >= wanted.value) "
        "FROM json_each(:since) AS wanted "
        "UNION ALL SELECT mark, NULL, total FROM ("
        "SELECT 'seeded' AS mark, count(*) AS total FROM shown WHERE seeders > 0 "
        "UNION ALL SELECT 'private', count(*) FROM shown WHERE private = 1 "
        "UNION ALL SELECT 'free', count(*) FROM shown WHERE freeleech > 0) "
        "UNION ALL SELECT * FROM (SELECT 'tag', tag.name, count(*) FROM shown "
        "CROSS JOIN tagging ON tagging.work_id = shown.work_id JOIN tag ON tag.id = tagging.tag_id "
        f"GROUP BY tag.id ORDER BY 3 DESC, 2 LIMIT {_MOST_TAGS})"
    )
