"""Runs a command: in the server that owns the data folder, or in this process where no server runs."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from bittorrent.refusal import Refusal
from peerage.commands.command import Command, encode
from peerage.imports import uncollected
from storage.data_folder import DataFolder, FolderError, FolderInUse

if TYPE_CHECKING:
    from peerage.config import Settings

_LINE_LIMIT = 2**20
_UMASK = 0o077  # as the service

A = TypeVar("A")
R = TypeVar("R")

_Records = AsyncGenerator[dict[str, Any], None]


class CommandFailed(Exception):
    """The command could not be run, or the server broke off; the text says what to do."""


class CommandRefused(Exception):
    """The command was refused, with a code and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"refused ({code}): {text}")
        self.code = code


async def run_command(
    settings: "Settings", command: Command[A, R], arguments: A, operator: str
) -> AsyncGenerator[R, None]:
    """Run a command and yield its records.

    CommandFailed: the folder is not there, is unusable, or is owned by a process that cannot be spoken to.
    CommandRefused: the last record was a refusal.
    """
    folder = DataFolder(settings.data)
    if not folder.path.is_dir() and not command.creates_folder:
        raise CommandFailed(f"there is no data folder at {folder.path}: name it with --data")
    given = {**encode(arguments), "by": operator}
    connection = await _connect(folder)
    if connection is not None:
        records = _ask_server(*connection, command.name, given)
    elif command.run_closed is not None:
        records = _run_closed(settings, command, arguments)
    else:
        records = _run_here(settings, command, given)
    async with aclosing(records):
        async for record in records:
            if "refused" in record:
                raise CommandRefused(record["refused"], record["text"])
            yield command.decode_record(record)


async def _connect(folder: DataFolder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Reach the server's socket; None when nobody listens there."""
    try:
        return await asyncio.open_unix_connection(folder.control_socket, limit=_LINE_LIMIT)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except FolderError:
        return None  # opening the folder raises it again, with the reason
    except OSError as error:
        raise CommandFailed(f"the server's control socket in {folder.path}: {error.strerror}") from error
    finally:
        folder.release()


async def _ask_server(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, given: Mapping[str, Any]
) -> _Records:
    try:
        writer.write(json.dumps({"command": name, "arguments": given}).encode() + b"\n")
        await writer.drain()
        while line := await reader.readline():
            record = json.loads(line)
            if record == {"end": True}:
                return
            yield record
    except (ConnectionError, ValueError) as error:
        raise CommandFailed(f"the server broke the connection off: {error}") from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    raise CommandFailed("the server stopped before it was done; what it reported is done")


async def _run_closed(settings: "Settings", command: Command[A, R], arguments: A) -> _Records:
    assert command.run_closed is not None
    os.umask(_UMASK)
    try:
        async for record in command.run_closed(settings, arguments):
            yield encode(record)
    except (Refusal, OSError) as error:
        raise CommandFailed(str(error)) from error


async def _run_here(settings: "Settings", command: Command[Any, Any], given: Mapping[str, Any]) -> _Records:
    # A command that a server runs needs none of this, and is done long before it is imported.
    with uncollected():
        from msgspec.structs import replace  # noqa: PLC0415

        from doors.control import execute_command  # noqa: PLC0415
        from peerage.commands.handlers import control_commands  # noqa: PLC0415
        from peerage.logs import configure_logs  # noqa: PLC0415
        from peerage.wiring.application import open_application  # noqa: PLC0415
        from peerage.wiring.environment import NoNativeStore  # noqa: PLC0415
        from storage.database import DatabaseError  # noqa: PLC0415
        from tracker.geo import GeoError  # noqa: PLC0415

    quiet = replace(settings.log, level="warning")
    configure_logs(settings.log if settings.log.level == "error" else quiet)
    os.umask(_UMASK)
    try:
        async with open_application(settings, started=command.starts, serves=False) as application:
            if command.reads_files:
                await application.cache.reconcile()
            if command.counts_swarms:
                await application.count_swarms()
            handlers = control_commands(application, [command])
            async with aclosing(execute_command(handlers, command.name, given)) as records:
                async for record in records:
                    yield record
    except FolderInUse as error:
        raise CommandFailed(
            f"{error}, which has no control socket: wait until it has ended, or stop it"
        ) from error
    except (FolderError, DatabaseError, GeoError, NoNativeStore) as error:
        raise CommandFailed(str(error)) from error
