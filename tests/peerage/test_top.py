import json
from collections import Counter

import httpx
import pytest

from doors.connection_guard import ConnectionCounts
from peerage.load import LoadSample, between, sample
from tracker.counters import TrackerCounters, Transport

QUIET = LoadSample(10.0, (0,) * len(Transport), 0, 0, 0, 0, (0,) * 10, 1.0, 100)


def later(**changed):
    values = {name: getattr(QUIET, name) for name in LoadSample.__slots__}
    return LoadSample(**(values | {"at": 12.0} | changed))


def test_what_happened_is_counted_by_the_second():
    load = between(QUIET, later(announces=(20, *QUIET.announces[1:]), scrapes=4, refusals=1, processor=2.0))
    assert load.announces[Transport(0).name.lower()] == 10.0
    assert (load.scrapes, load.refusals, load.processor) == (2.0, 0.5, 0.5)


@pytest.mark.parametrize(
    ("stalls", "half", "most"),
    [
        ((0,) * 10, 0.0, 0.0),
        ((100, *(0,) * 9), 0.005, 0.005),
        ((50, *(0,) * 4, 40, *(0,) * 3, 10), 0.005, 2.5),
    ],
)
def test_how_late_the_loop_was(stalls, half, most):
    load = between(QUIET, later(stalls=stalls))
    assert (load.late_half, load.late_99) == (half, most)


def test_a_sample_sums_over_events():
    counters = TrackerCounters()
    counters.announces[Transport(0)][0] = 3
    counters.announces[Transport(0)][1] = 4
    counters.refusals = Counter({"full": 2})
    taken = sample(counters, ConnectionCounts(5, 0, 0, 0, 0), 7, [1, 2], lambda: 9.0)
    assert (taken.announces[0], taken.refusals, taken.connections, taken.held, taken.at) == (7, 2, 5, 7, 9.0)
    assert taken.memory > 2**20


def test_a_running_service_is_watched(start_peerage):
    service = start_peerage()
    query = f"info_hash={'a' * 20}&peer_id=-XX0001-abcdefghijkl&port=6881&left=0"
    assert httpx.get(f"{service.announce_url('http')}?{query}").status_code == 200
    ran = service.run("top", "--once", "--interval", "0.2", "--json")
    (record,) = map(json.loads, ran.stdout.splitlines())
    assert (record["peers"], record["seeders"], record["swarms"]) == (1, 1, 1)
    assert set(record["announces"]) == {each.name.lower() for each in Transport}
    shown = service.run("top", "--once", "--interval", "0.1").stdout
    assert "1 seeders" in shown
    assert shown.startswith("announces/s")
    service.stop()
    refused = service.run("top", "--once")
    assert refused.returncode == 1
    assert "no server runs" in refused.stderr
