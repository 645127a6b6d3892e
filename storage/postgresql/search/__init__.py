"""The search index on PostgreSQL: a row of lexemes for each torrent, found by a GIN index."""
