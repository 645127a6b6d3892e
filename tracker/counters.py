"""Counters of announces, scrapes, refusals and warnings since the start."""

from collections import Counter

from tracker.model import Event, Transport

__all__ = ["TrackerCounters", "Transport"]


class TrackerCounters:
    """Counts since the start; written on the hot path: no lock, no label text."""

    __slots__ = ("announces", "refusals", "scrapes", "warnings")

    def __init__(self) -> None:
        self.announces = [[0] * len(Event) for _ in Transport]
        self.scrapes = [0 for _ in Transport]
        self.warnings = 0
        self.refusals: Counter[str] = Counter()
