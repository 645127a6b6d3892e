"""Hides where the titles of films and series come from: what a reading asks of a list of them."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Title:
    """A film or series by its number at IMDb; `original` is its title in its own language, `year` its first."""

    number: int
    title: str
    original: str
    year: int | None
    series: bool


class Titles(Protocol):
    """A list of titles; an empty one finds nothing."""

    async def find(self, title: str, year: int | None, series: bool) -> Title | None:
        """Find a film or series by its title or original title, without regard to case, marks and punctuation.

        With a year, that of a film may differ by one. None when nothing fits, or when several do and none of
        them is clearly meant.
        """
        ...

    async def get(self, number: int) -> Title | None:
        """Find a title by its number at IMDb."""
        ...
