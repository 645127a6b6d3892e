"""What is found out about an installation: findings, each with what to do, kept for those who may see them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic

from accounts.model import Principal
from accounts.rights import Right, Rights

_KEPT = 60.0


class Grade(StrEnum):
    """How grave a finding is."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WARNING = "warning"
    """It works, and will not for ever or for everybody."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one subject, and what to do about it, "" where nothing is."""

    subject: str
    grade: Grade
    text: str
    remedy: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be done."""
        return self.grade in {Grade.WARNING, Grade.PROBLEM}


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """The findings of a moment, in unix seconds; `thorough` ones read the databases whole."""

    time: float
    thorough: bool
    findings: tuple[Finding, ...]


Examine = Callable[[bool], Sequence[Finding]]
"""Looks at everything, thoroughly or not. It may take seconds, so it runs in a thread, and raises nothing."""


class Diagnosis:
    """Examines the installation, once at a time, and keeps what was found for `kept` seconds by `timer`."""

    def __init__(
        self,
        examine: Examine,
        rights: Rights,
        clock: Callable[[], float],
        *,
        kept: float = _KEPT,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._examine = examine
        self._rights = rights
        self._clock = clock
        self._kept = kept
        self._timer = timer
        self._last: tuple[float, Diagnosed] | None = None
        self._turn = asyncio.Lock()

    async def findings(
        self, principal: Principal, *, thorough: bool = False, fresh: bool = False
    ) -> Diagnosed:
        """Return what is found; unless `fresh` what was found within the last minute will do.

        Refusal: `unauthenticated`, `forbidden`.
        """
        self._rights.require(principal, Right.ACCOUNTS)
        async with self._turn:
            if fresh or self._last is None or self._timer() - self._last[0] >= self._kept:
                found = await asyncio.to_thread(self._examine, thorough)
                self._last = self._timer(), Diagnosed(self._clock(), thorough, tuple(found))
            return self._last[1]
