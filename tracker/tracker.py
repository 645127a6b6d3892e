"""Hides the order of an announce: policy, then swarms, then the answer."""

from collections.abc import Callable, Iterable

from bittorrent.infohash import InfoHash
from tracker.model import NOTHING, Announce, Counts, Failure, Reply, Terms
from tracker.policy import Policy
from tracker.store import SwarmStore
from tracker.swarms import RETRY_SOON
from tracker.tally import Tally, Transport

RESTORING = b"Tracker is starting, peers follow shortly"


class Tracker:
    """One tracker for every door; its calls are plain functions, finished before they return."""

    def __init__(self, store: SwarmStore, policy: Policy, terms: Terms, clock: Callable[[], float]) -> None:
        self.store = store
        self.policy = policy
        self.terms = terms
        self.tally = Tally()
        self.restoring = False
        self._clock = clock

    def announce(self, announce: Announce, transport: Transport) -> Reply | Failure:
        """Answer an announce; a refusal that passes by itself is an empty success with a warning."""
        if (code := self.policy.refusal(announce.infohash)) is not None:
            self.tally.refusals[code] += 1
            return Failure(code)
        self.tally.announces[transport][announce.event] += 1
        if self.restoring:
            self.tally.warnings += 1
            return Reply(NOTHING, RETRY_SOON, RETRY_SOON, warning=RESTORING)
        reply = self.store.announce(announce, int(self._clock()))
        if reply.warning:
            self.tally.warnings += 1
        return reply

    def scrape(self, infohashes: Iterable[InfoHash], transport: Transport) -> list[tuple[InfoHash, Counts]]:
        """Return each torrent in numbers, in the order asked; zeros for an unknown or refused one."""
        self.tally.scrapes[transport] += 1
        return [(infohash, self._counts(infohash)) for infohash in infohashes]

    def _counts(self, infohash: InfoHash) -> Counts:
        if self.policy.refusal(infohash) is not None:
            return NOTHING
        return self.store.scrape(infohash)
