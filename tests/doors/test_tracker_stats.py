"""The tracker's numbers, in JSON and in the forms of opentracker."""

import re
from datetime import date
from xml.etree import ElementTree

import httpx
import pytest
from starlette.applications import Starlette

from bittorrent.infohash import InfoHash
from doors.request_times import BOUNDS, RequestTimes
from doors.service_figures import LargestSwarms, ServiceFigures, announce_histogram
from doors.tracker_stats import StatsDoor
from tests.support.clock import Clock
from tracker.census import DayReport
from tracker.counters import TrackerCounters, Transport
from tracker.model import Counts, Event, SwarmTotals
from tracker.sampling import ClientMix, Histogram, Rates

# As the Perl modules on CPAN and MRTG's scripts read them.
SERVING = re.compile(r"\A(\d+)\s(\d+)\sopentracker serving (\d+) torrents\sopentracker")
MRTG = re.compile(r"\A(\d+)\n(\d+)\n(\d+) seconds \((\d+) hours\)\nopentracker .+\Z")


@pytest.fixture
def counters():
    made = TrackerCounters()
    made.announces[Transport.HTTP][Event.STARTED] = 300
    made.announces[Transport.HTTP][Event.COMPLETED] = 5
    made.announces[Transport.UDP][Event.NONE] = 7000
    made.announces[Transport.UDP][Event.COMPLETED] = 3
    made.announces[Transport.WEBSOCKET][Event.STARTED] = 20
    made.scrapes[Transport.HTTP], made.scrapes[Transport.UDP], made.scrapes[Transport.WEBSOCKET] = 10, 40, 1
    made.refusals["denied"] = 2
    return made


@pytest.fixture
def clock():
    return Clock(100.0)


@pytest.fixture
def allowed():
    return [True]


SWARMS = [
    (InfoHash(b"\xaa" * 20), Counts(1, 7, 9, 9)),
    (InfoHash(b"\xbb" * 20), Counts(5, 0, 1, 1)),
]


def figures(counters, clock):
    mix = ClientMix(clock)
    mix.note(b"-qB4650-", 4)
    requests = RequestTimes(clock)
    requests.by_class["rest"] = Histogram(BOUNDS, [0, 3, *[0] * 12], 0.006)
    return ServiceFigures(
        "0.1",
        Rates(lambda: {"http": sum(counters.announces[Transport.HTTP])}, clock),
        mix,
        LargestSwarms(lambda count: SWARMS[:count], clock),
        requests,
        lambda: {Transport.UDP: announce_histogram([0, 0, 99, 1, *[0] * 12], 90_000)},
        {"ok": 2},
        {"found": 1},
        countries=lambda: DayReport(date(2026, 11, 27), (("DE", 7), ("ZZ", 1))),
    )


