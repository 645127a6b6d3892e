"""Hides how an operator's command reaches the running server: JSON lines over a Unix socket of mode 600.

A client sends one line, {"deed": name, "arguments": {...}}, and reads records until {"end": true}.
"""

import asyncio
import json
import os
import socket
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, cast

import structlog

from bittorrent.refusal import Refusal

Deed = Callable[[Mapping[str, Any]], AsyncIterator[dict[str, Any]]]

LINE_LIMIT = 2**20
_CLIENTS = 16
_PATIENCE = 10.0
END = {"end": True}

log = structlog.get_logger()


def refused(refusal: Refusal) -> dict[str, Any]:
    """Write a refusal as a record, what is wrong with which field included."""
    faults = [f"{field}: {' '.join(sentences)}" for field, sentences in refusal.fields.items()]
    return {"refused": refusal.code, "text": " ".join([str(refusal), *faults])}


async def perform(
    deeds: Mapping[str, Deed], name: str, arguments: Mapping[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """Do one deed and yield its records; a refusal, an unknown deed and a failure are records as well."""
    if name not in deeds:
        yield refused(Refusal("bad-request", f"the deeds are {', '.join(sorted(deeds))}"))
        return
    records = cast("AsyncGenerator[dict[str, Any], None]", deeds[name](arguments))
    try:
        async with aclosing(records):
            async for record in records:
                yield record
    except Refusal as refusal:
        yield refused(refusal)
    except OSError as error:
        yield refused(
            Refusal("internal", f"{error.strerror}: {error.filename}" if error.filename else str(error))
        )
    except Exception:
        log.exception("control.failed", deed=name)
        yield refused(Refusal("internal"))


class ControlServer:
    """Serves deeds on a Unix socket, one a connection.

    `patience` is the time in seconds that a client has to say what it wants; more than `clients` at once are sent
    away as `busy`, and twice as many without a word. A client that goes away ends its deed.
    """

    def __init__(
        self, deeds: Mapping[str, Deed], path: Path, *, clients: int = _CLIENTS, patience: float = _PATIENCE
    ) -> None:
        self._deeds = deeds
        self._path = path
        self._clients = clients
        self._patience = patience
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket that a dead server left behind is replaced. OSError: the folder does not allow it."""
        listening = _listen(self._path)
        self._server = await asyncio.start_unix_server(self._meet, sock=listening, limit=LINE_LIMIT)

    async def close(self) -> None:
        """Stop listening, end every deed under way, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer in a task of our own, so that its cancellation is ours to see."""
        if len(self._running) >= 2 * self._clients:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                await self._answer(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await self._hear(reader)
            # Busy is said only now: to close upon unread bytes would lose the answer.
            if len(self._running) > self._clients:
                raise Refusal("busy")
            name, arguments = _parse(line)
        except Refusal as refusal:
            await _send(writer, refused(refusal))
            await _send(writer, END)
            return
        log.info("control.deed", deed=name if name in self._deeds else "unknown")
        await _first(self._report(name, arguments, writer), _gone(reader))

    async def _hear(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                return await reader.readline()
        except TimeoutError:
            raise Refusal("bad-request", "no request came") from None
        except ValueError:
            raise Refusal("bad-request", f"a request is one line of at most {LINE_LIMIT} bytes") from None

    async def _report(self, name: str, arguments: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            async with aclosing(perform(self._deeds, name, arguments)) as records:
                async for record in records:
                    await _send(writer, record)
            await _send(writer, END)


def _listen(path: Path) -> socket.socket:
    """Bind inside a folder of mode 700 and move the socket into place: at no moment can others reach it."""
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as private:
        draft = Path(private) / "s"  # no longer than control.sock, since a socket's path is short
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(os.fspath(draft))
            draft.chmod(0o600)
            listening.listen()
            listening.setblocking(False)
            draft.replace(path)
        except OSError:
            listening.close()
            raise
    return listening


def _parse(line: bytes) -> tuple[str, Mapping[str, Any]]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise Refusal("bad-request", "a request is one line of JSON") from None
    if not isinstance(request, dict):
        raise Refusal("bad-request", "a request is a JSON object")
    name, arguments = request.get("deed"), request.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict) or request.keys() - {"deed", "arguments"}:
        raise Refusal("bad-request", "a request holds a deed and its arguments")
    return name, arguments


async def _send(writer: asyncio.StreamWriter, record: Mapping[str, Any]) -> None:
    writer.write(json.dumps(record).encode() + b"\n")
    await writer.drain()


async def _gone(reader: asyncio.StreamReader) -> None:
    """Return when the client has gone away, or said more than it may."""
    with suppress(ConnectionError):
        await reader.read(1)


async def _first(*works: Coroutine[None, None, None]) -> None:
    """Run all until the first one is done, then end the others and wait for their end."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
