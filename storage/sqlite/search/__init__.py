"""Full-text search over SQLite's FTS5."""
