"""Three services over a real Redis: what is announced to one is answered by the others, whatever is killed meanwhile."""

import pytest

from tests.support.clients import ask
from tests.support.processes import peerage_processes, wait_until
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.clients

HASH = b"h" * 20
FAST = {"cluster__every": "0.05", "tracker__flush_every": "0.5"}


@pytest.fixture(params=["forgets", "keeps"])
def redis(request, tmp_path):
    server = RedisServer(tmp_path, keeps=request.param == "keeps")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def nodes(redis, tmp_path):
    with peerage_processes(tmp_path) as starting:
        yield [starting(cluster__url=redis.url, cluster__node=f"node-{name}", **FAST) for name in "abc"]


def announce(node, last, event="started", infohash=HASH):
    """The ports of all others in the swarm, as the node answers."""
    query = "&".join(
        [
            "info_hash=" + "".join(f"%{byte:02x}" for byte in infohash),
            "peer_id=" + f"-XX0000-{last:012d}",
            f"port={last}&uploaded=0&downloaded=0&left=1&compact=1&numwant=200&event={event}",
        ]
    )
    answer = ask(node.port, f"/announce?{query}")
    assert answer.status == 200, answer
    assert b"warning message" not in answer.body, answer.body
    _, _, rest = answer.body.partition(b"5:peers")
    length, _, peers = rest.partition(b":")
    packed = peers[: int(length)]
    return {int.from_bytes(packed[at + 4 : at + 6], "big") for at in range(0, len(packed), 6)}


def see(nodes, expected, asker=9999):
    for node in nodes:
        wait_until(
            lambda node=node: announce(node, asker, "") >= expected,
            lambda node=node: (
                f"{node.data.name} sees {announce(node, asker, '')} of {expected}\n{node.output}"
            ),
            30,
        )


def figure(node, name):
    body = ask(node.port, "/metrics").body.decode()
    return next(
        float(line.split()[-1]) for line in body.splitlines() if line.startswith(f"peerage_cluster_{name} ")
    )


def test_what_is_announced_to_one_is_answered_by_all_whatever_is_killed(redis, nodes):
    first, second, third = nodes
    for number, node in enumerate(nodes, 1000):
        announce(node, number)
    see(nodes, {1000, 1001, 1002})

    redis.kill()
    for number, node in enumerate(nodes, 1100):
        assert {1000, 1001, 1002} - {number} <= announce(node, number) | {number}
    wait_until(lambda: not figure(first, "connected"), "it is noticed")
    redis.start()
    see(nodes, {1000, 1001, 1002, 1100, 1101, 1102})

    third.kill()
    announce(first, 1200)
    announce(second, 1001, "stopped")
    third.restart()
    see(nodes, {1000, 1002, 1100, 1101, 1102, 1200})
    wait_until(lambda: 1001 not in announce(third, 9999, ""), "who has left is gone where he was known")

    redis.call("FLUSHALL")
    announce(second, 1300)
    see(nodes, {1000, 1300})
    wait_until(lambda: all(figure(node, "in_step") == 1 for node in nodes), "all are in step")
    assert [figure(node, "nodes") for node in nodes] == [2, 2, 2]
    assert [figure(node, "failures_total") for node in nodes] == [0, 0, 0]


def test_a_new_node_gets_all_from_another_and_hostile_entries_harm_nobody(redis, nodes, tmp_path):
    first = nodes[0]
    for number in range(2000, 2150):
        announce(first, number, infohash=bytes([number % 251]) * 20)
    for junk in ("", "\x01", "\x02later", "x" * 3000):
        redis.call("XADD", "peerage:{changes:0/1}", "*", "b", junk)
        redis.call("XADD", "peerage:{changes:0/1}", "*", "other", junk)
    wait_until(lambda: figure(first, "batches_read_total") > 8, "they are read")
    wait_until(lambda: figure(first, "in_step") == 1, "in step")
    redis.call("XTRIM", "peerage:{changes:0/1}", "MAXLEN", "1")
    (tmp_path / "late").mkdir()
    with peerage_processes(tmp_path / "late") as starting:
        late = starting(cluster__url=redis.url, **FAST)
        for number in (2000, 2074, 2149):
            infohash = bytes([number % 251]) * 20
            wait_until(
                lambda infohash=infohash, number=number: number in announce(late, 9999, "", infohash),
                lambda: late.output,
            )
        wait_until(lambda: (figure(late, "nodes"), figure(late, "in_step")) == (3, 1), "it hears all")
        doctor = late.run("doctor", "--json")
        assert all(f"'node-{name}' is heard, and in step" in doctor.stdout for name in "abc"), (
            doctor.stdout + doctor.stderr
        )


def test_a_cluster_of_redis_is_used_as_one(tmp_path):
    server = RedisServer(tmp_path, cluster=True)
    server.start()
    try:
        server.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        wait_until(lambda: "cluster_state:ok" in server.call("CLUSTER", "INFO"), "the cluster is up")
        with peerage_processes(tmp_path) as starting:
            nodes = [starting(cluster__url=server.url, cluster__shards="4", **FAST) for _ in range(2)]
            for number, first in enumerate((0, 80, 160, 255), 3000):
                announce(nodes[0], number, infohash=bytes([first]) * 20)
            for number, first in enumerate((0, 80, 160, 255), 3000):
                infohash = bytes([first]) * 20
                wait_until(
                    lambda infohash=infohash, number=number: number in announce(nodes[1], 9999, "", infohash),
                    lambda: nodes[1].output,
                )
    finally:
        server.kill()
