import asyncio
import subprocess
from datetime import date
from ipaddress import ip_network
from shutil import which

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from bittorrent.infohash import InfoHash
from doors.client_address import ClientAddress
from doors.connection_guard import ConnectionGuard
from doors.metrics import DoorsCollector, FiguresCollector, LoopCollector, MetricsDoor, TrackerCollector
from doors.request_times import BOUNDS, RequestTimes
from doors.service_figures import LargestSwarms, ServiceFigures, announce_histogram
from doors.upload_admission import CacheCounters
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.wiring.application import open_application
from storage.memory import MemoryJournal
from tasks.fair_turns import FairTurns
from tasks.loop_stalls import LoopStalls
from tracker.census import DayReport
from tracker.counters import Transport
from tracker.flusher import Flusher
from tracker.mode import Mode
from tracker.model import Announce, AnnounceTerms, Event
from tracker.policy import Policy
from tracker.random_source import SplitMix
from tracker.sampling import ClientMix, Histogram, Rates
from tracker.swarms import Swarms
from tracker.tracker import Tracker

HASH = InfoHash(b"m" * 20)


def make_tracker() -> Tracker:
    store = Swarms(AnnounceTerms(), SplitMix(1))
    return Tracker(store, Policy(store, Mode.PUBLIC), AnnounceTerms(), lambda: 1_800_000_000)


def make_door(tracker=None, trusted=(), networks=(), everyone=False, counters=None) -> MetricsDoor:
    tracker = tracker or make_tracker()
    guard = ConnectionGuard(10, 60, 100, 0, (), lambda: b"")
    flusher = Flusher(tracker.store, MemoryJournal(), 10, lambda: 0.0, print)
    collectors = [
        TrackerCollector(tracker, flusher),
        DoorsCollector("uvicorn", guard.connections, counters or CacheCounters(), guard.memory, lambda: 1),
    ]
    clients = ClientAddress([ip_network(each) for each in trusted], "x-forwarded-for")
    return MetricsDoor(collectors, clients, [ip_network(each) for each in networks], everyone=everyone)


async def ask(door: MetricsDoor, host: str, **headers: str):
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return await door.answer(Request({"type": "http", "client": (host, 1), "headers": lines}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
async def test_loopback_may_read(host):
    assert (await ask(make_door(), host)).status_code == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "2001:db8::1"])
async def test_others_may_not_unless_configured(host):
    assert (await ask(make_door(), host)).status_code == 403
    assert (
        await ask(make_door(networks=["192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"]), host)
    ).status_code == 200
    assert (await ask(make_door(everyone=True), host)).status_code == 200


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip"])
async def test_a_local_proxy_that_is_not_trusted_is_refused(header):
    assert (await ask(make_door(), "127.0.0.1", **{header: "192.0.2.1"})).status_code == 403


async def test_behind_a_trusted_proxy_the_client_counts():
    door = make_door(trusted=["127.0.0.1"], networks=["192.0.2.0/24"])

    assert (await ask(door, "127.0.0.1", x_forwarded_for="192.0.2.1")).status_code == 200
    assert (await ask(door, "127.0.0.1", x_forwarded_for="198.51.100.1")).status_code == 403
    assert (await ask(door, "127.0.0.1")).status_code == 200


async def test_the_metrics_of_tracker_and_cache():
    tracker, counters = make_tracker(), CacheCounters(hits=3, misses=2)
    counters.refusals["blocked"] += 4
    tracker.announce(Announce(HASH, bytes(6), Event.STARTED, True, 0, transport=Transport.UDP))
    tracker.announce(Announce(HASH, bytes(5) + b"1", Event.NONE, False, 0))
    tracker.policy.deny([InfoHash(bytes(20))])
    tracker.announce(Announce(InfoHash(bytes(20)), bytes(6), Event.NONE, False, 0))

    text = (await ask(make_door(tracker, counters=counters), "127.0.0.1")).body.decode()

    figures = {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert figures["peerage_announces_total", ("started", "udp")] == 1
    assert figures["peerage_announces_total", ("http", "none")] == 1
    assert figures["peerage_refusals_total", ("denied",)] == 1
    assert figures["peerage_swarms", ()] == 1
    assert figures["peerage_seeders", ()] == figures["peerage_leechers", ()] == 1
    assert figures["peerage_cache_hits_total", ()] == 3
    assert figures["peerage_cache_misses_total", ()] == 2
    assert figures["peerage_uploads_total", ()] == 1
    assert figures["peerage_upload_refusals_total", ("blocked",)] == 4


def test_the_stalls_of_the_loop_are_a_histogram_and_the_longest():
    stalls = LoopStalls(lambda: 0.0)
    for seconds in (0.003, 0.2, 7.0):
        stalls.note(seconds)

    found = {metric.name: metric for metric in LoopCollector(stalls, FairTurns()).collect()}

    buckets = {
        sample.labels.get("le"): sample.value for sample in found["peerage_loop_stall_seconds"].samples
    }
    assert (buckets["0.005"], buckets["0.1"], buckets["0.25"], buckets["+Inf"]) == (1, 1, 2, 3)
    assert found["peerage_loop_longest_stall_seconds"].samples[0].value == 7.0


def figures(clock=lambda: 100.0) -> ServiceFigures:
    mix, requests = ClientMix(clock), RequestTimes(clock)
    mix.note(b"-qB4650-", 4)
    mix.note(b"-TR4050-", 6)
    requests.by_class["rest"] = Histogram(BOUNDS, [1, 2, *[0] * 12], 0.004)
    times = announce_histogram([1, 2, *[0] * 14], 1500)
    largest = LargestSwarms(lambda _: [], clock)
    rates = Rates(dict, clock)
    return ServiceFigures(
        "0.1",
        rates,
        mix,
        largest,
        requests,
        lambda: {Transport.UDP: times},
        {"ok": 2},
        {"found": 1},
        countries=lambda: DayReport(date(2026, 11, 27), (("DE", 7),)),
    )


def test_times_clients_log_ins_and_lookups_are_told():
    told = generate_latest(registered(FiguresCollector(figures()))).decode()
    for line in (
        'peerage_announce_seconds_bucket{le="2.56e-07",transport="udp"} 1.0',
        'peerage_announce_seconds_count{transport="udp"} 3.0',
        'peerage_announce_seconds_sum{transport="udp"} 1.5e-06',
        'peerage_request_seconds_bucket{class="rest",le="0.0025"} 3.0',
        'peerage_announce_client_ratio{client="TR 4"} 0.5',
        'peerage_announce_ip_ratio{version="6"} 0.5',
        'peerage_census_peers{country="DE"} 7.0',
        'peerage_logins_total{outcome="ok"} 2.0',
        'peerage_lookups_total{outcome="found"} 1.0',
        "peerage_build_info{implementation=",
    ):
        assert line in told


def registered(*collectors):
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return registry


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not here")
async def test_names_follow_the_rules_of_prometheus(tmp_path):
    settings = Settings.of(data=tmp_path / "data", cache={"min_free_disk": 0}, lookups={"upstream": []})
    async with open_application(settings) as application:
        app = make_app(application, Listeners(application))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://peerage.test") as client:
            told = (await client.get("/metrics")).content
    checked = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=told, capture_output=True, check=False
    )
    assert checked.stdout + checked.stderr == b""
