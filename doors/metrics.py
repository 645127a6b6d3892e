"""`GET /healthz` and `GET /metrics` (Prometheus)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import accumulate
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from actions.cache_room import CacheRoom
from actions.health import Health
from bittorrent.refusal import Refusal
from cache.reconciliation import ReconcileProgress
from cache.scrubber import Scrubber, ScrubCounts
from doors.arrivals import FORWARDING_HEADERS, Arrivals
from doors.client_address import ClientAddress
from doors.connection_guard import ConnectionCounts
from doors.connection_memory import ConnectionMemory
from doors.kept_files import KeptFileCounts
from doors.service_figures import ServiceFigures
from doors.upload_admission import CacheCounters
from doors.websocket import SocketConnectionCounts
from tasks.fair_turns import FairTurns
from tasks.loop_stalls import BOUNDS, LoopStalls
from tracker.counters import TrackerCounters as Announced
from tracker.counters import Transport
from tracker.flusher import Flusher
from tracker.model import Event
from tracker.replication.replicator import Replicator
from tracker.sampling import SAMPLE_EVERY, Histogram
from tracker.socket_peers import SocketCounters
from tracker.tracker import Tracker

_NO_STORE = {"Cache-Control": "no-store"}
_ROOM = (
    ("fill_ratio", "Share that is taken of the cache's files, bytes or disk, whichever is more"),
    ("files", "Torrents in the cache"),
    ("bytes", "Bytes of their files"),
    ("unasked_files", "Torrents that nobody asked for and nobody cares for, counted while the cache fills"),
    ("unasked_bytes", "Bytes of their files"),
)


class TrackerCollector(Collector):
    """Prometheus collector of the tracker and its journal; reads their counters on each scrape of the metrics."""

    def __init__(
        self, tracker: Tracker, flusher: Flusher, counted: Callable[[], Announced] | None = None
    ) -> None:
        self._tracker = tracker
        self._flusher = flusher
        self._counted = counted or (lambda: tracker.counters)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of tracker and journal."""
        yield from self._requests()
        yield from self._swarms()
        yield from self._journal()

    def _requests(self) -> Iterator[Metric]:
        counters = self._counted()
        announces = CounterMetricFamily(
            "peerage_announces", "Announces answered", labels=["transport", "event"]
        )
        scrapes = CounterMetricFamily("peerage_scrapes", "Scrapes answered", labels=["transport"])
        for transport in Transport:
            scrapes.add_metric([transport.name.lower()], counters.scrapes[transport])
            for event in Event:
                labels = [transport.name.lower(), event.name.lower()]
                announces.add_metric(labels, counters.announces[transport][event])
        refusals = CounterMetricFamily("peerage_refusals", "Requests to the tracker refused", labels=["code"])
        for code, count in sorted(counters.refusals.items()):
            refusals.add_metric([code], count)
        yield announces
        yield scrapes
        yield refusals
        yield CounterMetricFamily(
            "peerage_announce_warnings", "Announces put off with a warning", counters.warnings
        )

    def _swarms(self) -> Iterator[Metric]:
        store = self._tracker.store
        yield InfoMetricFamily("peerage_tracker", "What keeps the swarms", {"store": store.name})
        totals = store.totals()
        yield GaugeMetricFamily(
            "peerage_swarms_restoring",
            "Whether the swarms are still being read after a start, so that counts are incomplete",
            int(self._tracker.restoring),
        )
        yield GaugeMetricFamily("peerage_swarms", "Swarms in memory", totals.torrents)
        yield GaugeMetricFamily("peerage_peers", "Peers in memory", totals.peers)
        yield GaugeMetricFamily("peerage_seeders", "Peers that have everything", totals.complete)
        yield GaugeMetricFamily("peerage_leechers", "Peers that do not", totals.incomplete)

    def _journal(self) -> Iterator[Metric]:
        flushes = self._flusher.flushes
        yield CounterMetricFamily("peerage_flushes", "Flushes of the swarms to the journal", flushes.done)
        yield CounterMetricFamily("peerage_flush_failures", "Flushes that failed", flushes.failed)
        yield CounterMetricFamily("peerage_flushed_rows", "Journal rows written", flushes.rows)
        yield GaugeMetricFamily("peerage_flush_seconds", "Time of the last flush", flushes.seconds)


