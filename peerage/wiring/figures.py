"""Makes what keeps the service's figures over time, and how it works."""

import asyncio
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from peerage.wiring.tracker import figures_not_kept
from storage.figures import SqlFigures
from tracker.figure_history import FigureHistory, Figures

if TYPE_CHECKING:
    from peerage.wiring.application import Application


def make_history(application: "Application") -> FigureHistory:
    """Return the history of an application's figures."""

    async def take() -> Figures:
        known = await application.catalogue_records.store.statistics.totals()
        swarms = application.tracker.tracker.store.totals()
        rates = application.request_rates()
        by_transport = [rates.get(name, 0) for name in ("http", "udp", "websocket")]
        counts = (swarms.peers, swarms.complete, swarms.torrents)
        return Figures(known.torrents, known.size, *counts, *by_transport)

    async def work() -> Mapping[str, int]:
        usage = await asyncio.to_thread(shutil.disk_usage, application.stores.folder.path)
        _, stored = await application.cache.totals()
        fetching, waiting = application.jobs.queue_lengths()
        return {
            "disk": usage.free,
            "stored": stored,
            "uploads": application.uploads.accepted,
            "flush": round(application.tracker.flusher.flushes.seconds * 1e6),
            "fetching": fetching,
            "waiting": waiting,
            "lookups": application.downloads.lookups.under_way,
            **application.refusals(),
        }

    store = SqlFigures(application.stores.records)
    return FigureHistory(store, take, application.environment.clock, figures_not_kept, work)
