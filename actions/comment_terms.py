"""On which terms accounts comment: how often, and which first comments wait for a moderator."""

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from math import ceil

from accounts.model import Principal
from accounts.rights import Right, Rights
from bittorrent.refusal import Refusal
from catalogue.store import CommentStore

MOST_HELD = 10
"""Comments of one account that wait for a moderator at once."""
_REMEMBERED = 65_536


class CommentTerms:
    """Counts comments by account in windows of `rate`, as "30/10 minutes"; `clock` gives unix seconds.

    An account of which everybody sees fewer than `held_first` comments is not known yet: what it writes is held.
    Moderators are bound by neither.
    """

    def __init__(self, rate: str, held_first: int, rights: Rights, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._held_first = held_first
        self._rights = rights
        self._clock = clock
        self._windows: OrderedDict[int, tuple[int, float]] = OrderedDict()

    async def admit(self, principal: Principal, author: int, store: CommentStore) -> bool:
        """Count a new comment, and return whether it is held. Refusal: `too-many-requests`, `full`."""
        if self._rights.may(principal, Right.MODERATE):
            return False
        held = await self.holds(principal, author, store)
        if held and (await store.counts_of(author)).held >= MOST_HELD:
            raise Refusal("full", f"{MOST_HELD} comments wait for a moderator")
        self._count(author)
        return held

    async def holds(self, principal: Principal, author: int, store: CommentStore) -> bool:
        """Return whether what an author writes now is held."""
        if not self._held_first or self._rights.may(principal, Right.MODERATE):
            return False
        return (await store.counts_of(author)).shown < self._held_first

    def _count(self, author: int) -> None:
        now, (most, seconds) = self._clock(), self._limit
        count, ends = self._windows.get(author, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + seconds
        if count >= most:
            raise Refusal("too-many-requests", f"{ceil(ends - now)} seconds")
        self._windows[author] = count + 1, ends
        self._windows.move_to_end(author)
        if len(self._windows) > _REMEMBERED:
            self._windows.popitem(last=False)

    @cached_property
    def _limit(self) -> tuple[int, int]:
        """How many comments in how many seconds."""
        from limits import parse  # noqa: PLC0415 - no command comments

        limit = parse(self._rate)
        return limit.amount, limit.get_expiry()
