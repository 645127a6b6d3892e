"""Benchmark of the tracker over WebSocket: messages relayed per CPU second, and memory of idle connections.

Run as `python -m benchmarks.websocket [--quick]`. In each swarm one peer announces with ten offers, ten others answer
them, and then it announces again; every offer and every answer that arrives is one message relayed. Servers take turns,
each on a core of its own. The memory is the proportional set size before and after many connections, each of which has
announced one torrent.
"""

import argparse
import asyncio
import json
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import uvloop

from benchmarks.announces import side_by_side
from benchmarks.comparison import table
from benchmarks.idle import WARM_UP, files_allowed
from benchmarks.machine import cores, describe
from benchmarks.processes import end_like_ctrl_c, pinned
from benchmarks.servers import Server, ServerError

ANSWERERS = 10
SWARMS = 8
ADDRESSES = 30
SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n" + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 20
"""About as long as what browsers send."""
PATIENCE = 30
SERVERS = ("bittorrent-tracker", "aquatic_ws", "peerage", "peerage-fast-path")
"""Ours twice: with its sockets in C, and in Python."""
COLUMNS = (
    "server",
    "relayed/s",
    "relayed/cpu-s",
    "ratio",
    "idle",
    "PSS MB before",
    "PSS MB after",
    "bytes each",
    "ratio",
)
_HEAD = (
    "GET /announce HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
)


def frame(message: object) -> bytes:
    """Return a client's text frame, masked with zeros."""
    payload = json.dumps(message, ensure_ascii=False).encode()
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload


def hash_of(swarm: int) -> str:
    """Return the infohash of a swarm, as a message has it."""
    return f"swarm{swarm:015}"


@dataclass
class Relayed:
    """What arrived so far, over all connections."""

    offers: int = 0
    answers: int = 0

    @property
    def messages(self) -> int:
        """Offers and answers."""
        return self.offers + self.answers


class Peer(asyncio.Protocol):
    """One connection: it announces, answers every offer, and offers anew when all of its own were answered."""

    def __init__(self, swarm: int, number: int, counted: Relayed, *, offers: int = 0) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self._peer_id = f"{swarm:010}{number:010}"
        self._swarm = swarm
        self._counted = counted
        self._buffer = bytearray()
        self._open = False
        self._answered = 0
        self._offers = offers
        self.announcement = self._announcement(0)
        self._offering = self._announcement(offers)

    def _announcement(self, offers: int) -> bytes:
        made = [{"offer_id": f"{at:020}", "offer": {"type": "offer", "sdp": SDP}} for at in range(offers)]
        return frame(self._said() | {"left": 1, "numwant": offers, "offers": made})

    def _said(self) -> dict[str, object]:
        return {"action": "announce", "info_hash": hash_of(self._swarm), "peer_id": self._peer_id}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for WebSocket."""
        self.transport = transport
        key = b64encode(self._peer_id.encode()[-16:]).decode()
        transport.write((_HEAD % key).encode())

    def data_received(self, data: bytes) -> None:
        """Announce once the handshake is answered, and take every message that is whole."""
        self._buffer += data
        if not self._open:
            head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._buffer, self._open = bytearray(rest), True
            self.transport.write(self.announcement)
        while (payload := self._message()) is not None:
            self._take(payload)

    def _message(self) -> bytes | None:
        """Take the next frame's payload out of the buffer, None where it is not whole."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        size, start = buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start : start + size])
        del buffer[: start + size]
        return payload

    def _take(self, payload: bytes) -> None:
        message = json.loads(payload)
        if "offer" in message:
            self._counted.offers += 1
            answer = {"to_peer_id": message["peer_id"], "offer_id": message["offer_id"]}
            described = {"answer": {"type": "answer", "sdp": SDP}}
            self.transport.write(frame(self._said() | answer | described))
        elif "answer" in message:
            self._counted.answers += 1
            self._answered += 1
            if self._answered % self._offers == 0:
                self.offer()
        elif not self.ready.done():
            assert "complete" in message, message
            self.ready.set_result(None)

    def offer(self) -> None:
        """Announce with offers."""
        self.transport.write(self._offering)


