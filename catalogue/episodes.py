"""Numbers of episodes in release names: season and episode as `S01E05` or `1x05` write them."""

import re
from dataclasses import dataclass

_LONGEST = 250
_NUMBERED = re.compile(
    r"(?<![0-9A-Za-z])(?:S([0-9]{1,3})[ ._-]?E([0-9]{1,4})|([0-9]{1,2})x([0-9]{2,3}))(?![0-9])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class EpisodeNumber:
    """The number of an episode, counted from 1, in a season; season 0 holds the specials."""

    season: int
    episode: int


def episode_of(name: str) -> EpisodeNumber | None:
    """Return the first episode that a release name numbers, None where it numbers none."""
    found = _NUMBERED.search(name[:_LONGEST])
    if found is None:
        return None
    season, episode = found[1] or found[3], found[2] or found[4]
    return EpisodeNumber(int(season), int(episode))
