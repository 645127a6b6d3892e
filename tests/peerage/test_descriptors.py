import resource
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from peerage import descriptors
from peerage.config import Settings
from peerage.descriptors import OWN, connection_cap, report_pauses
from tests.support.processes import ROOT

PEERS = 500


@pytest.mark.parametrize(
    ("limit", "downloads", "cap"),
    [
        (resource.RLIM_INFINITY, True, 10_000),
        (65_536, True, 10_000),
        (10_000 + OWN + PEERS, True, 10_000),
        (10_000 + OWN, False, 10_000),
        (4_096, True, 4_096 - OWN - PEERS),
        (4_096, False, 4_096 - OWN),
        (1_024, True, 512),
        (100, False, 50),
        (1, False, 1),
    ],
)
def test_connections_leave_descriptors_to_the_service(monkeypatch, tmp_path, limit, downloads, cap):
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (limit, limit))
    settings = Settings.of(data=tmp_path, downloads={"enabled": downloads, "connections": PEERS})

    with capture_logs() as lines:
        assert connection_cap(settings) == cap
    assert [line["most"] for line in lines] == ([cap] if cap < settings.http.max_connections else [])


PREPARED = """
import resource, sys
from pathlib import Path
from peerage.config import Settings
from peerage.descriptors import prepare_descriptors

soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
prepare_descriptors(Settings.of(data=Path("."), http={"max_connections": 3000}, downloads={"enabled": False}))
status = Path("/proc/self/status").read_text().split()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], status[status.index("FDSize:") + 1])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "table"),
    [(256, 4096, 3000 + OWN, 4096), (256, 1024, 1024, 1024), (4000, 4000, 4000, 4096)],
)
def test_the_table_is_as_large_as_it_may_become(soft, hard, limit, table):
    asked = [sys.executable, "-c", PREPARED, str(soft), str(hard)]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    assert done.stdout.split() == [str(limit), str(table)]


async def test_pauses_are_logged_once_a_minute_at_most():
    seconds, counts = [0.0], iter([7, 7, 9, 9, 500, 500, *[501] * 30])

    class Ended(Exception):
        pass

    async def sleep(time):
        seconds.append(seconds[-1] + time)
        if seconds[-1] > 300:
            raise Ended

    with capture_logs() as lines, pytest.raises(Ended):
        await report_pauses(lambda: next(counts), sleep)

    assert [line["times"] for line in lines] == [2, 491, 1]
    assert all(line["event"] == "http.accepting_paused" for line in lines)
