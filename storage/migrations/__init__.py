"""Alembic migrations: a folder for each database, a file for each revision."""
