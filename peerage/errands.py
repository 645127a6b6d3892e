"""Hides who does an operator's deed: the server that owns the data folder, or this process when none does."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from pathlib import Path
from typing import Any, Protocol

from doors.control import LINE_LIMIT, perform
from peerage.config import Settings
from peerage.deeds import Rooms, deeds
from peerage.stores import NoNativeStore
from storage.database import DatabaseError
from storage.folder import DataFolder, FolderError, FolderInUse
from tracker.geo import GeoError

# Deeds that may begin a data folder; any other on a folder that is not there is a slip of the pen.
_BEGINNERS = frozenset({"import", "titles", "block", "allow", "user-add"})
# Deeds that read the swarms, which otherwise need not be brought back for a moment's work.
_ABOUT_SWARMS = frozenset({"stats"})

Records = AsyncGenerator[dict[str, Any], None]


class ErrandFailed(Exception):
    """The deed could not be handed to anyone, or its doer went away; the text says what to do."""


class OwnRooms(Rooms, Protocol):
    """Rooms over a data folder that this process owns."""

    async def restore(self) -> None:
        """Bring the swarms back."""


Opener = Callable[[Settings], AbstractAsyncContextManager[OwnRooms]]


async def run(settings: Settings, deed: str, arguments: Mapping[str, Any], open_rooms: Opener) -> Records:
    """Do a deed by the server where one runs, else on the folder itself, and yield its records.

    ErrandFailed: the folder is not there, is unusable, or is owned by a process that cannot be spoken to.
    """
    folder = DataFolder(settings.data)
    if not folder.path.is_dir() and deed not in _BEGINNERS:
        raise ErrandFailed(f"there is no data folder at {folder.path}: name it with --data")
    connection = await _connect(folder)
    if connection is not None:
        records = _ask(*connection, deed, arguments)
    else:
        records = _do(settings, deed, arguments, open_rooms)
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
        return None  # said again, and better, by who opens the folder
    except OSError as error:
        raise ErrandFailed(f"the server's control socket in {folder.path}: {error.strerror}") from error
    finally:
        folder.release()


async def _open(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(path, limit=LINE_LIMIT)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deed: str, arguments: Mapping[str, Any]
) -> Records:
    try:
        writer.write(json.dumps({"deed": deed, "arguments": dict(arguments)}).encode() + b"\n")
        await writer.drain()
        while line := await reader.readline():
            record = json.loads(line)
            if record == {"end": True}:
                return
            yield record
    except (ConnectionError, ValueError) as error:
        raise ErrandFailed(f"the server broke the connection off: {error}") from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    raise ErrandFailed("the server stopped before it was done; what it reported is done")


async def _do(settings: Settings, deed: str, arguments: Mapping[str, Any], open_rooms: Opener) -> Records:
    try:
        async with open_rooms(settings) as rooms:
            if deed in _ABOUT_SWARMS:
                await rooms.restore()
            async with aclosing(perform(deeds(rooms), deed, arguments)) as records:
                async for record in records:
                    yield record
    except FolderInUse as error:
        raise ErrandFailed(
            f"{error}, which has no control socket: wait until it is done, or stop it"
        ) from error
    except (FolderError, DatabaseError, GeoError, NoNativeStore) as error:
        raise ErrandFailed(str(error)) from error
