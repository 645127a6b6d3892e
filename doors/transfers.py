"""Content transfers: a limit on how many run at once, and response bodies read in threads."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bittorrent.refusal import Refusal
from downloads.model import ContentFile

if TYPE_CHECKING:  # it needs what the extra `downloads` installs
    from downloads.zip_archive import ZipArchive

_PIECE = 256 << 10
"""Bytes of a transfer that are in memory at once."""

OpenFile = Callable[[ContentFile], Awaitable[int]]
"""Opens a file and returns its descriptor. Refusal: `not-found`."""

log = structlog.get_logger()


class FileVanished(Exception):
    """A file has ended early or is no longer readable."""


class Transfers:
    """Limits open transfers: `most` at once, and `most_per_account` of them for one account."""

    def __init__(self, most: int, most_per_account: int) -> None:
        self._most = most
        self._most_per_account = most_per_account
        self._open: Counter[int] = Counter()

    @property
    def open(self) -> int:
        """The number of open transfers."""
        return self._open.total()

    @contextmanager
    def slot(self, account: int) -> Iterator[None]:
        """Hold a slot for as long as the block runs. Refusal: `busy`, `too-many-requests`."""
        if self._open[account] >= self._most_per_account:
            raise Refusal("too-many-requests", f"{self._most_per_account} transfers of the account are open")
        if self.open >= self._most:
            raise Refusal("busy")
        self._open[account] += 1
        try:
            yield
        finally:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]


class FileReader:
    """A descriptor that threads read from; `close` does not wait for a read in progress, which then closes it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = Lock()
        self._reading = False
        self._closed = False

    @property
    def size(self) -> int:
        """The current size of the file in bytes."""
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on, at least one. Raises Vanished."""
        with self._lock:
            if self._closed:
                raise FileVanished
            self._reading = True
        try:
            data = os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise FileVanished from error
        finally:
            self._end_read()
        if not data:
            raise FileVanished
        return data

    def _end_read(self) -> None:
        with self._lock:
            self._reading = False
            if self._closed:
                os.close(self._descriptor)

    def close(self) -> None:
        """Close the descriptor, now or at the end of the read in progress."""
        with self._lock:
            if not self._closed and not self._reading:
                os.close(self._descriptor)
            self._closed = True

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the first `size` bytes. Raises Vanished."""
        offset = 0
        while offset < size:
            piece = self.read(offset, min(_PIECE, size - offset))
            offset += len(piece)
            yield piece


async def file_body(reader: FileReader, asked: range) -> AsyncGenerator[bytes, None]:
    """Yield a range of a file's bytes. Raises Vanished."""
    offset = asked.start
    while offset < asked.stop:
        piece = await asyncio.to_thread(reader.read, offset, min(_PIECE, asked.stop - offset))
        offset += len(piece)
        yield piece


async def zip_body(
    archive: "ZipArchive", files: tuple[ContentFile, ...], open_file: OpenFile
) -> AsyncGenerator[bytes, None]:
    """Yield a zip, open_file one file after the other. Raises Vanished."""
    for file in files:
        reader = await open_reader(open_file, file)
        try:
            async with aclosing(_threaded(archive.entry(reader.pieces(file.size)))) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            reader.close()
    async with aclosing(_threaded(archive.end())) as pieces:
        async for piece in pieces:
            yield piece


async def open_reader(open_file: OpenFile, file: ContentFile) -> FileReader:
    """Open a file and check its size against the torrent's; cancellation leaves nothing open. Raises Vanished."""
    task = asyncio.ensure_future(open_file(file))
    try:
        reader = FileReader(await asyncio.shield(task))
    except asyncio.CancelledError:
        task.add_done_callback(_close_late)
        raise
    except Refusal as refusal:
        raise FileVanished from refusal
    if reader.size != file.size:
        reader.close()
        raise FileVanished
    return reader


def _close_late(task: asyncio.Future[int]) -> None:
    if not task.cancelled() and task.exception() is None:
        os.close(task.result())


async def _threaded(parts: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield an iterator's bytes in pieces, each read in a thread."""
    while piece := await asyncio.to_thread(_piece, parts):
        yield piece


def _piece(parts: Iterator[bytes]) -> bytes:
    """Return the next parts joined to about one piece, b"" at the end."""
    first = next(parts, b"")
    if len(first) >= _PIECE:
        return first
    joined = bytearray(first)
    for part in parts:
        joined += part
        if len(joined) >= _PIECE:
            break
    return bytes(joined)


class TransferResponse(StreamingResponse):
    """A streamed response of known length; `after` is closed at its end, complete or not."""

    def __init__(
        self, body: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str], after: ExitStack
    ) -> None:
        super().__init__(body, status, headers)
        self._body = body
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; if a file vanishes stop, and the server closes the connection before the full length."""
        with self._after:
            async with aclosing(self._body):
                try:
                    await super().__call__(scope, receive, send)
                except FileVanished:
                    log.warning("transfer.cut")
