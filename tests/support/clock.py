"""The clock of tests, in unix seconds."""

from dataclasses import dataclass

DAY = 86_400
NOON = 20_800 * DAY + DAY // 2


@dataclass
class Clock:
    """A clock that stands still until a test sets it; or each look at it takes a `step` of seconds."""

    now: float = NOON
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return float(self.now)
