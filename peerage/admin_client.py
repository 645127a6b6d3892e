"""The client of administration commands: asks the server that owns the data folder, or runs the command itself."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from pathlib import Path
from typing import Any, Protocol

from doors.control import LINE_LIMIT, execute_command
from peerage.admin_commands import AdminServices, admin_commands
from peerage.config import Settings
from peerage.wiring.swarm_store import NoNativeStore
from storage.data_folder import DataFolder, FolderError, FolderInUse
from storage.database import DatabaseError
from tracker.geo import GeoError

# Commands that may create a data folder; for any other, a folder that is not there is a mistake in --data.
_CREATE_FOLDER = frozenset({"import", "titles", "block", "allow", "user-add"})
# Commands that read the swarms, for which these are restored from the journal first.
_NEED_SWARMS = frozenset({"stats"})

Records = AsyncGenerator[dict[str, Any], None]


class CommandFailed(Exception):
    """The command could not be run, or the server broke off; the text says what to do."""


class OwnedApplication(AdminServices, Protocol):
    """The components over a data folder that this process owns."""

    async def restore(self) -> None:
        """Restore the swarms from the journal."""


ApplicationFactory = Callable[[Settings], AbstractAsyncContextManager[OwnedApplication]]


async def run_command(
    settings: Settings, command: str, arguments: Mapping[str, Any], open_application: ApplicationFactory
) -> Records:
    """Run a command in the server where one runs, else on the folder itself, and yield its records.

    CommandFailed: the folder is not there, is unusable, or is owned by a process that cannot be spoken to.
    """
    folder = DataFolder(settings.data)
    if not folder.path.is_dir() and command not in _CREATE_FOLDER:
        raise CommandFailed(f"there is no data folder at {folder.path}: name it with --data")
    connection = await _connect(folder)
    if connection is not None:
        records = _ask_server(*connection, command, arguments)
    else:
        records = _run_here(settings, command, arguments, open_application)
    async with aclosing(records):
        async for record in records:
            yield record


async def _connect(folder: DataFolder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Reach the server's socket; None when nobody listens there."""
    try:
        return await _open(folder.control_socket)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except FolderError:
        return None  # opening the folder raises it again, with the reason
    except OSError as error:
        raise CommandFailed(f"the server's control socket in {folder.path}: {error.strerror}") from error
    finally:
        folder.release()


async def _open(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(path, limit=LINE_LIMIT)


async def _ask_server(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, command: str, arguments: Mapping[str, Any]
) -> Records:
    try:
        writer.write(json.dumps({"command": command, "arguments": dict(arguments)}).encode() + b"\n")
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


async def _run_here(
    settings: Settings, command: str, arguments: Mapping[str, Any], open_application: ApplicationFactory
) -> Records:
    try:
        async with open_application(settings) as application:
            if command in _NEED_SWARMS:
                await application.restore()
            async with aclosing(execute_command(admin_commands(application), command, arguments)) as records:
                async for record in records:
                    yield record
    except FolderInUse as error:
        raise CommandFailed(
            f"{error}, which has no control socket: wait until it has ended, or stop it"
        ) from error
    except (FolderError, DatabaseError, GeoError, NoNativeStore) as error:
        raise CommandFailed(str(error)) from error
