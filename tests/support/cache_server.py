"""Serves the cache's routes and SOAP in this process, over real stores and a real socket."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from actions.takedowns import Takedowns
from actions.uploads import Uploads
from cache.torrents import Quota, TorrentCache
from doors.cache import routes as cache_routes
from doors.client_address import ClientAddress
from doors.request_limits import BodyMemory, RateLimiter
from doors.upload_admission import CacheCounters, UploadAdmission
from lists.infohashes import Lists
from soap.door import routes as soap_routes
from storage import schema
from storage.cache_records import SqlCacheRecords
from storage.files import FileBlobs
from storage.lists import SqlListEntries
from tests.actions.conftest import NameAsTitle
from tests.support.catalogue import CatalogueSetup
from tests.support.databases import open_database


class NoPolicy:
    """A tracker policy that ignores every change."""

    def allow(self, infohashes):
        pass

    deny = undeny = disallow = allow

    def join(self, alias, canonical):
        pass


@dataclass
class CacheServer:
    """The routes on a loopback port; `run` awaits a coroutine in their event loop."""

    url: str
    port: int
    loop: asyncio.AbstractEventLoop
    takedowns: Takedowns
    admission: UploadAdmission

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await in the service's loop and return what came of it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def exchange(self, request: bytes) -> bytes:
        """Send bytes over a new connection and return all that comes until its end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@contextlib.contextmanager
def serving(
    folder: Path,
    *,
    limit: int = 10 << 20,
    rate: str = "1000/minute",
    public_url: str | None = None,
    max_files: int = 1000,
    memory: int = 256 << 20,
) -> Iterator[CacheServer]:
    """Serve from an event loop in a thread until the block ends."""
    ready: list[CacheServer] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    async def main() -> None:
        database = await open_database(folder / "peerage.db", schema.PEERAGE, "FULL")
        blobs = FileBlobs(folder / "torrents")
        await blobs.open()
        cache = TorrentCache(blobs, SqlCacheRecords(database), Quota(max_files, 1 << 40, 0), time.time)
        catalogue = CatalogueSetup(database).catalogue
        takedowns = Takedowns(cache, catalogue, Lists(SqlListEntries(database)), NoPolicy(), time.time)
        uploads = Uploads(cache, takedowns, catalogue, NameAsTitle(), time.time, limit=limit)
        clients = ClientAddress([], "x-forwarded-for")
        admission = UploadAdmission(
            uploads, clients, RateLimiter(rate), BodyMemory(memory), CacheCounters(), public_url
        )
        app = Starlette(routes=[*cache_routes(cache, admission), *soap_routes(admission)])
        config = uvicorn.Config(app, ws="none", log_config=None, lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        ready.append(
            CacheServer(f"http://127.0.0.1:{port}", port, asyncio.get_running_loop(), takedowns, admission)
        )
        serve = asyncio.create_task(server.serve([listener]))
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await serve
        listener.close()
        await database.close()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while not ready and not failed:
            thread.join(0.01)
        yield ready[0]
    finally:
        stop.set()
        thread.join()
