"""The whole service in this process, over real sockets, to be asked for stored files."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bittorrent.infohash import InfoHash
from catalogue.store import UNRESTRICTED_VIEWER
from doors.files import isolate_files_host
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.setting_values import ListenAddress
from peerage.sockets import BoundAddress, bind
from peerage.wiring.application import Application
from tests.support.application import open_test_application, settings_in
from tests.support.services import NameAsTitle

PATIENCE = 60


@dataclass
class FileService:
    """A running service."""

    application: Application
    listeners: Listeners
    bound: BoundAddress

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.bound.port

    async def add(self, data: bytes) -> str:
        """Upload a torrent, and return its infohash in upper case."""
        accepted = await self.application.torrents.uploads.accept(data, "test")
        return accepted.infohash.upper

    async def hide(self, infohash: str, *, hidden: bool = True) -> None:
        """Hide a torrent as a moderator does, or show it again."""
        catalogue = self.application.catalogue_records
        known = await catalogue.store.torrents.torrent(InfoHash.parse(infohash), UNRESTRICTED_VIEWER)
        assert known is not None
        await catalogue.torrents.mark(known.id, hidden=hidden)

    async def ask(self, request: bytes) -> bytes:
        """Send bytes on a new connection, and return all that comes back until its end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(), PATIENCE)
        finally:
            writer.transport.abort()

    async def get(self, target: str, *headers: str, method: str = "GET") -> bytes:
        """Ask for a target on a connection of its own."""
        lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]
        return await self.ask("\r\n".join(lines).encode("latin-1"))

    @property
    def answered(self) -> int:
        """How many requests for files native code answered."""
        return self.listeners.file_counts()[0]


@asynccontextmanager
async def file_service(
    folder: Path,
    *,
    door: str = "native",
    memory: int = 64 << 20,
    public_url: str | None = None,
    **tables: Any,
) -> AsyncIterator[FileService]:
    """Serve with a door and so much memory for finished answers; `tables` are more settings."""
    tables = {**tables, "cache": {"memory": memory, "min_free_disk": 0, **tables.get("cache", {})}}
    tables["tracker"] = {"door": door, "threads": 2}
    settings = replace(settings_in(folder, **tables), public_url=public_url)
    async with open_test_application(settings, time.time, release_parser=NameAsTitle()) as application:
        bound = bind([ListenAddress("127.0.0.1", 0)], lenient=False)
        listeners, ready = Listeners(application), asyncio.Event()
        app = isolate_files_host(
            make_app(application, listeners), settings.downloads.files_url, settings.public_url
        )

        async def opened() -> None:
            ready.set()

        server = listeners.server(app, bound, opened)
        task = asyncio.create_task(server.serve(sockets=[]))
        try:
            await ready.wait()
            yield FileService(application, listeners, bound[0])
        finally:
            server.stop()
            await asyncio.wait_for(task, PATIENCE)
            for each in bound:
                each.close()


def status(answer: bytes) -> int:
    """The status of an answer."""
    return int(answer[9:12])


def body(answer: bytes) -> bytes:
    """What follows the head of an answer."""
    return answer.partition(b"\r\n\r\n")[2]


async def all_of(calls: Sequence[Coroutine[Any, Any, bytes]]) -> list[bytes]:
    """Await all of them beside each other."""
    return list(await asyncio.gather(*calls))
