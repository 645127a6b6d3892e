"""The statements of the stores, apart from these: a program that has their compiled text loads no SQLAlchemy."""
