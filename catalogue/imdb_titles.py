"""IMDb titles: the list in which parsed release names are looked up."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImdbTitle:
    """A film or series by its number at IMDb; `original` is its title in its own language, `year` its first."""

    number: int
    title: str
    original: str
    year: int | None
    series: bool


class ImdbTitles(Protocol):
    """A list of IMDb titles; an empty one finds nothing."""

    async def find(self, title: str, year: int | None, series: bool) -> ImdbTitle | None:
        """Find a film or series by its title or original title, without regard to case, marks and punctuation.

        With a year, that of a film may differ by one. None without a match, or with several of which none is
        clearly the best.
        """
        ...

    async def get(self, number: int) -> ImdbTitle | None:
        """Find a title by its number at IMDb."""
        ...