@pytest.fixture
async def ask(counters, clock, allowed):
    totals = SwarmTotals(9, 30, 12, 18)
    stats = StatsDoor(lambda: counters, lambda: totals, lambda _: allowed[0], figures(counters, clock), clock)
    clock.now += 7200
    transport = httpx.ASGITransport(Starlette(routes=stats.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://x.example") as client:
        yield client.get


async def test_json_has_every_number_by_name(ask):
    answer = await ask("/stats.json")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    build = told.pop("build")
    assert (build["version"], set(build)) == ("0.1", {"version", "python", "implementation"})
    assert told == {
        "version": "0.1",
        "uptime": 7200,
        "torrents": 9,
        "peers": 30,
        "seeders": 12,
        "leechers": 18,
        "completed": 8,
        "announces": {"http": 305, "udp": 7003, "websocket": 20},
        "scrapes": {"http": 10, "udp": 40, "websocket": 1},
        "refusals": {"denied": 2},
        "warnings": 0,
        "per_second": {"http": {"1": 0.0, "10": 0.0, "60": 0.0}},
        "announce_seconds": {"udp": {"count": 100, "total": 9e-05, "p50": 1.024e-06, "p99": 1.024e-06}},
        "request_seconds": {"rest": {"count": 3, "total": 0.006, "p50": 0.0025, "p99": 0.0025}},
        "clients": {"qB 4": 1.0},
        "ip_versions": {"4": 1.0, "6": 0.0},
        "countries": {"day": "2026-11-27", "peers": {"DE": 7, "ZZ": 1}},
        "largest": [
            {"info_hash": "aa" * 20, "seeders": 1, "leechers": 9, "completed": 7},
            {"info_hash": "bb" * 20, "seeders": 5, "leechers": 1, "completed": 0},
        ],
        "log_ins": {"ok": 2},
        "lookups": {"found": 1, "running": 0},
        "downloads": {"running": 0},
    }


@pytest.mark.parametrize("query", ["", "?mode=peer", "?format=txt&mode=peer"])
async def test_peers_are_what_is_asked_for_by_itself(ask, query):
    assert SERVING.match((await ask(f"/stats{query}")).text).groups() == ("30", "12", "9")


async def test_torrents_are_told_in_the_same_form(ask):
    assert SERVING.match((await ask("/stats?mode=torr")).text).groups() == ("9", "0", "9")


@pytest.mark.parametrize(
    ("mode", "first", "second", "said"),
    [
        ("conn", 7381, 7379, "opentracker connections, 1 conns/s :: 1 success/s."),
        ("tcp4", 336, 336, "opentracker tcp4 stats, 0 conns/s :: 0 success/s."),
        ("udp4", 7043, 7043, "opentracker udp4 stats, 0 conns/s :: 0 success/s."),
        ("scrp", 11, 40, "opentracker scrape stats, 0 scrape/s (tcp and udp)"),
        ("completed", 8, 0, "opentracker 4 completed/h."),
    ],
)
async def test_rates_are_read_as_mrtg_does(ask, mode, first, second, said):
    text = (await ask(f"/stats?mode={mode}")).text
    assert MRTG.match(text).groups() == (str(first), str(second), "7200", "2")
    assert text.endswith(f"\n{said}")


async def test_everything_is_the_same_tree_of_xml(ask):
    stats = ElementTree.fromstring((await ask("/stats?mode=everything")).content)
    assert stats.tag == "stats"
    found = {path: stats.findtext(path) for path in (
        "uptime", "torrents/count_mutex", "torrents/count_iterator", "peers/count", "seeds/count", "completed/count",
        "connections/tcp/announce", "connections/tcp/scrape", "connections/udp/announce", "connections/udp/scrape",
        "connections/udp/connect", "connections/livesync/count",
    )}  # fmt: skip
    assert list(found.values()) == ["7200", "9", "9", "30", "12", "8", "325", "11", "7003", "40", "0", "0"]


async def test_the_largest_swarms_are_told_as_perl_reads_them(ask):
    assert (await ask("/stats?format=txt&mode=top10")).text == (
        f"Top 10 torrents by peers:\n\t10\t{'AA' * 20}\n\t6\t{'BB' * 20}\n"
        f"Top 10 torrents by seeds:\n\t5\t{'BB' * 20}\n\t1\t{'AA' * 20}\n"
    )
    assert (await ask("/stats?format=txt&mode=tpbs")).text == f"{'AA' * 20}:1:9\n{'BB' * 20}:5:1\n"


async def test_a_service_that_has_just_begun_divides_by_nothing(ask, clock):
    clock.now = 100.0
    for mode in ("conn", "tcp4", "scrp", "completed", "everything"):
        assert (await ask(f"/stats?mode={mode}")).status_code == 200


@pytest.mark.parametrize("mode", ["", "statedump", "fulllog", "x" * 5000])
async def test_another_mode_is_told_which_there_are(ask, mode):
    answer = await ask("/stats", params={"mode": mode})
    assert (answer.status_code, "everything" in answer.text, len(answer.text) < 300) == (400, True, True)


async def test_who_may_not_read_the_metrics_is_refused(ask, allowed):
    allowed[0] = False
    assert {
        (await ask(path)).status_code for path in ("/stats", "/stats?mode=everything", "/stats.json")
    } == {403}
