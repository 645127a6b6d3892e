"""The import of files with the lines of a catalogue dump."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from accounts.store import AccountStore
from actions.archives import describe_error, open_regular_file
from actions.catalogue_dump_lines import DUMP_FILE_NAME, LONGEST_LINE, MOST_LINES, is_header, read_line
from actions.catalogue_import import Blocklist, CatalogueImport, independent_part
from actions.torrent_import import ImportResult
from bittorrent.refusal import Refusal
from catalogue.catalogue import Catalogue

_BATCH = 200
_AT_ONCE = 128  # lines that are merged at once, and share their transactions
_PIECE = 64 * 2**10


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file: its number, its kind and values or why it is unreadable, and the bytes read so far."""

    number: int
    values: tuple[str, Mapping[str, object]] | Refusal
    done: int


class CatalogueDumpImport:
    """Imports dumps of the catalogue. `clock` gives unix seconds."""

    def __init__(
        self, catalogue: Catalogue, accounts: AccountStore, blocks: Blocklist, clock: Callable[[], float]
    ) -> None:
        self._catalogue = catalogue
        self._accounts = accounts
        self._blocks = blocks
        self._clock = clock

    async def read(self, path: Path) -> AsyncIterator[ImportResult]:
        """Import a file and yield the outcome of each line: "new", "changed", "same" or a refusal's code.

        A refused line changes nothing, and the next is read. An unreadable file is an outcome too, not an exception.
        """
        importer = CatalogueImport(self._catalogue, self._accounts, self._blocks, self._clock)
        file = _LineReader(path)
        merging = _Merging(lambda line: self._apply(importer, path, line))
        try:
            while lines := await asyncio.to_thread(file.next_batch):
                for line in lines:
                    async for outcome in merging.add(line):
                        yield outcome
            async for outcome in merging.rest():
                yield outcome
        finally:
            await merging.end()
            await asyncio.shield(asyncio.to_thread(file.close))

    async def _apply(self, importer: CatalogueImport, path: Path, line: _Line) -> ImportResult:
        name = f"{path} line {line.number}"
        try:
            if isinstance(line.values, Refusal):
                raise line.values
            kind, values = line.values
            outcome = await importer.apply(kind, values)
        except Refusal as refusal:
            return ImportResult(name, refusal.code, _message(refusal), line.done)
        return ImportResult(name, outcome, kind, line.done)


def split_dumps(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the dumps that the paths name or contain, and the paths to search for torrents."""
    named = [path for path in paths if path.suffix == ".jsonl" and not path.is_dir()]
    inside = [path / DUMP_FILE_NAME for path in paths if path.is_dir()]
    found = [path for path in inside if path.is_file() and not path.is_symlink()]
    return [*named, *found], [path for path in paths if path not in named]


def _message(refusal: Refusal) -> str:
    sentences = [sentence for each in refusal.fields.values() for sentence in each]
    return " ".join([str(refusal), *sentences])


class _Merging:
    """Lines that are merged at once: those of one kind, and of one group or author one after another."""

    def __init__(self, apply: Callable[[_Line], Awaitable[ImportResult]]) -> None:
        self._apply = apply
        self._kind = ""
        self._running: deque[tuple[object, asyncio.Task[ImportResult]]] = deque()
        self._last: dict[object, asyncio.Task[ImportResult]] = {}

    async def add(self, line: _Line) -> AsyncIterator[ImportResult]:
        """Begin a line, and yield what became of those before it, as far as it had to wait for them."""
        kind, values = ("", {}) if isinstance(line.values, Refusal) else line.values
        key = independent_part(kind, values)
        if key is None or kind != self._kind or len(self._running) >= _AT_ONCE:
            left = _AT_ONCE - 1 if key is not None and kind == self._kind else 0
            while len(self._running) > left:
                yield await self._oldest()
        self._kind = kind
        if key is None:
            yield await self._apply(line)
            return
        task = asyncio.create_task(self._apply_after(self._last.get(key), line))
        self._last[key] = task
        self._running.append((key, task))

    async def rest(self) -> AsyncIterator[ImportResult]:
        """Yield what became of all that are under way."""
        while self._running:
            yield await self._oldest()

    async def end(self) -> None:
        """Cancel what is under way."""
        for _, task in self._running:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._running), return_exceptions=True)

    async def _oldest(self) -> ImportResult:
        key, task = self._running[0]
        result = await task
        self._running.popleft()
        if self._last.get(key) is task:
            del self._last[key]
        return result

    async def _apply_after(self, before: asyncio.Task[ImportResult] | None, line: _Line) -> ImportResult:
        if before is not None:
            await asyncio.wait([before])
        return await self._apply(line)


class _LineReader:
    """The lines of a file, read by one thread at a time; `close` waits for the running one."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._lines = _lines(path)

    def next_batch(self) -> list[_Line]:
        with self._lock:
            return list(islice(self._lines, _BATCH))

    def close(self) -> None:
        with self._lock:
            self._lines.close()


def _lines(path: Path) -> Generator[_Line, None, None]:
    try:
        with open_regular_file(path) as file:
            if not is_header(file.readline(LONGEST_LINE)):
                raise Refusal("unreadable", "its first line is not that of a written catalogue")
            for number in range(2, MOST_LINES):
                line = file.readline(LONGEST_LINE + 1)
                if not line:
                    return
                yield _Line(number, _parse(line, file), file.tell())
    except Refusal as refusal:
        yield _Line(1, refusal, 0)
    except OSError as error:
        yield _Line(1, Refusal("unreadable", describe_error(error)), 0)


def _parse(line: bytes, file: IO[bytes]) -> tuple[str, Mapping[str, object]] | Refusal:
    if len(line) > LONGEST_LINE:
        while line and not line.endswith(b"\n"):
            line = file.readline(_PIECE)
        return Refusal("too-large", f"a line has at most {LONGEST_LINE} bytes")
    try:
        return read_line(line)
    except Refusal as refusal:
        return refusal
