"""The running service: sockets, routes and timers of one process, from start to the last flush."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import structlog
import uvloop

from doors.held_requests import LateApplication
from peerage.allocator import tune_allocator, tune_interpreter
from peerage.config import Settings
from peerage.descriptors import prepare_descriptors
from peerage.listeners import Listeners, Server
from peerage.live_settings import LiveSettings
from peerage.logs import configure_logs
from peerage.setting_values import ListenAddress
from peerage.signal_requests import REQUESTS, STOP, SignalRequests
from peerage.sockets import BoundAddress, bind, inherited
from peerage.wiring.application import Application, open_application
from tasks.fair_executor import FairExecutor

Ready = Callable[[Application, Sequence[BoundAddress]], None]

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Threads for what would stop the event loop: as many as asyncio has by itself."""
_UMASK = 0o077  # what the service writes is its user's alone

log = structlog.get_logger()


def run(settings: Settings, ready: Ready, read: Callable[[], Settings]) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything is written and closed. `read` reads the settings again.

    Raises BindError, FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore, NoNativeDoor.
    """
    os.umask(_UMASK)
    for number in REQUESTS:  # none ends the process before it is ready
        signal.signal(number, signal.SIG_IGN)
    tune_allocator()
    tune_interpreter()
    prepare_descriptors(settings)
    uvloop.run(serve(settings, ready, read))


async def serve(settings: Settings, ready: Ready, read: Callable[[], Settings]) -> None:
    """Serve one data folder over every door until a signal; `ready` is called when all are open."""
    asyncio.get_running_loop().set_default_executor(FairExecutor(_THREADS, "work"))
    async with open_application(settings, started=False) as application, AsyncExitStack() as stack:
        await application.prepare_announces()
        log.info("swarms.store", store=application.tracker.tracker.store.name, asked=settings.tracker.store)
        bound = inherited(os.environ, os.getpid())
        if bound:
            log.info("sockets.inherited", addresses=[each.authority for each in bound])
        else:
            bound = bind(settings.listen, lenient=settings.listen_is_default)
        alone = bind(settings.qbittorrent.listen, lenient=False) if settings.qbittorrent.listen else []
        for each in (*bound, *alone):
            stack.callback(each.close)
        application.listening = tuple(ListenAddress(each.host, each.port) for each in bound)
        listeners = Listeners(application)
        application.take_sample = listeners.take_sample
        live = LiveSettings(settings, read)
        live.on_change(dict.fromkeys(("log.level", "log.format"), lambda given: configure_logs(given.log)))
        await stack.enter_async_context(listeners.serve_udp([*bound, *alone]))
        application.tracker.tracker.restoring = True
        finished, app = asyncio.Event(), LateApplication()

        async def opened() -> None:
            """Make what answers more than announces, which are answered by now."""
            from peerage.background import timers  # noqa: PLC0415 - which takes half a second, as what is below
            from peerage.routes import make_served  # noqa: PLC0415

            await application.load_jobs()
            ports = frozenset(each.port for each in alone)
            app.become(make_served(application, listeners, finished, ports, live))
            await application.accounts.one_time_links.open(application.listening)
            await stack.enter_async_context(timers(application, listeners, finished, server.stop))
            await _start_control(application, stack)
            for each in alone:
                log.info("qbittorrent.open", address=each.authority)
            ready(application, bound)

        server = listeners.server(app, [*bound, *alone], opened)
        await _until_signal(application, server, live)
        log.info("service.stopping")


async def _start_control(application: Application, stack: AsyncExitStack) -> None:
    """Answer commands at the control socket until the end."""
    from doors.control import ControlServer  # noqa: PLC0415 - once announces are answered
    from peerage.commands.handlers import control_commands  # noqa: PLC0415
    from peerage.commands.registry import every_command  # noqa: PLC0415

    commands = control_commands(application, every_command().values())
    control = ControlServer(commands, application.stores.folder.control_socket)
    await control.start()
    stack.push_async_callback(control.close)


async def _until_signal(application: Application, server: Server, live: LiveSettings) -> None:
    """Serve HTTP until a signal; the first one to stop does so gracefully, the second at once.

    After that none has an effect: the last flush is under way.
    """
    loop = asyncio.get_running_loop()
    requests = SignalRequests(application, live)
    handlers = {**dict.fromkeys(STOP, server.stop), **requests.handlers()}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        await server.serve(sockets=[])
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        await requests.close()
