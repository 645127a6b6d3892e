"""The statements that are of SQLite alone, and the compiled text of all."""