class DoorsCollector(Collector):
    """Prometheus collector of the connection guard and the cache."""

    def __init__(
        self,
        door: str,
        connections: Callable[[], ConnectionCounts],
        counters: CacheCounters,
        memory: ConnectionMemory,
        accepted_uploads: Callable[[], int],
        *,
        native_files: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        self._native_files = native_files
        self._accepted_uploads = accepted_uploads
        self._door = door
        self._connections = connections
        self._memory = memory
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of connections and the cache."""
        connections, counters = self._connections(), self._counters
        yield InfoMetricFamily("peerage_door", "What owns the sockets", {"door": self._door})
        yield GaugeMetricFamily("peerage_connections", "Open HTTP connections", connections.open)
        yield CounterMetricFamily(
            "peerage_connections_turned_away", "Connections over a cap", connections.turned_away
        )
        yield CounterMetricFamily(
            "peerage_requests_timed_out", "Requests that came too slowly", connections.timed_out
        )
        yield CounterMetricFamily(
            "peerage_connections_unheard",
            "Connections without a request ended near the cap",
            connections.made_room,
        )
        yield CounterMetricFamily(
            "peerage_accepting_paused", "Times that no descriptor was left", connections.accepting_paused
        )
        memory = self._memory
        yield GaugeMetricFamily(
            "peerage_connection_bytes", "Bytes that requests and answers in flight hold", memory.held
        )
        yield GaugeMetricFamily(
            "peerage_connection_withheld_bytes",
            "By how much less than http.memory they may hold, for want of memory",
            memory.withheld,
        )
        yield CounterMetricFamily(
            "peerage_connections_dropped", "Slow connections ended to make room for others", memory.dropped
        )
        yield CounterMetricFamily("peerage_room_refusals", "Requests that found no room", memory.refused)
        answered, sent = self._native_files()
        yield CounterMetricFamily("peerage_cache_hits", "Torrents fetched", counters.hits + answered)
        yield CounterMetricFamily(
            "peerage_cache_memory_hits", "Of these, fetched from memory by native code", answered
        )
        yield CounterMetricFamily("peerage_cache_memory_sent_bytes", "Bytes of files in these answers", sent)
        yield CounterMetricFamily("peerage_cache_misses", "Torrents asked for and not held", counters.misses)
        yield CounterMetricFamily("peerage_uploads", "Uploads accepted", self._accepted_uploads())
        refusals = CounterMetricFamily("peerage_upload_refusals", "Uploads refused", labels=["code"])
        for code, count in sorted(counters.refusals.items()):
            refusals.add_metric([code], count)
        yield refusals


class _SetAside(Protocol):
    @property
    def set_aside_count(self) -> int:
        """Files that were set aside since the start."""
        ...


class FilesCollector(Collector):
    """Prometheus collector of the stored files and of what reads them again."""

    def __init__(self, blobs: _SetAside, scrubber: Scrubber | None, reconciled: ReconcileProgress) -> None:
        self._blobs = blobs
        self._scrubber = scrubber
        self._reconciled = reconciled

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of stored files."""
        counts = self._scrubber.counts if self._scrubber is not None else ScrubCounts()
        yield CounterMetricFamily(
            "peerage_files_set_aside", "Stored files that were not right", self._blobs.set_aside_count
        )
        yield CounterMetricFamily("peerage_files_scrubbed", "Stored files read again", counts.read)
        yield CounterMetricFamily("peerage_files_lost", "Records found without a right file", counts.bad)
        reconciled = self._reconciled
        yield GaugeMetricFamily(
            "peerage_files_reconciled_ratio",
            "Share of the stored files that the start has reconciled with their records",
            reconciled.reached,
        )
        for name, what, number in (
            ("recorded", "Files whose record was lost, recorded by the start", reconciled.recorded),
            ("dropped", "Records whose file was lost, deleted by the start", reconciled.dropped),
            ("damaged", "Files without a record that the start could not read", reconciled.damaged),
        ):
            yield CounterMetricFamily(f"peerage_files_reconcile_{name}", what, number)


class RoomCollector(Collector):
    """Prometheus collector of how full the cache is, and of what goes."""

    def __init__(self, room: CacheRoom) -> None:
        self._room = room

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of room in the cache, of the last look."""
        state, removed = self._room.state, self._room.removed
        seen = (0.0, 0, 0, 0, 0)
        if state is not None:
            fill = state.fill
            seen = (min(fill.share, 1.0), fill.files, fill.stored, state.files, state.stored)
        for (name, what), number in zip(_ROOM, seen, strict=True):
            family = GaugeMetricFamily(f"peerage_cache_{name}", what)
            if state is not None:
                family.add_metric([], number)
            yield family
        yield CounterMetricFamily(
            "peerage_cache_removed_files", "Torrents removed to make room in the cache", removed.files
        )
        yield CounterMetricFamily("peerage_cache_removed_bytes", "Bytes of their files", removed.stored)


class KeptFilesCollector(Collector):
    """Prometheus collector of the finished answers that are kept in memory."""

    def __init__(self, counts: Callable[[], KeptFileCounts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the answers that are kept."""
        counts = self._counts()
        yield GaugeMetricFamily("peerage_cache_memory_files", "Files kept in memory", counts.count)
        yield GaugeMetricFamily("peerage_cache_memory_bytes", "Bytes of these", counts.bytes)
        for name, what, number in (
            ("stored", "put in", counts.stored),
            ("evicted", "evicted to make room", counts.evicted),
            ("expired", "ended by age", counts.expired),
            ("refused", "not put in, because something changed meanwhile", counts.refused),
        ):
            yield CounterMetricFamily(f"peerage_cache_memory_{name}", f"Files {what}", number)


class RelayingDoor(Protocol):
    """A way of serving the tracker over WebSocket, in numbers."""

    @property
    def counts(self) -> SocketConnectionCounts:
        """The counters of connections."""
        ...

    @property
    def relayed(self) -> SocketCounters:
        """What was passed on, and how many peers there are."""
        ...


class WebSocketCollector(Collector):
    """Prometheus collector of the tracker over WebSocket."""

    def __init__(self, door: RelayingDoor) -> None:
        self._door = door

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of its connections and of what is passed on between them."""
        counts, relayed = self._door.counts, self._door.relayed
        yield GaugeMetricFamily("peerage_websocket_connections", "Open WebSocket connections", counts.open)
        yield GaugeMetricFamily("peerage_websocket_peers", "Peers over WebSocket in memory", relayed.peers)
        for name, what, number in (
            ("messages", "Messages received over WebSocket", counts.messages),
            ("offers", "Offers passed on to peers", relayed.offers),
            ("answers", "Answers passed on to those who made the offer", relayed.answers),
            ("turned_away", "WebSocket connections over a cap", counts.turned_away),
            ("timed_out", "WebSocket connections ended as silent or without a torrent", counts.timed_out),
            ("cut_off", "WebSocket connections ended because they took too little", counts.cut_off),
            ("broken", "WebSocket connections that broke the protocol or a limit", counts.broken),
        ):
            yield CounterMetricFamily(f"peerage_websocket_{name}", what, number)


class LoopCollector(Collector):
    """Prometheus collector of the event loop's stalls and of the turns that clients waited for."""

    def __init__(self, stalls: LoopStalls, turns: FairTurns) -> None:
        self._stalls = stalls
        self._turns = turns

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram of stalls, and the longest."""
        stalls = self._stalls
        counted = list(accumulate(stalls.counts))
        bounds = [*map(str, BOUNDS), "+Inf"]
        yield HistogramMetricFamily(
            "peerage_loop_stall_seconds",
            "How much later than it should the event loop came back to a timer",
            list(zip(bounds, counted, strict=True)),
            stalls.total,
        )
        yield GaugeMetricFamily(
            "peerage_loop_longest_stall_seconds", "The longest of these since the start", stalls.longest
        )
        yield GaugeMetricFamily(
            "peerage_loop_longest_stall_work_seconds",
            "The most processor time that the loop itself used in one of these",
            stalls.longest_work,
        )
        yield CounterMetricFamily(
            "peerage_turns_waited",
            "Steps of requests that waited because their client had cost much of late",
            self._turns.waited,
        )


class FiguresCollector(Collector):
    """Prometheus collector of times, clients, log-ins and lookups."""

    def __init__(self, figures: ServiceFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of these."""
        figures = self._figures
        yield InfoMetricFamily("peerage_build", "What runs", figures.build())
        yield from self._times()
        clients = GaugeMetricFamily(
            "peerage_announce_client_ratio",
            "Share of late announces by client, halved every hour, from samples",
            labels=["client"],
        )
        for name, share in figures.mix.shares().items():
            clients.add_metric([name], share)
        yield clients
        versions = GaugeMetricFamily(
            "peerage_announce_ip_ratio", "Share of late announces by IP version", labels=["version"]
        )
        for version, share in figures.mix.version_shares().items():
            versions.add_metric([str(version)], share)
        yield versions
        yield from self._countries()
        yield from self._outcomes()
        yield GaugeMetricFamily(
            "peerage_lookups_running", "Lookups that run or wait", figures.lookups_under_way()
        )
        yield GaugeMetricFamily("peerage_downloads_running", "Downloads in the engine", figures.downloads())

    def _countries(self) -> Iterator[Metric]:
        report = self._figures.countries()
        peers = GaugeMetricFamily(
            "peerage_census_peers",
            "Distinct peers by country on the last closed day, summed over all torrents",
            labels=["country"],
        )
        for country, count in report.countries if report is not None else ():
            peers.add_metric([country], count)
        yield peers

    def _times(self) -> Iterator[Metric]:
        announces = HistogramMetricFamily(
            "peerage_announce_seconds",
            f"How long native code took for an announce or scrape, of one in {SAMPLE_EVERY}",
            labels=["transport"],
        )
        for transport, times in self._figures.announce_times().items():
            announces.add_metric([transport.name.lower()], _buckets(times), times.total)
        yield announces
        requests = HistogramMetricFamily(
            "peerage_request_seconds",
            "Time from a request that Python answered to the beginning of its answer",
            labels=["class"],
        )
        for name, times in sorted(self._figures.requests.by_class.items()):
            requests.add_metric([name], _buckets(times), times.total)
        yield requests

    def _outcomes(self) -> Iterator[Metric]:
        for name, what, counts in (
            ("peerage_logins", "Log-ins and refused keys, by outcome", self._figures.log_ins),
            ("peerage_lookups", "Lookups that ended, by outcome", self._figures.lookups),
        ):
            family = CounterMetricFamily(name, what, labels=["outcome"])
            for outcome, count in sorted(counts.items()):
                family.add_metric([outcome], count)
            yield family


def _buckets(times: Histogram) -> list[tuple[str, float]]:
    bounds = [*(f"{bound:.9g}" for bound in times.bounds), "+Inf"]
    return list(zip(bounds, accumulate(times.counts), strict=True))


class MetricsDoor:
    """Answers `GET /metrics` to loopback, to `networks`, or to everyone where `everyone` is set."""

    def __init__(
        self,
        collectors: Iterable[Collector],
        clients: ClientAddress,
        networks: Sequence[IPv4Network | IPv6Network],
        *,
        everyone: bool,
    ) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self._registry.register(collector)
        self._clients = clients
        self._networks = networks
        self._everyone = everyone

    def route(self) -> Route:
        """Return the route of `/metrics`."""
        return Route("/metrics", self.answer, methods=["GET"])

    async def answer(self, request: Request) -> Response:
        """Return the metrics in Prometheus' text format, or 403."""
        if not self.allows(request):
            return PlainTextResponse("The metrics are not for this address.\n", 403)
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def allows(self, request: Request) -> bool:
        """Return whether a client may read the metrics."""
        if self._everyone:
            return True
        try:
            address = ip_address(self._clients.of(request.scope))
        except Refusal:
            return False
        # Behind a local proxy that is not configured as trusted every client seems to be on loopback.
        if address.is_loopback and not self._clients.via_trusted_proxy(request.scope):
            return not any(header in request.headers for header in FORWARDING_HEADERS)
        return address.is_loopback or any(address in network for network in self._networks)


def health_routes(health: Health, arrivals: Arrivals | None = None) -> list[Route]:
    """Return the routes of liveness and readiness; `arrivals` notes how requests to the first came.

    `/livez` is 200 while the event loop turns. `/readyz` and `/healthz` are 200 while databases and disk take a
    write, else 503, with the state of each part.
    """

    async def answer(_: Request) -> Response:
        report = await health.report()
        body = {"status": "ok" if report.ok else "failing", **report.parts}
        headers = _NO_STORE if report.ok else {**_NO_STORE, "Retry-After": "5"}
        return JSONResponse(body, 200 if report.ok else 503, headers)

    async def live(request: Request) -> Response:
        if arrivals is not None:
            arrivals.note(request)
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    return [
        Route("/livez", live, methods=["GET"]),
        Route("/readyz", answer, methods=["GET"]),
        Route("/healthz", answer, methods=["GET"]),
    ]


class ClusterCollector(Collector):
    """Prometheus collector of what a node exchanges with others."""

    def __init__(self, replicator: Replicator) -> None:
        self._replicator = replicator

    def collect(self) -> Iterator[Metric]:
        """Yield how replication stands and what it did."""
        replicator, figures = self._replicator, self._replicator.figures
        for name, meaning, value in (
            ("connected", "Whether the stream answers", int(figures.connected)),
            ("in_step", "Whether nothing is missing of what other nodes sent", int(figures.in_step)),
            ("nodes", "Other nodes that were heard within 15 seconds", len(replicator.heard)),
        ):
            yield GaugeMetricFamily(f"peerage_cluster_{name}", meaning, value)
        if (behind := replicator.behind) is not None:
            yield GaugeMetricFamily(
                "peerage_cluster_behind_seconds", "Since all of the stream was last taken over", behind
            )
        for name, meaning, count in (
            ("batches_sent", "Batches appended to the stream", figures.batches_sent),
            ("sent_bytes", "Bytes of them", figures.bytes_sent),
            ("changes_sent", "Changed peers and counts in them", figures.changes_sent),
            ("batches_read", "Batches read from the stream, own ones too", figures.batches_read),
            ("read_bytes", "Bytes of them", figures.bytes_read),
            ("changes_applied", "Changes of other nodes that were looked at", figures.changes_applied),
            ("gaps", "Times that batches of another node were found missing", figures.gaps),
            ("snapshots_taken", "Snapshots of other nodes taken over", figures.snapshots_taken),
            ("snapshots_given", "Snapshots written for other nodes", figures.snapshots_given),
            ("outages", "Times that the stream stopped answering", figures.outages),
            ("failures", "Rounds that failed for another reason", figures.failures),
        ):
            yield CounterMetricFamily(f"peerage_cluster_{name}", meaning, count)
        dropped = CounterMetricFamily(
            "peerage_cluster_batches_dropped",
            "Batches that were not used, or of a clock that is too far ahead",
            labels=["reason"],
        )
        for reason, count in figures.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped
