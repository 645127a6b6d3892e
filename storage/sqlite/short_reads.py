"""Runs short queries on the event loop itself: a thread for each costs many times what most of them do.

Handing a query to a thread and its rows back takes more of the processor than finding a few rows by their keys, and
where other threads have work it takes turns of the scheduler and of the interpreter's lock besides.
"""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from storage.database import Row

SHORT = 0.003
"""Seconds of the processor that a query may take on the event loop; after more it is run in a thread for a while."""
LONGEST = 0.015
"""Seconds that it may take in all: a disk may be slow, and other threads and programs take their turns."""
_PAUSE = (
    0.1  # seconds for which it is, doubled each time: the first run of a statement finds nothing in memory
)
_LONGEST_PAUSE = 600.0
_FORGIVEN = 100  # short runs after which the pause is as at first
_OPERATIONS = 10_000  # of SQLite's virtual machine between two looks at the time: less than a millisecond
_ROUND = 0.002  # seconds of one round of the event loop, after which what reads lets others go first
_REMEMBERED = 1024
# Interrupted, or there is a lock to wait for.
_FOR_THREADS = (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

Connect = Callable[[], sqlite3.Connection]


@dataclass(slots=True)
class _Statement:
    """What is known of a statement: until when it is run in threads, and how often it was short since."""

    until: float = 0.0
    pause: float = _PAUSE
    short: int = 0

    def note(self, now: float, *, short: bool) -> None:
        """Note how long a run took."""
        if short:
            self.short += 1
            if self.short >= _FORGIVEN:
                self.pause = _PAUSE
        else:
            self.until = now + self.pause
            self.pause, self.short = min(2 * self.pause, _LONGEST_PAUSE), 0


class ShortReads:
    """One connection, opened with the first query, for queries that were short the last time."""

    def __init__(
        self,
        connect: Connect,
        clock: Callable[[], float] = perf_counter,
        processor: Callable[[], float] = thread_time,
    ) -> None:
        """Make it; `clock` and `processor` give seconds that passed, and that this thread worked."""
        self._connect = connect
        self._clock = clock
        self._processor = processor
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._statements: OrderedDict[str, _Statement] = OrderedDict()
        self._round: float | None = None
        self._began = 0.0
        self._worked = 0.0
        """When the query that runs began, by both."""

    async def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Row] | None:
        """Run a query and return its rows, or None where it is for a thread. sqlite3.Error."""
        statement = self._statement(sql)
        if statement.until > self._clock():
            return None
        await self._give_way()
        if self._closed:
            return None
        self._began, self._worked = self._clock(), self._processor()
        try:
            rows = self._execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _FOR_THREADS:
                raise
            rows = None
        statement.note(self._clock(), short=rows is not None and not self._is_late())
        return rows

    def close(self) -> None:
        """Close the connection; every query is for a thread from now on."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()

    def _statement(self, sql: str) -> _Statement:
        statement = self._statements.get(sql)
        if statement is None:
            statement = self._statements[sql] = _Statement()
            if len(self._statements) > _REMEMBERED:
                self._statements.popitem(last=False)
        return statement

    def _execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Row]:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.set_progress_handler(self._is_late, _OPERATIONS)
        return self._connection.execute(sql, parameters).fetchall()

    def _is_late(self) -> bool:
        passed = self._clock() - self._began
        return passed > LONGEST or (passed > SHORT and self._processor() - self._worked > SHORT)

    async def _give_way(self) -> None:
        """Let others go first where this round of the event loop has lasted: what reads in a loop would hold it up."""
        now = self._clock()
        if self._round is None:
            self._round = now
            asyncio.get_running_loop().call_soon(self._end_round)
        elif now - self._round > _ROUND:
            await asyncio.sleep(0)

    def _end_round(self) -> None:
        self._round = None


def connect(path: Path, pragmas: Sequence[str]) -> sqlite3.Connection:
    """Open a file for reading on the event loop: it waits for no lock. sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        for pragma in (*pragmas, "PRAGMA query_only = ON"):
            connection.execute(pragma).close()
    except BaseException:
        connection.close()
        raise
    return connection
