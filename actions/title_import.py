"""Imports IMDb titles: a new list is built aside and replaces the old one atomically."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actions.archives import total_size
from actions.imdb_tsv import ImdbTsv, RankedTitle
from bittorrent.refusal import Refusal

_LINES = 5_000


class TitleDraft(Protocol):
    """A list of titles that is not in use yet; for one thread at a time."""

    def add(self, listed: Sequence[RankedTitle]) -> None:
        """Add titles; of a number that comes twice, the first counts. Refusal: `disk-full`."""

    def finish(self) -> int:
        """Replace the list in use, durably; return how many titles there are. Refusal: `disk-full`."""

    def abandon(self) -> None:
        """Delete it, unless it is finished; may be called twice."""


class TitleStore(Protocol):
    """Stores the list of titles."""

    def draft(self) -> TitleDraft:
        """Begin a new list. OSError: the folder does not allow it."""

    async def renew(self) -> None:
        """Use the newest finished list from now on."""


@dataclass(frozen=True, slots=True)
class TitleImportProgress:
    """Progress of an import: bytes of the file read, films and series found, unreadable lines skipped."""

    done: int
    found: int
    passed: int


class TitleImport:
    """Imports IMDb's `title.basics`, one file at a time."""

    def __init__(self, store: TitleStore) -> None:
        self._store = store
        self._running = False

    async def total(self, path: Path) -> int:
        """Return the bytes of the file: what `TitleImportProgress.done` counts up to."""
        return await asyncio.to_thread(total_size, [path])

    async def import_file(self, path: Path) -> AsyncIterator[TitleImportProgress]:
        """Import a file; its titles replace the old ones when it was read to its end.

        Refusal, with nothing changed: `unreadable`, `too-large`, `disk-full`, `busy` during another import.
        """
        if self._running:
            raise Refusal("busy", "titles are being imported")
        self._running = True
        importer = _Importer(self._store)
        try:
            await asyncio.to_thread(importer.begin, path)
            while (progress := await asyncio.to_thread(importer.step)) is not None:
                yield progress
            # Once the new list is in place it is used, even if the caller is cancelled.
            yield await asyncio.shield(self._finish(importer))
        finally:
            closing = asyncio.create_task(asyncio.to_thread(importer.close))
            closing.add_done_callback(self._end)
            await asyncio.shield(closing)

    async def _finish(self, importer: "_Importer") -> TitleImportProgress:
        progress = await asyncio.to_thread(importer.finish)
        await self._store.renew()
        return progress

    def _end(self, _: asyncio.Task[None]) -> None:
        self._running = False


class _Importer:
    """The steps of an import, one thread at a time; `close` waits for the running one."""

    def __init__(self, store: TitleStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._closed = False
        self._tsv: ImdbTsv | None = None
        self._draft: TitleDraft | None = None
        self._found = 0

    def begin(self, path: Path) -> None:
        with self._lock:
            if not self._closed:
                self._tsv = ImdbTsv(path)
                self._draft = self._store.draft()

    def step(self) -> TitleImportProgress | None:
        with self._lock:
            tsv, draft = self._opened()
            listed = tsv.read_titles(_LINES)
            if listed is None:
                return None
            draft.add(listed)
            self._found += len(listed)
            return TitleImportProgress(tsv.done, self._found, tsv.skipped)

    def finish(self) -> TitleImportProgress:
        with self._lock:
            tsv, draft = self._opened()
            if not self._found:
                raise Refusal("unreadable", "it holds no film and no series")
            return TitleImportProgress(tsv.done, draft.finish(), tsv.skipped)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._draft is not None:
                self._draft.abandon()
            if self._tsv is not None:
                self._tsv.close()

    def _opened(self) -> tuple[ImdbTsv, TitleDraft]:
        if self._closed or self._tsv is None or self._draft is None:
            raise Refusal("busy")
        return self._tsv, self._draft
