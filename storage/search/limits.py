"""Bounds of searches, and how a random order is made: the same for every engine."""

MOST_TAGS = 64
"""Tags that one beginning stands for."""
MOST_RESPELT = 2
"""Words of a search whose neighbours are looked up."""
FACETS_OF = 2_000
"""Hits of which is counted what they can be narrowed by."""
LEADERS = 100
"""Torrents at the head of a sort order that are tried where more match than are ranked."""
_SHUFFLE_PRIME = 2**31 - 1
_SHUFFLE_ROOT = 7  # a primitive root of that prime: its powers are the factors that shuffle


def shuffle_factor(seed: int) -> int:
    """Return the number by which ids are multiplied, modulo that prime, for the random order of a seed."""
    return pow(_SHUFFLE_ROOT, seed % (_SHUFFLE_PRIME - 1) + 1, _SHUFFLE_PRIME)
