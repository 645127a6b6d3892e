import io
import sys

import pytest

from peerage.commands.progress import Progress, with_progress
from tests.support.clock import Clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


async def records(clock, count, seconds):
    for number in range(count):
        clock.now += seconds
        yield number


async def shown(progress, clock, count, seconds):
    found = with_progress(records(clock, count, seconds), progress, lambda number, _: 100 * (number + 1))
    return [record async for record in found]


@pytest.fixture
def stderr(monkeypatch):
    def replace(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return replace


async def test_rate_and_remaining_time_are_a_line_now_and_then(stderr):
    out, clock = stderr(io.StringIO()), Clock(50)
    progress = Progress("Importing", 4000, clock)
    assert await shown(progress, clock, 40, 1.0) == list(range(40))
    assert out.getvalue().splitlines() == [
        "Importing: 25%, 10 done, 1/s, 0:00:30 left",
        "Importing: 50%, 20 done, 1/s, 0:00:20 left",
        "Importing: 75%, 30 done, 1/s, 0:00:10 left",
        "Importing: 100%, 40 done, 1/s, 0:00:00 left",
    ]


async def test_what_is_soon_done_says_nothing(stderr):
    out, clock = stderr(io.StringIO()), Clock(50)
    await shown(Progress("Importing", 400, clock), clock, 4, 1.0)
    assert out.getvalue() == ""


async def test_a_terminal_shows_a_bar_with_the_rate(stderr):
    out, clock = stderr(Terminal()), Clock(50)
    await shown(Progress("Importing", 400, clock), clock, 4, 0.001)
    assert "Importing" in out.getvalue()
    assert "100%" in out.getvalue()
    assert "1,000/s" in out.getvalue()


@pytest.mark.parametrize("length", [0, 10])
async def test_a_position_beyond_the_length_or_back_is_no_error(stderr, length):
    out, clock = stderr(io.StringIO()), Clock(0)
    progress = Progress("Importing", length, clock)
    for position in (5, 3, 50):
        clock.now += 10
        progress.move(position)
    assert progress.position == progress.length
    assert progress.line() == "Importing: 100%, 3 done, 0/s, 0:00:00 left"
    assert out.getvalue() == ""
