"""PostgreSQL: its database, its dialect, its migrations and its search index."""
