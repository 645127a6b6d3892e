"""Which uploads are of one work: what has to be alike for a torrent to join a group by itself."""

from dataclasses import dataclass

from catalogue.fields import UNSET, GroupChange


@dataclass(frozen=True, slots=True)
class WorkKey:
    """A work as its release names tell it: a name, in the spellings that are one, a category, a year and a season."""

    names: tuple[str, ...]
    category_id: int
    year: int | None
    season: int | None


def work_key(change: GroupChange) -> WorkKey | None:
    """Return the key of the work that a new group would be, None where too little is known to tell it from others.

    A name alone is not enough: there are many of the same. Year or season make it one work.
    """
    name, category = change.name, change.category_id
    year = None if change.year is UNSET else change.year
    season = None if change.season is UNSET else change.season
    if name is UNSET or category is UNSET or not name or (year is None and season is None):
        return None
    spellings = (name, name.lower(), name.upper(), name.title(), name.capitalize())
    return WorkKey(tuple(dict.fromkeys(spellings)), category, year, season)
