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
from doors.cache import routes as cache_routes
from doors.request_limits import RateLimiter
from doors.security_headers import SecurityHeaders
from doors.upload_admission import CacheCounters, UploadAdmission
from peerage.wiring.application import Application
from soap.door import routes as soap_routes
from tests.actions.conftest import NameAsTitle
from tests.support.admission import make_admission
from tests.support.application import open_test_application, settings_in


@dataclass
class CacheServer:
    """The routes on a loopback port; `run` awaits a coroutine in their event loop."""

    url: str
    port: int
    loop: asyncio.AbstractEventLoop
    takedowns: Takedowns
    uploads: UploadAdmission

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
) -> Iterator[CacheServer]:
    """Serve from an event loop in a thread until the block ends."""
    ready: list[CacheServer] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    settings = settings_in(folder, cache={"max_torrent_size": limit, "max_files": max_files})

    async def main() -> None:
        async with open_test_application(settings, time.time, release_parser=NameAsTitle()) as application:
            await serve(application)

    async def serve(application: Application) -> None:
        torrents, accounts = application.torrents, application.accounts
        checks = make_admission(
            accounts.accounts,
            application.rights,
            {},
            time.time,
            upload_limit=limit,
            public_url=public_url,
        )
        admitted = UploadAdmission(torrents.uploads, checks, RateLimiter(rate), CacheCounters())
        routes = [*cache_routes(torrents.cache, admitted, torrents.files), *soap_routes(admitted)]
        app = SecurityHeaders(Starlette(routes=routes))
        config = uvicorn.Config(app, ws="none", log_config=None, lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        ready.append(
            CacheServer(
                f"http://127.0.0.1:{port}", port, asyncio.get_running_loop(), torrents.takedowns, admitted
            )
        )
        served = asyncio.create_task(server.serve([listener]))
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await served
        listener.close()

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
