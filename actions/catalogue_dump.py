"""The catalogue dump: writing the catalogue to a JSON Lines file; `catalogue_dump_import` reads such a file."""

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import IO

from accounts.store import AccountStore
from actions.catalogue_dump_lines import DUMP_FILE_NAME, write_line
from actions.catalogue_export import CatalogueExport
from catalogue.store import CatalogueStore

_BATCH = 200


class CatalogueDump:
    """Writes dumps of the catalogue."""

    def __init__(self, store: CatalogueStore, accounts: AccountStore) -> None:
        self._store = store
        self._accounts = accounts

    async def write(self, folder: Path) -> int:
        """Write the whole catalogue to a file in a folder, mode 600; return how many lines it has.

        It replaces an earlier one atomically. OSError: the folder cannot be made or written.
        """
        temporary = _TemporaryFile(folder / DUMP_FILE_NAME)
        try:
            await asyncio.to_thread(temporary.open)
            count, batch = 0, []
            async with aclosing(CatalogueExport(self._store, self._accounts).lines()) as lines:  # type: ignore[type-var]
                async for line in lines:
                    batch.append(write_line(line))
                    if len(batch) >= _BATCH:
                        await asyncio.to_thread(temporary.write, batch)
                        count, batch = count + len(batch), []
            await asyncio.to_thread(temporary.write, batch)
            await asyncio.to_thread(temporary.finish)
        finally:
            await asyncio.shield(asyncio.to_thread(temporary.close))
        return count + len(batch)


class _TemporaryFile:
    """A file that is renamed into place when finished, used by one thread at a time.

    Opening happens in a thread that outlives a cancelled caller: what is closed before is not opened any more.
    """

    def __init__(self, target: Path) -> None:
        self._lock = threading.Lock()
        self._target = target
        self._path = target.with_name(f".{target.name}.part")
        self._out: IO[bytes] | None = None
        self._closed = False

    def open(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._out = os.fdopen(os.open(self._path, flags, 0o600), "wb")

    def write(self, lines: Sequence[bytes]) -> None:
        with self._lock:
            if self._out is not None:
                self._out.writelines(lines)

    def finish(self) -> None:
        with self._lock:
            if self._out is not None:
                self._out.flush()
                os.fsync(self._out.fileno())
                self._path.replace(self._target)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._out is not None:
                self._out.close()
                self._out = None
                self._path.unlink(missing_ok=True)