async def connect(port: int, number: int, peer: Peer) -> Peer:
    """Open a connection from one of many loopback addresses, and wait for the answer to its announce."""
    loop = asyncio.get_running_loop()
    source = (f"127.0.0.{2 + number % ADDRESSES}", 0)
    await loop.create_connection(lambda: peer, "127.0.0.1", port, local_addr=source)
    await asyncio.wait_for(peer.ready, PATIENCE)
    return peer


async def relay(port: int, seconds: float, first: int) -> Relayed:
    """Relay between swarms that begin at a number, and return what arrived in so many seconds."""
    counted = Relayed()
    askers, peers = [], []
    for swarm in range(first, first + SWARMS):
        peers += [await connect(port, number, Peer(swarm, number, counted)) for number in range(ANSWERERS)]
        asker = Peer(swarm, ANSWERERS, counted, offers=ANSWERERS)
        askers.append(await connect(port, ANSWERERS, asker))
    for each in askers:
        each.offer()
    await asyncio.sleep(seconds)
    taken = Relayed(counted.offers, counted.answers)
    for each in (*askers, *peers):
        each.transport.abort()
    return taken


async def hold(server: Server, count: int) -> tuple[int, int, int]:
    """Hold connections that have announced, ten to a torrent; return how many, and the memory before and after."""
    warm = [await connect(server.port, at, Peer(at // 10, at, Relayed())) for at in range(WARM_UP)]
    for each in warm:
        each.transport.abort()
    before = server.proportional_bytes()
    held = [await connect(server.port, at, Peer(1000 + at // 10, at, Relayed())) for at in range(count)]
    after = server.proportional_bytes()
    for each in held:
        each.transport.abort()
    return len(held), before, after


@dataclass
class Costs:
    """What one server took."""

    per_second: list[float] = field(default_factory=list)
    per_cpu: list[float] = field(default_factory=list)
    idle: int = 0
    before: int = 0
    after: int = 0

    @property
    def each(self) -> float:
        """Bytes of an idle connection."""
        return (self.after - self.before) / max(1, self.idle)

    def row(self, name: str, base: "Costs") -> list[str]:
        """Return its row, with ratios to the first server's."""
        ratios = [ours / theirs for ours, theirs in zip(self.per_cpu, base.per_cpu, strict=True) if theirs]
        return [
            name,
            f"{median(self.per_second):,.0f}",
            f"{median(self.per_cpu):,.0f}",
            f"{median(ratios):.2f}",
            f"{self.idle:,}",
            f"{self.before / 1e6:.1f}",
            f"{self.after / 1e6:.1f}",
            f"{self.each:,.0f}",
            f"{self.each / base.each:.2f}",
        ]


def measure(servers: Sequence[Server], rounds: int, seconds: float, idle: int) -> dict[str, Costs]:
    """Let the servers take turns, then hold connections at each."""
    costs = {server.name: Costs() for server in servers}
    with pinned(cores().load), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for number in range(rounds):
            for server in servers:
                before, began = server.cpu_seconds(), time.monotonic()
                taken = runner.run(relay(server.port, seconds, number * SWARMS))
                took = time.monotonic() - began
                cost = costs[server.name]
                cost.per_second.append(taken.messages / took)
                cost.per_cpu.append(taken.messages / max(server.cpu_seconds() - before, 0.001))
        for server in servers:
            cost = costs[server.name]
            cost.idle, cost.before, cost.after = runner.run(hold(server, idle))
    return costs


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds of a second, 1,000 connections")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--connections", type=int, help="idle ones (default 5,000)")
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    print(f"# websocket\n\n{describe()}\n", flush=True)
    idle = files_allowed(given.connections or (1_000 if given.quick else 5_000))
    rounds = given.rounds or (3 if given.quick else 7)
    settings = {
        "BENCHMARK_WEBSOCKET": "1",
        "PEERAGE_WEBSOCKET_MAX_CONNECTIONS": "0",
        "PEERAGE_HTTP_MAX_CONNECTIONS": str(2 * idle + 1000),
    }
    try:
        with side_by_side(SERVERS, 1, settings) as servers:
            costs = measure(servers, rounds, 1.0 if given.quick else 2.0, idle)
    except (ServerError, OSError, TimeoutError) as error:
        print(f"websocket: {error}", file=sys.stderr)
        return 1
    print("## Offers and answers relayed, and memory of idle connections\n")
    base = costs[servers[0].name]
    print(table(COLUMNS, [costs[server.name].row(server.name, base) for server in servers]), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
