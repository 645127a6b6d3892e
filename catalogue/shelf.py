"""Hides where the catalogue lies: what it asks of the store under it."""

from typing import Protocol


class Shelf(Protocol):
    """The catalogue's records on disk."""
