"""Parameters of qBittorrent's API: of the query, or of the form of a POST; lists, flags, numbers and hashes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal

_TRUE = frozenset({"true", "1"})
_LARGEST = 2**53
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class QbittorrentParameters:
    """Values by name; the last of a repeated name counts, and the form's before the query's."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, *sources: Sequence[tuple[str, str]]) -> "QbittorrentParameters":
        """Collect pairs of names and values."""
        return cls({name: value for pairs in sources for name, value in pairs})

    def __contains__(self, name: str) -> bool:
        """Return whether a parameter was sent."""
        return name in self.values

    def text(self, name: str) -> str:
        """Return a value without spaces around it, "" where there is none."""
        return self.values.get(name, "").strip()

    def required(self, name: str) -> str:
        """Return a value. Refusal: `bad-request` where it is missing or empty."""
        value = self.text(name)
        if not value:
            raise Refusal("bad-request", f"{name} is missing")
        return value

    def flag(self, name: str) -> bool:
        """Return whether a value is true."""
        return self.text(name).lower() in _TRUE

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number, `default` where it is none."""
        number = self.number(name)
        return default if number is None else int(number)

    def number(self, name: str) -> float | None:
        """Return a number of at most 2^53 in amount, None where it is none."""
        try:
            value = float(self.text(name)[:_DIGITS])
        except ValueError:
            return None
        return value if math.isfinite(value) and abs(value) <= _LARGEST else None

    def words(self, name: str, separator: str) -> list[str]:
        """Return the parts of a value between separators, each once, without empty ones."""
        parts = (part.strip() for part in self.values.get(name, "").split(separator))
        return list(dict.fromkeys(part for part in parts if part))

    def hashes(self, name: str = "hashes") -> list[InfoHash] | None:
        """Return the infohashes of a list, None for all; what is no infohash is left out."""
        words = self.words(name, "|")
        return (
            None if words == ["all"] else [found for word in words if (found := _infohash(word)) is not None]
        )

    def infohash(self) -> InfoHash:
        """Return the parameter `hash`. Refusal: `bad-request` where it is missing, `not-found` where it is none."""
        found = _infohash(self.required("hash"))
        if found is None:
            raise Refusal("not-found")
        return found


def _infohash(word: str) -> InfoHash | None:
    try:
        return InfoHash.parse(word)
    except Refusal:
        return None
