"""Hides what is counted of announces and scrapes: plain numbers, summed up by whoever reads them."""

from collections import Counter
from enum import IntEnum

from bittorrent.query import Event


class Transport(IntEnum):
    """Which way a request came."""

    HTTP = 0
    UDP = 1


class Tally:
    """Counts since the start; written on the hot path, so there is no lock and no label text."""

    __slots__ = ("announces", "refusals", "scrapes", "warnings")

    def __init__(self) -> None:
        self.announces = [[0] * len(Event) for _ in Transport]
        self.scrapes = [0 for _ in Transport]
        self.warnings = 0
        self.refusals: Counter[str] = Counter()
