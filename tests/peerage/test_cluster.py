"""The node of a cluster in one process: what the doctor finds, what the figures say, what a single node loads."""

import subprocess
import sys

import pytest

from actions.diagnosis import Grade
from bittorrent.infohash import InfoHash
from doors.metrics import ClusterCollector
from peerage.config import Settings, SettingsError
from peerage.diagnosis.cluster import examine_cluster
from peerage.diagnosis.examined import Examined, RunningService
from tests.support.change_streams import MemoryPositions, MemoryStream, StreamServer
from tests.support.processes import environment
from tests.support.swarm_stores import STORES
from tracker.model import Announce, AnnounceTerms, Event
from tracker.replication.batch import BatchHead, pack_batch
from tracker.replication.replicator import Replicator
from tracker.replication.stream import Entry, StreamHost
from tracker.replication.terms import NodeTerms

NOW = 1_800_000_000
URL = "redis://peerage:not-to-be-seen@127.0.0.1:1"


async def replicator(server, *, rounds=20):
    time = [0.0]
    store = next(iter(STORES.values()))(AnnounceTerms(node=1), 1)
    made = Replicator(
        store,
        MemoryStream(server),
        MemoryPositions(),
        NodeTerms(1, "here", 1),
        clock=lambda: NOW + time[0],
        timer=lambda: time[0],
        report=lambda _: None,
    )
    await made.start()
    store.announce(Announce(InfoHash(b"h" * 20), bytes(6), Event.NONE, False, 0), NOW)
    for _ in range(rounds):
        time[0] += 0.5
        await made.attempt()
    return made


def found(tmp_path, node=None, url=URL):
    settings = Settings.of(data=str(tmp_path), cluster={"url": url})
    service = RunningService((), None, replicator=node) if node is not None else None
    return [
        (each.grade, each.text)
        for each in examine_cluster(Examined(settings=settings, now=NOW, service=service, patience=0.2))
    ]


def say(server, **head):
    server.last += 1
    position = f"{server.last}-0"
    given = {"node": 2, "run": 5, "sequence": 1, "base": NOW + 10, "name": "there", "in_step": True, **head}
    server.shards[0].append(Entry(position, pack_batch(BatchHead(**given), [])))


def test_a_single_node_is_asked_nothing(tmp_path):
    assert found(tmp_path, url="") == []


def test_a_server_that_cannot_be_reached_is_a_problem_without_its_password(tmp_path):
    ((grade, text),) = found(tmp_path)
    assert grade is Grade.PROBLEM
    assert "not-to-be-seen" not in text


async def test_nodes_that_are_heard_are_named(tmp_path):
    server = StreamServer()
    node = await replicator(server)
    assert (Grade.WARNING, "no other node is heard") in found(tmp_path, node)
    say(server)
    await node.attempt()
    assert found(tmp_path, node) == [
        (Grade.GOOD, "the stream answers (memory)"),
        (Grade.GOOD, "'there' is heard, and in step"),
    ]


async def test_what_is_wrong_is_told(tmp_path):
    server = StreamServer()
    node = await replicator(server)
    say(server, base=NOW + 500, in_step=False)
    say(server, node=1, run=9, sequence=1)
    server.last += 1
    server.shards[0] += [Entry(f"{server.last}-0", b"\2later"), Entry(f"{server.last}-1", b"junk")]
    node._stream.host = StreamHost("Redis 7", evicts=True)
    await node.attempt()
    told = " ".join(text for grade, text in found(tmp_path, node) if grade in (Grade.WARNING, Grade.PROBLEM))
    for each in ("evicts", "copy of this one", "differs from this one by 4", "later version"):
        assert each in told
    node._stream.away = True
    await node.attempt()
    ((grade, text),) = found(tmp_path, node)
    assert (grade, text) == (Grade.PROBLEM, "the stream does not answer (cluster.url)")


async def test_the_figures_say_how_it_stands():
    server = StreamServer()
    node = await replicator(server)
    say(server)
    await node.attempt()
    figures = {
        sample.name + "".join(sample.labels.values()): sample.value
        for metric in ClusterCollector(node).collect()
        for sample in metric.samples
    }
    assert figures["peerage_cluster_connected"] == figures["peerage_cluster_in_step"] == 1
    assert (figures["peerage_cluster_nodes"], figures["peerage_cluster_changes_sent_total"]) == (1, 1)
    assert figures["peerage_cluster_sent_bytes_total"] > 40
    assert figures["peerage_cluster_batches_dropped_totaldamaged"] == 0
    assert figures["peerage_cluster_behind_seconds"] == 0


@pytest.mark.parametrize("url", ["http://h", "redis://", "redis://h:x", "redis://h/0#f", "unix://"])
def test_a_url_that_names_no_redis_is_refused(url):
    with pytest.raises(SettingsError):
        Settings.of(cluster={"url": url})


def test_a_single_node_loads_nothing_of_it(tmp_path):
    script = "import sys, peerage.wiring.application, peerage.routes, peerage.background; print('redis' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=environment({}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.strip() == "False"
