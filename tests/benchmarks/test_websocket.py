"""The load over WebSocket relays offers and answers, and what it took becomes a row."""

import pytest

from benchmarks.websocket import SWARMS, Costs, Peer, Relayed, connect, relay
from doors.websocket import SocketLimits
from tests.support.announce_paths import AnnouncePath, tracker_setup, with_websocket
from tracker.socket_peers import SocketTerms


@pytest.mark.uvloop
async def test_offers_and_answers_are_counted_as_they_arrive() -> None:
    setup = tracker_setup(in_c=False, proxy=False)
    door = with_websocket(setup, SocketLimits(), SocketTerms())

    async with AnnouncePath("route", in_c=False).serving(setup) as port:
        # In no swarm that relays: what reaches it is counted nowhere.
        peer = await connect(port, 0, Peer(SWARMS, 99, Relayed()))
        taken = await relay(port, 0.1, 0)
        peer.transport.abort()
        assert taken.offers >= taken.answers > 0
        assert door.peers.counters.answers >= taken.answers


def test_a_row_has_ratios_to_the_first_server() -> None:
    base = Costs([100.0], [1000.0], 10, 1_000_000, 1_100_000)
    ours = Costs([150.0, 170.0], [2000.0, 3000.0], 10, 2_000_000, 2_050_000)
    base.per_cpu.append(1000.0)
    assert ours.row("peerage", base) == [
        "peerage", "160", "2,500", "2.50", "10", "2.0", "2.0", "5,000", "0.50",
    ]  # fmt: skip
