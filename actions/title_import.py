"""Hides how a list of titles takes the place of another: aside, and at once, so that a failure changes nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actions.archives import total_size
from actions.basics import Basics, Listed
from bittorrent.refusal import Refusal

_LINES = 5_000


class Draft(Protocol):
    """A list of titles that nobody sees yet; for one thread at a time."""

    def add(self, listed: Sequence[Listed]) -> None:
        """Put titles in; of a number that comes twice, the first counts. Refusal: `disk-full`."""

    def finish(self) -> int:
        """Take the place of the list before, durably; return how many titles there are. Refusal: `disk-full`."""

    def abandon(self) -> None:
        """Leave no trace, unless it is finished; may be called twice."""


class Shelf(Protocol):
    """Where the list of titles lies."""

    def draft(self) -> Draft:
        """Begin a new list. OSError: the folder does not allow it."""

    async def renew(self) -> None:
        """Find titles in the newest finished list from now on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: bytes of the file read, films and series found, lines passed over as unreadable."""

    done: int
    found: int
    passed: int


class TitleImport:
    """Imports IMDb's `title.basics`, one file at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._running = False

    async def total(self, path: Path) -> int:
        """Return the bytes of the file: what `Progress.done` counts up to."""
        return await asyncio.to_thread(total_size, [path])

    async def import_file(self, path: Path) -> AsyncIterator[Progress]:
        """Read a file, and put its titles in the place of those before once it was read to its end.

        Refusal, and nothing is changed: `unreadable`, `too-large`, `disk-full`, `busy` during another import.
        """
        if self._running:
            raise Refusal("busy", "titles are being imported")
        self._running = True
        work = _Work(self._shelf)
        try:
            await asyncio.to_thread(work.begin, path)
            while (progress := await asyncio.to_thread(work.step)) is not None:
                yield progress
            # Once the new list lies in its place it is used, even if nobody waits to hear of it.
            yield await asyncio.shield(self._finish(work))
        finally:
            closing = asyncio.create_task(asyncio.to_thread(work.close))
            closing.add_done_callback(self._end)
            await asyncio.shield(closing)

    async def _finish(self, work: "_Work") -> Progress:
        progress = await asyncio.to_thread(work.finish)
        await self._shelf.renew()
        return progress

    def _end(self, _: asyncio.Task[None]) -> None:
        self._running = False


class _Work:
    """An import, done by one thread at a time; `close` waits for the one under way."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._turn = threading.Lock()
        self._closed = False
        self._basics: Basics | None = None
        self._draft: Draft | None = None
        self._found = 0

    def begin(self, path: Path) -> None:
        with self._turn:
            if not self._closed:
                self._basics = Basics(path)
                self._draft = self._shelf.draft()

    def step(self) -> Progress | None:
        with self._turn:
            basics, draft = self._opened()
            listed = basics.take(_LINES)
            if listed is None:
                return None
            draft.add(listed)
            self._found += len(listed)
            return Progress(basics.done, self._found, basics.passed)

    def finish(self) -> Progress:
        with self._turn:
            basics, draft = self._opened()
            if not self._found:
                raise Refusal("unreadable", "it holds no film and no series")
            return Progress(basics.done, draft.finish(), basics.passed)

    def close(self) -> None:
        with self._turn:
            self._closed = True
            if self._draft is not None:
                self._draft.abandon()
            if self._basics is not None:
                self._basics.close()

    def _opened(self) -> tuple[Basics, Draft]:
        if self._closed or self._basics is None or self._draft is None:
            raise Refusal("busy")
        return self._basics, self._draft
