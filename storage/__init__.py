"""Stores over SQLite and the file system: the only package that knows either."""
