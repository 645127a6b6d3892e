"""The control socket: an operator's commands to the running server, as JSON lines over a Unix socket of mode 600.

A client sends one line, {"command": name, "arguments": {...}}, and reads records until {"end": true}.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, cast

import structlog

from bittorrent.refusal import Refusal

ControlCommand = Callable[[Mapping[str, Any]], AsyncIterator[dict[str, Any]]]

LINE_LIMIT = 2**20
_MAX_CLIENTS = 16
_REQUEST_TIMEOUT = 10.0
END = {"end": True}

log = structlog.get_logger()


def refused(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as a record, the faults of its fields included."""
    faults = [f"{field}: {' '.join(sentences)}" for field, sentences in refusal.fields.items()]
    return {"refused": refusal.code, "text": " ".join([str(refusal), *faults])}


async def execute_command(
    commands: Mapping[str, ControlCommand], name: str, arguments: Mapping[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """Run one command and yield its records; a refusal, an unknown command and a failure are records as well."""
    if name not in commands:
        yield refused(Refusal("bad-request", f"the commands are {', '.join(sorted(commands))}"))
        return
    records = cast("AsyncGenerator[dict[str, Any], None]", commands[name](arguments))
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
        log.exception("control.failed", command=name)
        yield refused(Refusal("internal"))


class ControlServer:
    """Serves commands on a Unix socket, one per connection.

    A client has `patience` seconds to send its request. More than `clients` connections at once are refused as
    `busy`, more than twice as many are closed unanswered. A client that disconnects cancels its command.
    """

    def __init__(
        self,
        commands: Mapping[str, ControlCommand],
        path: Path,
        *,
        clients: int = _MAX_CLIENTS,
        patience: float = _REQUEST_TIMEOUT,
    ) -> None:
        self._commands = commands
        self._path = path
        self._clients = clients
        self._patience = patience
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; the socket file of a server that has died is replaced. OSError: the folder is not writable."""
        listening = _listen(self._path)
        self._server = await asyncio.start_unix_server(self._accept, sock=listening, limit=LINE_LIMIT)

    async def close(self) -> None:
        """Stop listening, cancel every running command, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle a connection in a task of our own, which `close` can cancel and await."""
        if len(self._running) >= 2 * self._clients:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                await self._respond(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await self._read_request(reader)
            # Refused only now: closing a socket with unread bytes would lose the answer.
            if len(self._running) > self._clients:
                raise Refusal("busy")
            name, arguments = _parse(line)
        except Refusal as refusal:
            await _send(writer, refused(refusal))
            await _send(writer, END)
            return
        log.info("control.command", command=name if name in self._commands else "unknown")
        await _first(self._run(name, arguments, writer), _disconnected(reader))

    async def _read_request(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                return await reader.readline()
        except TimeoutError:
            raise Refusal("bad-request", "no request came") from None
        except ValueError:
            raise Refusal("bad-request", f"a request is one line of at most {LINE_LIMIT} bytes") from None

    async def _run(self, name: str, arguments: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            async with aclosing(execute_command(self._commands, name, arguments)) as records:
                async for record in records:
                    await _send(writer, record)
            await _send(writer, END)


def _listen(path: Path) -> socket.socket:
    """Bind inside a folder of mode 700 and move the socket into place, so that it is never open to others."""
    import tempfile  # noqa: PLC0415 - a command that runs here listens nowhere

    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as private:
        temporary = Path(private) / "s"  # no longer than control.sock, since a socket's path is short
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(os.fspath(temporary))
            temporary.chmod(0o600)
            listening.listen()
            listening.setblocking(False)
            temporary.replace(path)
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
    name, arguments = request.get("command"), request.get("arguments", {})
    if (
        not isinstance(name, str)
        or not isinstance(arguments, dict)
        or request.keys() - {"command", "arguments"}
    ):
        raise Refusal("bad-request", "a request holds 'command' and 'arguments'")
    return name, arguments


async def _send(writer: asyncio.StreamWriter, record: Mapping[str, Any]) -> None:
    writer.write(json.dumps(record).encode() + b"\n")
    await writer.drain()


async def _disconnected(reader: asyncio.StreamReader) -> None:
    """Return when the client has disconnected or sent something after its request."""
    with suppress(ConnectionError):
        await reader.read(1)


async def _first(*coroutines: Coroutine[None, None, None]) -> None:
    """Run all until the first one is done, then cancel and await the others."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
