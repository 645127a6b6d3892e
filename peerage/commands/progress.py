"""Progress of long commands on standard error: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

R = TypeVar("R")

_LINE_SECONDS = 10.0
_STEPS = 1000  # of a bar


class Progress:
    """How far a command is: `position` of `length`, over `count` things. `clock` gives seconds."""

    def __init__(self, label: str, length: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.label = label
        self.length = max(length, 1)
        self.position = 0
        self.count = 0
        self._clock = clock
        self._began = self._told = clock()

    def move(self, position: int) -> None:
        """Count one more thing; the position is then at least this."""
        self.count += 1
        self.position = min(max(self.position, position), self.length)

    def rate(self) -> str:
        """Return how many things there were a second so far."""
        seconds = self._clock() - self._began
        return f"{self.count / seconds:,.0f}/s" if seconds > 0 else ""

    def line(self) -> str | None:
        """Return a line about it, if it is time for one."""
        now = self._clock()
        if now - self._told < _LINE_SECONDS:
            return None
        self._told = now
        share = self.position / self.length
        left = f", {_duration((now - self._began) * (1 - share) / share)} left" if share > 0 else ""
        return f"{self.label}: {share:.0%}, {self.count:,} done, {self.rate()}{left}"


async def with_progress(
    records: AsyncIterator[R], progress: Progress, position: Callable[[R, int], int]
) -> AsyncIterator[R]:
    """Yield records while the position is shown that `position` makes of record and position."""
    if not sys.stderr.isatty():
        async for record in records:
            yield record
            progress.move(position(record, progress.position))
            if (line := progress.line()) is not None:
                click.echo(line, err=True)
        return
    bar: ProgressBar[None] = click.progressbar(
        length=progress.length,
        label=progress.label,
        file=sys.stderr,
        item_show_func=lambda _: progress.rate(),
        update_min_steps=max(progress.length // _STEPS, 1),
    )
    with bar:
        shown = 0
        async for record in records:
            yield record
            progress.move(position(record, progress.position))
            bar.update(progress.position - shown)
            shown = progress.position


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
