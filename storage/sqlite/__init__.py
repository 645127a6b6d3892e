"""The SQLite engine: connections, dialect, full-text search, and the file of IMDb titles."""
