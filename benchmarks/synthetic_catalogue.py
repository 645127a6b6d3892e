"""A synthetic catalogue: word frequencies as in a language, torrents with names, files and tags.

The same number always gives the same torrent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from itertools import accumulate
from random import Random

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_WORDS = 60_000
_ENDINGS = ("mkv", "mp3", "flac", "iso", "pdf", "epub", "srt", "nfo", "jpg", "zip")
_MOST_FILES = 200
TAGS = 500
CATEGORIES = 9
UPLOADERS = 1000
COMMON = "common"
"""A word in every second title."""
HUNDREDTH = "hundredth"
"""A word in every hundredth title: 10,000 of a million."""


@dataclass(frozen=True, slots=True)
class SyntheticTorrent:
    """A generated torrent, the only one of its group."""

    number: int
    title: str
    author: str
    tags: tuple[int, ...]
    description: str
    files: tuple[str, ...]
    size: int
    year: int
    category: int
    uploader: int
    seeders: int
    leechers: int
    snatched: int

    @property
    def infohash(self) -> bytes:
        """A unique infohash."""
        return sha1(b"%d" % self.number).digest()


class CatalogueGenerator:
    """Generates torrents."""

    def __init__(self) -> None:
        random, seen = Random(1), dict[str, None]()
        while len(seen) < _WORDS:
            seen["".join(random.choices(_SYLLABLES, k=random.choice((2, 2, 3, 3, 3, 4, 4))))] = None
        self.words: Sequence[str] = list(seen)
        """Every word, the most frequent first."""
        self._weights = list(accumulate(1 / (rank + 3) ** 0.9 for rank in range(_WORDS)))

    def torrent(self, number: int) -> SyntheticTorrent:
        """Generate the torrent of a number, from 1 on."""
        random = Random(number)
        title = self._some(random, random.randint(2, 6))
        title += [COMMON] if number % 2 else []
        title += [HUNDREDTH] if number % 100 == 0 else []
        year = random.randint(1950, 2026)
        count = min(_MOST_FILES, int(random.paretovariate(1.1) * 2))
        ending = random.choice(_ENDINGS)
        return SyntheticTorrent(
            number=number,
            title=" ".join([*title, str(year)] if random.random() < 0.6 else title),
            author=" ".join(self._some(random, 2)),
            tags=tuple({int(TAGS * random.random() ** 3) + 1 for _ in range(3)}),
            description=" ".join(self._some(random, random.randint(0, 40))),
            files=tuple(f"{' '.join(self._some(random, 2))} {each:02}.{ending}" for each in range(count)),
            size=int(2 ** random.uniform(18, 38)),
            year=year,
            category=random.randint(1, CATEGORIES),
            uploader=random.randint(1, UPLOADERS),
            seeders=int(random.paretovariate(0.8)) - 1,
            leechers=int(random.paretovariate(1.2)) - 1,
            snatched=int(random.paretovariate(0.6)) - 1,
        )

    def _some(self, random: Random, count: int) -> list[str]:
        return random.choices(self.words, cum_weights=self._weights, k=count)
