"""Lookups over fake metadata sources."""

import time

from actions.lookups import Lookups, LookupTerms
from actions.sources import Source


class Place:
    """A fake source that answers from a dictionary or a function, and records the questions."""

    def __init__(self, source=Source.SWARM, answers=None, answer=None):
        self.source = source
        self.answers = answers if answers is not None else {}
        self.answer = answer
        self.asked = []
        self.shares = []
        self.promising = True

    def promises(self, question):
        return self.promising and (self.source is not Source.TRACKERS or bool(question.trackers))

    async def ask(self, question, seconds):
        self.asked.append(question)
        self.shares.append(seconds)
        if self.answer is not None:
            return await self.answer(question)
        return self.answers.get(question.infohash)


def lookups_over(uploads, cache, takedowns, places=(), *, timer=time.monotonic, **terms):
    return Lookups(uploads, cache, takedowns, places, LookupTerms(**terms), timer=timer)
