"""SQLAlchemy tables by subject, for building statements; times are unix seconds, hashes raw bytes.

Migrations create those of `peerage.db` and `swarms.db`.
"""
