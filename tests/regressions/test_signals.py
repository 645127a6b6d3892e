import signal
import sqlite3
from contextlib import closing

import pytest

from tests.support.clients import announce, healthy, scrape
from tests.support.processes import wait_until

HASH = b"s" * 20
HELD = pytest.mark.held_before("two signals ended the service in order")


def rows(service):
    with closing(sqlite3.connect(f"file:{service.data / 'swarms.db'}?mode=ro", uri=True)) as journal:
        return journal.execute("SELECT count(*) FROM swarm").fetchone()[0]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_asks_for_something_ends_nothing(start_peerage, number):
    service = start_peerage()
    announce(service.port, HASH, left=0)
    for _ in range(3):
        service.process.send_signal(number)
    said = {
        signal.SIGHUP: "service.reloaded",
        signal.SIGUSR1: "swarms.flushed",
        signal.SIGUSR2: "service.figures",
    }
    wait_until(lambda: said[number] in service.output, "the line")
    assert service.process.poll() is None
    assert healthy(service.port)


def test_a_flush_can_be_asked_for(start_peerage):
    service = start_peerage(tracker__flush_every=3600)
    announce(service.port, HASH, left=0)
    assert rows(service) == 0
    service.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: rows(service) == 1, "written")


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, marks=HELD), pytest.param(signal.SIGINT, marks=HELD), signal.SIGQUIT],
)
def test_a_signal_that_ends_the_service_writes_the_swarms_first(start_peerage, number):
    service = start_peerage(tracker__flush_every=3600)
    announce(service.port, HASH, left=0)
    assert service.stop(number) == 0
    service.restart()
    wait_until(lambda: scrape(service.port, HASH)[0] == 1, "the swarm is back")
