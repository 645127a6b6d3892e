"""What signals ask of the running service: to read its files again, to write the swarms, to tell figures."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping

import structlog

from peerage.config import SettingsError
from peerage.live_settings import LiveSettings
from peerage.wiring.application import Application
from tracker.flusher import FlushError
from tracker.geo import GeoError, countries

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
REQUESTS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

log = structlog.get_logger()


class SignalRequests:
    """Handlers of the signals that do not stop the service; each runs once at a time and ends nothing.

    SIGHUP reads the settings, the files of lists and the operator's database of countries again, SIGUSR1 writes the
    swarms now, SIGUSR2 writes figures into the log.
    """

    def __init__(self, application: Application, live: LiveSettings) -> None:
        self._application = application
        self._live = live
        self._running: dict[signal.Signals, asyncio.Task[None]] = {}

    def handlers(self) -> Mapping[signal.Signals, Callable[[], None]]:
        """Return a handler for each signal of `REQUESTS`."""
        work = dict(zip(REQUESTS, (self._reload, self._flush, self._tell), strict=True))
        return {number: lambda number=number, do=do: self._begin(number, do) for number, do in work.items()}  # type: ignore[misc]

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _begin(self, number: signal.Signals, work: Callable[[], Coroutine[None, None, None]]) -> None:
        running = self._running.get(number)
        if running is None or running.done():
            self._running[number] = asyncio.get_running_loop().create_task(work())

    async def _reload(self) -> None:
        try:
            change = self._live.apply(await asyncio.to_thread(self._live.read))
        except SettingsError as error:
            log.warning("settings.kept", problems=error.problems)
        else:
            if change.waiting:
                log.warning("settings.need_restart", settings=change.waiting)
            log.info("settings.read", changed=change.applied)
        await self._application.list_files.read(again=True)
        path = self._application.settings.census.database
        try:
            found = await asyncio.to_thread(countries, path)
        except GeoError as error:
            log.warning("service.reload_failed", error=str(error))
            return
        self._application.tracker.census.use_countries(found)
        log.info("service.reloaded", countries=str(path) if path is not None else "bundled")

    async def _flush(self) -> None:
        try:
            await self._application.tracker.flusher.flush()
        except FlushError as error:
            log.warning("swarms.flush_failed", error=str(error), cause=str(error.__cause__))
            return
        log.info("swarms.flushed", rows=self._application.tracker.flusher.flushes.rows)

    async def _tell(self) -> None:
        totals = self._application.tracker.tracker.store.totals()
        log.info(
            "service.figures",
            swarms=totals.torrents,
            peers=totals.peers,
            restoring=self._application.tracker.tracker.restoring,
            tasks=len(asyncio.all_tasks()),
        )
