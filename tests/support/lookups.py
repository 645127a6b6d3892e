"""Lookups for a test, over fake metadata sources."""

import time

from actions.lookups import Lookups, LookupSettings
from actions.metadata_sources import SourceKind


class FakeSource:
    """Answers by infohash, or by a function of the query; records the queries."""

    def __init__(self, source=SourceKind.SWARM, answers=None, answer=None):
        self.kind = source
        self.answers = answers if answers is not None else {}
        self.answer = answer
        self.asked = []
        self.budgets = []
        self.is_available = True

    def available(self, query):
        return self.is_available and (self.kind is not SourceKind.TRACKERS or bool(query.trackers))

    async def fetch(self, query, seconds):
        self.asked.append(query)
        self.budgets.append(seconds)
        if self.answer is not None:
            return await self.answer(query)
        return self.answers.get(query.infohash)


def make_lookups(uploads, cache, takedowns, sources=(), *, timer=time.monotonic, **settings):
    return Lookups(uploads, cache, takedowns, sources, LookupSettings(**settings), timer=timer)
