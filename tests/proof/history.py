"""What was asked and answered in a run, and what must be true by it.

An operation lasts from when it began until it was answered; one that was never answered may have any effect, or none, at any
time until the run ends. What must be true follows only where no overlapping operation leaves it open.
"""

import contextlib
import copy
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from math import inf

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal


class Kind(Enum):
    """What is done to a torrent or to the service."""

    UPLOAD = auto()
    BLOCK = auto()
    UNBLOCK = auto()
    REMOVE = auto()
    EDIT = auto()
    ANNOUNCE = auto()
    FLUSH = auto()
    PASSWORD = auto()
    ACCOUNT = auto()
    JOB = auto()
    DELETE_JOB = auto()
    BACKUP = auto()
    RESTORE = auto()


@dataclass
class Operation:
    """One operation; `end` is infinite until it was answered, `done` says that the answer was success."""

    kind: Kind
    infohash: InfoHash | None
    text: str
    began: float
    end: float = inf
    done: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Certainty:
    """Whether something must be there, or must be gone; neither where it is open."""

    there: bool
    gone: bool


class History:
    """The operations of one run; `time` tells the run's time."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.operations: list[Operation] = []

    @contextlib.asynccontextmanager
    async def operation(self, kind: Kind, infohash: InfoHash | None, text: str = "") -> AsyncIterator[None]:
        """Note an operation; one that is cut off stays open, a refusal is an answer."""
        made = Operation(kind, infohash, text, self._time())
        self.operations.append(made)
        try:
            yield
        except Refusal:
            made.end, made.refused = self._time(), True
            raise
        made.end, made.done = self._time(), True

    def note(self, kind: Kind, infohash: InfoHash | None, text: str = "") -> None:
        """Note what was done at once."""
        self.operations.append(Operation(kind, infohash, text, self._time(), self._time(), done=True))

    def settle(self) -> None:
        """The run has ended in order: what was never answered has had its effect or none by now."""
        for each in self.operations:
            each.end = min(each.end, self._time())

    def until_now(self) -> "History":
        """A copy of what was answered until now."""
        copied = History(self._time)
        copied.operations = copy.deepcopy(self.operations)
        return copied

    def file(self, infohash: InfoHash, now: float) -> Certainty:
        """Whether the torrent's file must be there or gone when asked at `now`."""
        removed = self._stands(infohash, (Kind.REMOVE,), (Kind.UPLOAD,), now)
        # A block that is lifted before it got to the file leaves it.
        taken_down = self._stands(infohash, (Kind.BLOCK,), (Kind.UPLOAD, Kind.UNBLOCK), now)
        return Certainty(
            self._stands(infohash, (Kind.UPLOAD,), (Kind.BLOCK, Kind.REMOVE), now),
            removed or taken_down or self.blocked(infohash, now),
        )

    def record(self, infohash: InfoHash, now: float) -> Certainty:
        """Whether its record must be there or gone."""
        return Certainty(
            self._stands(infohash, (Kind.UPLOAD,), (Kind.BLOCK,), now), self.blocked(infohash, now)
        )

    def job(self, infohash: InfoHash, now: float) -> Certainty:
        """Whether an account's job must be there or gone."""
        return Certainty(
            self._stands(infohash, (Kind.JOB,), (Kind.DELETE_JOB, Kind.BLOCK), now),
            self._stands(infohash, (Kind.DELETE_JOB,), (Kind.JOB,), now),
        )

    def blocked(self, infohash: InfoHash, now: float) -> bool:
        """Whether it must be blocked."""
        return self._stands(infohash, (Kind.BLOCK,), (Kind.UNBLOCK,), now)

    def last_edit(self, infohash: InfoHash, now: float) -> str | None:
        """The description that it must have, None where that is open."""
        own = [each for each in self.operations if each.infohash == infohash]
        return _last(own, Kind.EDIT, (Kind.BLOCK, Kind.UPLOAD), now)

    def last_password(self, now: float) -> str | None:
        """The password that must be right."""
        return _last(self.operations, Kind.PASSWORD, (), now)

    def lose_unflushed(self) -> None:
        """The process was killed: an announce that no answered flush wrote may be lost with it."""
        last = self._last_flush()
        for each in self.operations:
            if each.kind is Kind.ANNOUNCE and each.end > last:
                each.done = False

    def _last_flush(self) -> float:
        """When the last flush began that was answered."""
        flushes = (each.began for each in self.operations if each.kind is Kind.FLUSH and each.done)
        return max(flushes, default=-inf)

    def flushed_announces(self, infohash: InfoHash) -> int:
        """How many peers a flush that was answered must have written, and no block taken away."""
        last = self._last_flush()
        own = [each for each in self.operations if each.infohash == infohash]
        if any(each.kind is Kind.BLOCK for each in own):
            return 0
        return sum(each.kind is Kind.ANNOUNCE and each.done and each.end <= last for each in own)

    def _stands(
        self, infohash: InfoHash, makers: tuple[Kind, ...], breakers: tuple[Kind, ...], now: float
    ) -> bool:
        """Whether one of the makers was answered by `now` and nothing that may break it came after it began."""
        own = [each for each in self.operations if each.infohash == infohash]
        made = [each for each in own if each.kind in makers and each.done and each.end <= now]
        broken = [each for each in own if each.kind in breakers and not each.refused]
        return any(all(other.end < each.began for other in broken) for each in made)


def _last(operations: Iterable[Operation], kind: Kind, breakers: tuple[Kind, ...], now: float) -> str | None:
    known = [each for each in operations if (each.kind is kind or each.kind in breakers) and not each.refused]
    made = [each for each in known if each.kind is kind and each.done and each.end <= now]
    for each in made:
        if all(other is each or other.end < each.began for other in known):
            return each.text
    return None
