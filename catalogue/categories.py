"""The nine built-in categories and their ids."""

from collections.abc import Mapping
from types import MappingProxyType

UNSORTED = "Unsorted"
BUILTIN_CATEGORIES: Mapping[str, int] = MappingProxyType(
    {
        "Movies": 1,
        "Anime": 2,
        "TV": 3,
        "Music": 4,
        "Books": 5,
        "PC": 6,
        "Mobile": 7,
        "XXX": 8,
        UNSORTED: 9,
    }
)
FIRST_CUSTOM_ID = 10
"""The lowest id of a custom category."""
