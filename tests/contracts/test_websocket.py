"""What every way of serving the tracker over WebSocket does, over real sockets and both stores."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from wsproto.frame_protocol import Opcode

from bittorrent.client_pattern import ClientPattern
from bittorrent.refusal import REASONS
from doors.native import native
from doors.websocket import SocketLimits
from tests.contracts.raw_requests import HASHES, PASSKEYS, REFUSED_PASSKEYS
from tests.support.announce_paths import (
    WHY_BLOCKED,
    AnnouncePath,
    TrackerSetup,
    tracker_setup,
    with_native_websocket,
    with_websocket,
)
from tests.support.tasks import until
from tests.support.websocket_client import ACCEPT, HEAD, PATIENCE, WebSocketClient, raw_frame
from tracker.access import AccessTable, AddressRule, ClientRule
from tracker.counters import Transport
from tracker.mode import Mode
from tracker.model import Counts, Event
from tracker.sampling import SAMPLE_EVERY
from tracker.socket_peers import OFFER_SECONDS, SocketTerms

pytestmark = pytest.mark.uvloop

WAYS = {"route, store in Python": AnnouncePath("route", in_c=False)}
if native is not None:
    WAYS |= {
        "fast path, store in C": AnnouncePath("fast", in_c=True),
        "threads, store in C": AnnouncePath("threads", in_c=True),
    }
HASH, BLOCKED, UNLISTED = (HASHES[at].decode("latin-1") for at in (0, 3, 5))
LIMITS, TERMS = SocketLimits(), SocketTerms()
OFFER, ANSWER = {"type": "offer", "sdp": "v=0 o"}, {"type": "answer", "sdp": "v=0 a"}


def peer_id(name: str) -> str:
    return name.ljust(20, "\xff")


def announce(name: str, **said: Any) -> dict[str, Any]:
    return {"action": "announce", "info_hash": HASH, "peer_id": peer_id(name), "left": 1} | said


def offers(count: int) -> list[dict[str, Any]]:
    return [{"offer_id": f"{at:020}", "offer": OFFER | {"sdp": f"v=0 {at}"}} for at in range(count)]


def answer(name: str, to: str, number: int = 0, **said: Any) -> dict[str, Any]:
    said = {"to_peer_id": peer_id(to), "offer_id": f"{number:020}", "answer": ANSWER} | said
    return {"action": "announce", "info_hash": HASH, "peer_id": peer_id(name)} | said


def failure(code: str, **more: str) -> dict[str, str]:
    return {"failure reason": REASONS[code].sentence} | more


def refused(code: str, info_hash: str = HASH) -> dict[str, str]:
    return failure(code, action="announce", info_hash=info_hash)


@dataclass
class Service:
    """A tracker that serves, and the clients of a test."""

    setup: TrackerSetup
    port: int
    clients: list[WebSocketClient] = field(default_factory=list)

    @property
    def door(self) -> Any:
        return self.setup.websocket

    @property
    def sockets(self) -> Any:
        """The sockets in C, None where Python has them."""
        return getattr(self.door, "sockets", None)

    def sweep(self) -> None:
        (self.sockets or self.door).sweep()

    def pinged(self) -> int:
        return self.sockets.numbers()["pinged"] if self.sockets else len(self.door.quiet.pinged)

    def stalled(self) -> int:
        return self.sockets.numbers()["stalled"] if self.sockets else len(self.door.quiet.stalled)

    def waiting_offers(self, name: str) -> int:
        """Return how many offers of a peer await their answer."""
        raw = peer_id(name).encode("latin-1")
        if self.sockets:
            return self.sockets.waiting(HASHES[0], raw)
        return len(self.door.peers._swarms[HASHES[0]].by_id[raw].offers)

    def held(self) -> int:
        """Return the bytes that connections hold."""
        memory = self.setup.guard.memory
        return memory.held + memory.elsewhere()

    async def client(self, *arguments: Any, **how: Any) -> WebSocketClient:
        self.clients.append(await WebSocketClient.open(self.port, *arguments, **how))
        return self.clients[-1]

    async def join(self, name: str, **said: Any) -> WebSocketClient:
        """Return a client that has announced."""
        client = await self.client()
        assert "failure reason" not in await client.ask(announce(name, **said))
        return client

    async def counts(self, wanted: tuple[int, int]) -> None:
        """Wait until the swarm has so many seeders and leechers."""

        def are_there() -> bool:
            counts = self.setup.tracker.store.scrape(HASHES[0])
            return (counts.complete, counts.incomplete) == wanted

        await until(are_there, PATIENCE)

    async def http(self, request: bytes) -> bytes:
        """Send one request on a connection of its own, and return all of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        said = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return said


async def page(request: Request) -> Response:
    return PlainTextResponse("the page")


@asynccontextmanager
async def serving(
    way: AnnouncePath, limits: SocketLimits, terms: SocketTerms, trusted: Any, how: dict[str, Any], door: Any
) -> AsyncIterator[Service]:
    setup = tracker_setup(way.in_c, **{"trusted": trusted, **door, **how})
    make_door = with_native_websocket if way.kind == "threads" else with_websocket
    make_door(setup, limits, terms, trusted, **door)
    async with way.serving(setup, [Route("/", page)]) as port:
        service = Service(setup, port)
        try:
            yield service
        finally:
            for each in service.clients:
                each.abort()


@pytest.fixture(params=WAYS)
def served(request):
    """Serves a service of its own."""

    @asynccontextmanager
    async def served(
        *,
        limits: SocketLimits = LIMITS,
        terms: SocketTerms = TERMS,
        trusted: Any = (),
        door: dict[str, Any] | None = None,
        **how: Any,
    ) -> AsyncIterator[Service]:
        async with serving(WAYS[request.param], limits, terms, trusted, how, door or {}) as service:
            async with asyncio.timeout(PATIENCE):
                yield service

    return served


@pytest.mark.parametrize("path", [b"/announce", b"/", b"/announce?x=1", b"/?"])
async def test_the_handshake_is_that_of_rfc_6455(served, path):
    async with served() as service:
        client = await service.client(path)
        assert client.said.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nsec-websocket-accept: " + ACCEPT + b"\r\n" in client.said
        assert b"extensions" not in client.said
        assert (await client.ask(announce("a")))["incomplete"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        b"Connection: keep-alive, Upgrade\r\n",
        b"Origin: https://example.org\r\nCookie: a=b\r\n",
    ],
)
async def test_what_browsers_send_with_it_is_taken(served, headers):
    async with served() as service:
        head = HEAD % (b"/announce", headers)
        if b"keep-alive" in headers:
            head = head.replace(b"Connection: Upgrade\r\n", b"", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(head)
        said = await reader.readuntil(b"\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 101 ")
        assert b"extensions" not in said
        writer.transport.abort()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Version: 13", b"Version: 8"), b"426"),
        ((b"Sec-WebSocket-Version: 13\r\n", b""), b"426"),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZQ=="), b"400"),
        ((b"dGhlIHNhbXBsZSBub25jZQ==", b"!"), b"400"),
        ((b"Sec-WebSocket-Key:", b"Other:"), b"400"),
        ((b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello"), b"400"),
    ],
)
async def test_a_handshake_that_cannot_be_is_refused_and_the_connection_ends(served, change, status):
    async with served() as service:
        said = await service.http((HEAD % (b"/announce", b"")).replace(*change))
        assert said.startswith(b"HTTP/1.1 " + status)
        assert b"connection: close" in said
        assert service.door.counts.open == 0


@pytest.mark.parametrize(
    "change",
    [
        (b"Upgrade: websocket", b"Upgrade: h2c"),
        (b"Upgrade: websocket\r\n", b""),
        (b"GET", b"POST"),
        (b"GET / ", b"GET /elsewhere "),
        (b"GET / ", b"GET /scrape "),
    ],
)
async def test_whatever_asks_for_something_else_is_answered_over_http(served, change):
    async with served() as service:
        head = (HEAD % (b"/", b"Connection: close\r\n")).replace(*change)
        assert not (await service.http(head)).startswith(b"HTTP/1.1 101 ")


async def test_without_a_wish_to_upgrade_both_paths_are_what_they_were(served):
    async with served() as service:
        assert b"the page" in await service.http(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = await service.http(b"GET /announce HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"failure reason" in said


async def test_frames_that_come_with_the_head_are_read(served):
    async with served() as service:
        early = raw_frame(1, json.dumps(announce("a")).encode())
        client = await service.client(early=early + early)
        assert [(await client.hear())["incomplete"] for _ in range(2)] == [1, 1]


async def test_a_connection_may_have_been_http_before(served):
    async with served() as service:
        query = b"info_hash=%b&peer_id=-XX0001-abcdefghijkl&port=1&left=1" % HASHES[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"GET /announce?%b HTTP/1.1\r\nHost: x\r\n\r\n" % query)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        writer.write(HEAD % (b"/announce", b""))
        said = await reader.readuntil(b"\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 101 ")
        client = WebSocketClient(reader, writer, said)
        assert (await client.ask(announce("a")))["incomplete"] == 2
        client.abort()


async def test_below_the_root_path(served):
    async with served(root="/tracker") as service:
        for path in (b"/tracker/announce", b"/tracker/", b"/announce"):
            client = await service.client(path)
            assert client.said.startswith(b"HTTP/1.1 101 ")


async def test_an_announce_is_answered_with_counts_and_an_interval(served):
    async with served() as service:
        one = await service.client()
        first = await one.ask(announce("a", event="started", left=None, uploaded=0, downloaded=0))
        assert 108 <= first.pop("interval") <= 132
        assert first == {"action": "announce", "info_hash": HASH, "complete": 0, "incomplete": 1}
        two = await service.client()
        second = await two.ask(announce("b", event="started", left=0))
        assert (second["complete"], second["incomplete"]) == (1, 1)
        assert service.setup.counters.announces[Transport.WEBSOCKET][Event.STARTED] == 2


async def test_text_and_binary_frames_in_one_piece_and_in_many_are_messages(served):
    async with served() as service:
        client = await service.client()
        message = json.dumps(announce("\xe9\x00"), ensure_ascii=False).encode()
        for opcode in (1, 2):
            assert (await client.ask(message.decode(), opcode))["incomplete"] == 1
            pieces = [message[at : at + 7] for at in range(0, len(message), 7)]
            for at, piece in enumerate(pieces):
                fin = at == len(pieces) - 1
                client.send_raw(raw_frame(0 if at else opcode, piece, fin=fin))
                if at == 3:
                    client.send_raw(raw_frame(9, b"between"))
            assert await client.frame() == (Opcode.PONG, b"between")
            assert (await client.hear())["incomplete"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "hello", "", "{", "[]", "1", "null", '"announce"', "{}", '{"action": "offer"}', '{"action": 1}',
        "[" * 10_000, '{"action":' * 5000, '{"action": "announce", "offers": {}}',
        '{"action": "announce", "offers": [{"offer_id": "x"}]}', '{"action": "announce", "left": []}',
        '{"action": "announce", "answer": "x"}', '{"action": "scrape", "info_hash": [1]}',
    ],
)  # fmt: skip
async def test_what_is_no_message_of_a_tracker_is_refused_and_the_connection_goes_on(served, text):
    async with served() as service:
        client = await service.client()
        assert await client.ask(text) == failure("bad-message")
        assert (await client.ask(announce("a")))["incomplete"] == 1
        assert service.setup.counters.refusals["bad-message"] == 1


@pytest.mark.parametrize(
    ("change", "code", "more"),
    [
        ({"info_hash": None}, "no-info-hash", {"action": "announce"}),
        ({"info_hash": "x"}, "bad-info-hash", {"action": "announce"}),
        ({"info_hash": "\u0100" * 20}, "bad-info-hash", {"action": "announce"}),
        ({"info_hash": [HASH]}, "bad-info-hash", {"action": "announce"}),
        ({"peer_id": None}, "bad-peer-id", {"action": "announce", "info_hash": HASH}),
        ({"peer_id": "p" * 21}, "bad-peer-id", {"action": "announce", "info_hash": HASH}),
        ({"offers": [{"offer_id": "o", "offer": OFFER}]}, "bad-offer", {"action": "announce", "info_hash": HASH}),
        ({"answer": ANSWER, "offer_id": "o" * 20}, "bad-peer-id", {"action": "announce", "info_hash": HASH}),
        ({"answer": ANSWER, "to_peer_id": "b" * 20}, "bad-offer", {"action": "announce", "info_hash": HASH}),
        ({"info_hash": BLOCKED}, "denied", {"action": "announce", "info_hash": BLOCKED}),
    ],
)  # fmt: skip
async def test_an_announce_that_is_refused_says_why_in_the_form_of_this_protocol(served, change, code, more):
    told = {"denied": {"failure reason": f"{REASONS['denied'].sentence}: {WHY_BLOCKED}"}}
    async with served() as service:
        client = await service.client()
        assert await client.ask(announce("a") | change) == failure(code, **more) | told.get(code, {})
        assert service.setup.counters.refusals[code] == 1
        assert service.setup.tracker.store.totals().peers == 0


async def test_in_listed_mode_only_listed_torrents_are_announced(served):
    async with served(mode=Mode.LISTED) as service:
        client = await service.client()
        assert await client.ask(announce("a", info_hash=UNLISTED)) == refused("unlisted", UNLISTED)
        assert (await client.ask(announce("a")))["incomplete"] == 1


KEY, DISABLED = (each[0].encode() for each in (PASSKEYS, REFUSED_PASSKEYS))


@pytest.mark.parametrize(
    ("mode", "path", "code"),
    [
        (Mode.PRIVATE, b"/announce", "no-passkey"),
        (Mode.PRIVATE, b"/", "no-passkey"),
        (Mode.PRIVATE, b"/announce?passkey=", "no-passkey"),
        (Mode.PRIVATE, b"/announce/unknown", "unknown-passkey"),
        (Mode.PRIVATE, b"/announce?passkey=" + b"k" * 200, "unknown-passkey"),
        (Mode.PRIVATE, b"/announce/" + DISABLED, "passkey-disabled"),
        (Mode.PRIVATE, b"/announce/" + KEY, ""),
        (Mode.PRIVATE, b"/" + KEY + b"/announce", ""),
        (Mode.PRIVATE, b"/announce?a=b&passkey=" + KEY, ""),
        (Mode.PRIVATE, b"/announce/" + KEY + b"?passkey=unknown", ""),
        (Mode.PUBLIC, b"/announce?passkey=unknown", ""),
        (Mode.PUBLIC, b"/announce/" + KEY, ""),
        (Mode.PUBLIC, b"/announce/unknown", "unknown-passkey"),
    ],
)
async def test_a_passkey_in_the_url_is_looked_up(served, mode, path, code):
    async with served(mode=mode) as service:
        client = await service.client(path)
        answered, scraped = (
            await client.ask(announce("a")),
            await client.ask({"action": "scrape", "info_hash": HASH}),
        )
        if code:
            assert answered == refused(code)
            assert scraped == failure(code, action="scrape")
        else:
            assert answered["incomplete"] == scraped["files"][HASH]["incomplete"] == 1


@pytest.mark.parametrize("path", [b"/announce", b"/announce/" + KEY, b"/announce?passkey=unknown"])
async def test_a_public_torrent_of_a_private_tracker_is_anybodys(served, path):
    async with served(mode=Mode.PRIVATE, public=True) as service:
        client = await service.client(path)
        assert (await client.ask(announce("a", uploaded=5, downloaded=0)))["incomplete"] == 1
        scrape = {"action": "scrape", "info_hash": [HASH, HASHES[1].decode("latin-1")]}
        assert (await client.ask(scrape))["files"][HASH]["incomplete"] == 1
        service.setup.tracker.policy.publish(HASHES[:1], public=False)
        known = KEY in path
        assert ("failure reason" in await client.ask(announce("a", uploaded=9, downloaded=0))) is not known
        assert ("failure reason" in await client.ask(scrape)) is not known
        assert len(service.setup.tracker.store.take_deltas()) == known


@pytest.mark.parametrize("mode", [Mode.PRIVATE, Mode.PUBLIC])
async def test_what_an_account_moves_is_in_its_sessions_where_it_says_both_totals(served, mode):
    moved = []

    async with served(mode=mode) as service:
        client = await service.client(b"/announce/" + KEY)
        await client.ask(announce("a", event="started", uploaded=5, downloaded=0))
        await client.ask(announce("a", uploaded="25", downloaded=10))
        await client.ask(announce("a", uploaded=99))
        await client.ask(announce("a", uploaded=30, downloaded=-1))
        await client.ask(announce("a", event="completed", left=0, uploaded=30, downloaded=40))
        await client.ask(announce("a", event="stopped", uploaded=31, downloaded=40))
        other = await service.client()
        if mode is Mode.PUBLIC:
            await other.ask(announce("b", uploaded=5, downloaded=0))
        moved.append(service.setup.tracker.store.take_deltas())
    for deltas in moved:
        (delta,) = deltas
        assert (delta.account, delta.infohash, delta.peer_id) == (
            1,
            HASHES[0],
            peer_id("a").encode("latin-1"),
        )
        assert (delta.uploaded, delta.downloaded, delta.completed) == (26, 40, 1)


async def test_a_passkey_that_is_refused_from_now_on_is_refused_at_once(served):
    async with served(mode=Mode.PRIVATE) as service:
        client = await service.client(b"/announce/" + KEY)
        assert (await client.ask(announce("a")))["incomplete"] == 1
        service.setup.tracker.policy.drop_passkey(KEY)
        assert await client.ask(announce("a")) == refused("unknown-passkey")
        assert await client.ask(answer("a", "b")) == refused("unknown-passkey")


@pytest.mark.parametrize("lists", ["deny", "disallow"])
async def test_a_torrent_that_is_blocked_later_is_taken_from_everybody(served, lists):
    async with served(mode=Mode.LISTED) as service:
        one, two = await service.join("a"), await service.join("b", left=0, offers=offers(1))
        await one.hear()
        policy = service.setup.tracker.policy
        getattr(policy, lists)([HASHES[0]])
        assert await one.ask(answer("a", "b")) == refused("unknown-offer")
        code = "denied" if lists == "deny" else "unlisted"
        assert await two.ask(announce("b", offers=offers(1))) == refused(code)
        if lists == "deny":
            policy.explain(HASHES[0], "why")
            said = refused(code)["failure reason"]
            assert await two.ask(announce("b")) == refused(code) | {"failure reason": f"{said}: why"}
        assert service.door.relayed.peers == 0
        policy.undeny([HASHES[0]])
        policy.allow([HASHES[0]])
        assert (await two.ask(announce("b", left=0)))["complete"] == 1
        one.abort()
        two.abort()
        await service.counts((0, 0))


async def test_who_is_denied_is_told_why_and_loses_its_peers(served):
    async with served() as service:
        policy, why = service.setup.tracker.policy, 'the "old" one \\ \t\x01\x7f é'
        denied = f"Your client is not allowed on this tracker: {why}"
        one, two = await service.join("-AB1"), await service.join("-AB3")
        policy.set_access(AccessTable.of([ClientRule(ClientPattern.parse("-AB ..2"), True, why)], ()))
        said = await one.ask(announce("-AB1"))
        assert said == refused("client-denied") | {"failure reason": denied}
        assert (await two.ask(announce("-AB3")))["incomplete"] == 1
        here = AddressRule(ip_network("127.0.0.0/8"), True)
        policy.set_access(AccessTable.of((), [here]))
        assert await two.ask({"action": "scrape", "info_hash": HASH}) == failure(
            "address-denied", action="scrape"
        )
        policy.set_access(AccessTable())
        assert (await two.ask({"action": "scrape", "info_hash": HASH}))["files"][HASH]["incomplete"] == 0


async def test_a_starting_tracker_puts_off(served):
    async with served() as service:
        client = await service.client()
        service.setup.tracker.restoring = True
        said = await client.ask(announce("a"))
        assert (said["interval"], said["incomplete"]) == (300, 0)
        assert "starting" in said["warning message"]
        service.setup.tracker.restoring = False
        assert (await client.ask(announce("a")))["incomplete"] == 1


async def test_every_transport_counts_the_same_swarm_and_no_address_of_these_peers_is_given(served):
    async with served() as service:
        query = b"info_hash=%b&peer_id=-XX0001-abcdefghijkl&port=7777&left=1" % HASHES[0]
        ask = b"GET /%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        one = await service.join("a", left=0)
        said = await service.http(ask % (b"announce?" + query))
        assert b"8:completei1e10:downloadedi0e" in said
        assert b"10:incompletei1e" in said
        assert b"5:peers0:" in said
        two = await service.join("b")
        assert b"d8:completei1e10:downloadedi0e11:downloadersi2e10:incompletei2ee" in await service.http(
            ask % (b"scrape?info_hash=" + HASHES[0])
        )
        said = await two.ask({"action": "scrape", "info_hash": HASH})
        assert said["files"] == {HASH: {"complete": 1, "downloaded": 0, "incomplete": 2}}
        again = await service.http(ask % (b"announce?" + query.replace(b"7777", b"7778")))
        assert b"5:peers6:" in again, "the one over HTTP alone"
        one.abort()
        two.abort()
        await service.counts((0, 2))


async def test_a_scrape_names_one_or_many_and_none_is_refused(served):
    async with served() as service:
        client = await service.join("a")
        zeros = {"complete": 0, "downloaded": 0, "incomplete": 0}
        said = await client.ask({"action": "scrape", "info_hash": [HASH, UNLISTED, HASH]})
        assert said == {
            "action": "scrape",
            "files": {HASH: zeros | {"incomplete": 1}, UNLISTED: zeros},
            "flags": {"min_request_interval": 900},
        }
        for asked in ({}, {"info_hash": []}, {"info_hash": None}):
            assert await client.ask({"action": "scrape"} | asked) == failure("full-scrape", action="scrape")
        assert await client.ask({"action": "scrape", "info_hash": "x"}) == failure(
            "bad-info-hash", action="scrape"
        )
        many = [number.to_bytes(20, "big").decode("latin-1") for number in range(100)]
        assert len((await client.ask({"action": "scrape", "info_hash": many}))["files"]) == 74
        assert service.setup.counters.scrapes[Transport.WEBSOCKET] == 2


async def test_an_offer_and_its_answer_are_passed_on_as_they_are(served):
    async with served() as service:
        one, two = await service.join("a\xe9"), await service.client()
        assert (await two.ask(announce("b", offers=offers(3), numwant=3)))["incomplete"] == 2
        offered = await one.hear()
        assert offered == {
            "action": "announce", "info_hash": HASH, "peer_id": peer_id("b"),
            "offer_id": f"{0:020}", "offer": OFFER | {"sdp": "v=0 0"},
        }  # fmt: skip
        one.send(answer("a\xe9", "b"))
        assert await two.hear() == {
            "action": "announce", "info_hash": HASH, "peer_id": peer_id("a\xe9"),
            "offer_id": f"{0:020}", "answer": ANSWER,
        }  # fmt: skip
        assert (await one.ask(announce("a\xe9")))["incomplete"] == 2, "an answer has no answer"


@pytest.mark.parametrize(
    ("said", "heard"),
    [({"numwant": 4}, 4), ({}, 10), ({"numwant": 0}, 0), ({"numwant": 99}, 10), ({"numwant": "3"}, 3)],
)
async def test_as_many_offers_are_passed_on_as_are_wanted_and_ten_at_most(served, said, heard):
    async with served() as service:
        others = [await service.join(f"o{at}") for at in range(15)]
        await service.join("asker", offers=offers(12), **said)
        await until(lambda: service.door.relayed.offers == heard)
        for each in others:
            each.send({"action": "scrape", "info_hash": HASH})
        got = [await each.hear() for each in others]
        given = [each["offer_id"] for each in got if "offer" in each]
        assert sorted(given) == [f"{at:020}" for at in range(heard)]


async def test_a_seeder_offers_to_leechers_alone_and_nobody_to_itself(served):
    async with served() as service:
        seeders = [await service.join(f"s{at}", left=0) for at in range(4)]
        leecher = await service.join("l")
        assert "offer" not in await seeders[0].ask(announce("s0", left=0, offers=offers(5)))
        assert (await leecher.hear())["peer_id"] == peer_id("s0")
        await leecher.ask(announce("l", offers=offers(9)))
        assert service.door.relayed.offers == 1 + len(seeders)
        for each in seeders:
            assert (await each.hear())["peer_id"] == peer_id("l")


@pytest.mark.parametrize(
    "said",
    [{"number": 1}, {"to": "c"}, {"to": "nobody"}, {"name": "c"}, {"to": "a"}],
    ids=str,
)
async def test_an_answer_to_no_offer_is_passed_to_nobody(served, said):
    async with served() as service:
        clients = {"a": await service.join("a")}
        clients["b"] = await service.join("b", offers=offers(1))
        assert "offer" in await clients["a"].hear()
        clients["c"] = await service.join("c")
        asked = {"name": "a", "to": "b", "number": 0} | said
        assert await clients[asked["name"]].ask(answer(**asked)) == refused("unknown-offer")
        assert service.door.relayed.answers == 0


async def test_an_offer_is_answered_once_and_within_two_minutes(served):
    async with served() as service:
        one, two = await service.join("a"), await service.join("b", offers=offers(1))
        await one.hear()
        service.setup.clock.now += OFFER_SECONDS
        one.send(answer("a", "b"))
        assert "answer" in await two.hear()
        assert await one.ask(answer("a", "b")) == refused("unknown-offer")
        await two.ask(announce("b", offers=offers(1)))
        await one.hear()
        service.setup.clock.now += OFFER_SECONDS + 1
        assert await one.ask(answer("a", "b")) == refused("unknown-offer")


async def test_an_answer_from_whoever_took_the_peer_id_later_is_not_passed_on(served):
    async with served() as service:
        one, two = await service.join("a"), await service.join("b", offers=offers(1))
        await one.hear()
        await one.ask(announce("a", event="stopped"))
        other = await service.join("a")
        assert await other.ask(answer("a", "b")) == refused("unknown-offer")
        two.abort()
        await service.counts((0, 1))


async def test_offers_that_nobody_answers_are_forgotten(served):
    async with served() as service:
        await service.join("a")
        two = await service.join("b")
        for number in range(200):
            made = [{"offer_id": f"{number:020}", "offer": OFFER}]
            await two.ask(announce("b", offers=made))
        assert 0 < service.waiting_offers("b") <= 80
        service.setup.clock.now += OFFER_SECONDS + 1
        await two.ask(announce("b"))
        assert service.waiting_offers("b") == 0


async def test_roles_events_and_downloads(served):
    async with served() as service:
        client = await service.join("a", event="started")
        said = await client.ask(announce("a", event="completed", left=0))
        assert (said["complete"], said["incomplete"]) == (1, 0)
        without = announce("a", event="completed")
        del without["left"]
        assert (await client.ask(without))["complete"] == 1, "the role stays where nothing is said of it"
        assert service.setup.tracker.store.scrape(HASHES[0]) == Counts(1, 1, 0, 0)
        said = await client.ask(announce("a", event="stopped"))
        assert (said["complete"], said["incomplete"]) == (0, 0)
        assert (await client.ask(announce("a", event="stopped")))["complete"] == 0
        assert service.setup.tracker.store.scrape(HASHES[0]) == Counts(0, 1, 0, 0)
        announces = service.setup.counters.announces[Transport.WEBSOCKET]
        assert (announces[Event.STARTED], announces[Event.COMPLETED], announces[Event.STOPPED]) == (1, 2, 2)


@pytest.mark.parametrize("how", ["abort", "close", "end"])
async def test_closing_is_stopping_for_every_torrent_of_a_connection(served, how):
    async with served() as service:
        client = await service.join("a")
        await client.ask(announce("b", info_hash=HASHES[1].decode("latin-1"), left=0))
        if how == "abort":
            client.abort()
        elif how == "close":
            client.send_raw(raw_frame(8, (1000).to_bytes(2, "big")))
            assert await client.closed() == 1000
        else:
            client.writer.write_eof()
        await until(lambda: service.setup.tracker.store.totals().peers == 0)
        await until(lambda: service.door.counts.open == 0)
        await until(lambda: service.setup.guard.open == 0)
        if service.setup.door is not None:
            await until(lambda: service.setup.door.numbers()["open"] == 0)


async def test_one_peer_id_for_a_connection_and_hash(served):
    async with served() as service:
        client = await service.join("a")
        assert await client.ask(announce("b")) == refused("other-peer-id")
        assert await client.ask(announce("b", event="stopped")) == refused("other-peer-id")
        await service.counts((0, 1))
        await client.ask(announce("a", event="stopped"))
        assert (await client.ask(announce("b")))["incomplete"] == 1


async def test_a_client_that_comes_back_takes_its_place_and_a_stranger_does_not(served):
    async with served(trusted=[ip_network("127.0.0.0/8")]) as service:
        old = await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n")
        await old.ask(announce("a"))
        stranger = await service.client(headers=b"X-Forwarded-For: 203.0.113.2\r\n")
        assert await stranger.ask(announce("a")) == refused("peer-id-taken")
        new = await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n")
        assert (await new.ask(announce("a")))["incomplete"] == 1
        old.abort()
        await until(lambda: service.door.counts.open == 2)
        await service.counts((0, 1))
        assert (await new.ask(announce("a", left=0)))["complete"] == 1


async def test_a_connection_announces_no_more_torrents_than_it_may(served):
    async with served(terms=SocketTerms(torrents=1)) as service:
        client = await service.join("a")
        other = HASHES[1].decode("latin-1")
        assert await client.ask(announce("a", info_hash=other)) == refused("many-torrents", other)
        assert (await client.ask(announce("a")))["incomplete"] == 1
        await client.ask(announce("a", event="stopped"))
        assert (await client.ask(announce("a", info_hash=other)))["incomplete"] == 1


async def test_near_the_cap_of_peers_an_address_has_no_more_than_its_share(served):
    async with served(terms=SocketTerms(peers=5), trusted=[ip_network("127.0.0.0/8")]) as service:
        hashes = [each.decode("latin-1") for each in HASHES[:2]]
        greedy = [await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n") for _ in range(3)]
        for number, each in enumerate(greedy[:2]):
            for infohash in hashes:
                assert "warning message" not in await each.ask(announce(f"g{number}", info_hash=infohash))
        said = await greedy[2].ask(announce("g2"))
        assert (said["interval"], said["incomplete"]) == (300, 0)
        assert "full" in said["warning message"]
        other = await service.client(headers=b"X-Forwarded-For: 198.51.100.1\r\n")
        assert "warning message" not in await other.ask(announce("b"))
        assert "warning message" in await other.ask(announce("b", info_hash=hashes[1]))
        assert (await greedy[0].ask(announce("g0", left=0)))["complete"] == 1
        await greedy[0].ask(announce("g0", event="stopped"))
        assert "warning message" in await greedy[2].ask(announce("g2"))
        assert "warning message" in await other.ask(announce("b", info_hash=hashes[1]))
        newcomer = await service.client(headers=b"X-Forwarded-For: 192.0.2.1\r\n")
        assert "warning message" not in await newcomer.ask(announce("c"))
        assert service.door.relayed.peers == 5


async def test_connections_beyond_the_caps_are_turned_away(served):
    limits = SocketLimits(connections=3, connections_per_address=2)
    async with served(limits=limits, trusted=[ip_network("127.0.0.0/8")]) as service:
        first = [await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n") for _ in range(2)]
        turned = await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n")
        assert turned.said.startswith(b"HTTP/1.1 503 ")
        other = await service.client(headers=b"X-Forwarded-For: 203.0.113.2\r\n")
        assert other.said.startswith(b"HTTP/1.1 101 ")
        over = await service.client(headers=b"X-Forwarded-For: 203.0.113.3\r\n")
        assert over.said.startswith(b"HTTP/1.1 503 ")
        assert service.door.counts.turned_away == 2
        first[0].abort()
        await until(lambda: service.door.counts.open == 2)
        again = await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n")
        assert again.said.startswith(b"HTTP/1.1 101 ")


async def test_private_addresses_are_refused_where_they_are_over_http(served):
    async with served(trusted=[ip_network("127.0.0.0/8")], door={"refuse_private": True}) as service:
        assert (await service.client()).said.startswith(b"HTTP/1.1 403 ")
        public = await service.client(headers=b"X-Forwarded-For: 8.8.8.8\r\n")
        assert public.said.startswith(b"HTTP/1.1 101 ")
        nobody = await service.client(headers=b"X-Forwarded-For: unknown\r\n")
        assert nobody.said.startswith(b"HTTP/1.1 403 ")


async def test_the_word_of_a_stranger_on_its_address_counts_nothing(served):
    async with served(limits=SocketLimits(connections_per_address=1)) as service:
        await service.client(headers=b"X-Forwarded-For: 203.0.113.1\r\n")
        turned = await service.client(headers=b"X-Forwarded-For: 203.0.113.2\r\n")
        assert turned.said.startswith(b"HTTP/1.1 503 ")


MESSAGE = json.dumps(announce("a")).encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (raw_frame(1, MESSAGE, masked=False), 1002),
        (raw_frame(1, MESSAGE, rsv=4), 1002),
        (raw_frame(3, MESSAGE), 1002),
        (raw_frame(9, b"x" * 126), 1002),
        (raw_frame(9, b"", fin=False), 1002),
        (raw_frame(0, MESSAGE), 1002),
        (raw_frame(1, b"{", fin=False) + raw_frame(1, b"}"), 1002),
        (raw_frame(1, b"\xff\xfe"), 1007),
        (raw_frame(8, b"x"), 1002),
        (raw_frame(8, (999).to_bytes(2, "big")), 1002),
        (raw_frame(1, b"x" * 2000), 1009),
        (raw_frame(1, "\xe9".encode() * 600), 1009),
        (raw_frame(1, b"x" * 600, fin=False) + raw_frame(0, b"x" * 600, fin=False), 1009),
        (raw_frame(1, b"", fin=False) + raw_frame(0, b"", fin=False) * 300, 1009),
        (bytes([0x82, 0xFF]) + b"\x7f" + b"\xff" * 7 + b"mask" + b"x" * 2000, 1009),
    ],
    ids=[
        "unmasked",
        "reserved bit",
        "unknown opcode",
        "long ping",
        "ping in parts",
        "continuation of nothing",
        "message within a message",
        "not UTF-8",
        "close of one byte",
        "unknown close code",
        "long",
        "long in bytes",
        "long in parts",
        "many empty parts",
        "length beyond 63 bits",
    ],
)
async def test_whoever_breaks_the_protocol_or_a_limit_is_told_the_code_and_ended(served, data, code):
    async with served(limits=SocketLimits(message=1024)) as service:
        client, other = await service.join("a"), await service.join("b")
        client.send_raw(data)
        assert await client.closed() == code
        await service.counts((0, 1))
        await until(lambda: service.door.counts.open == 1)
        assert service.door.counts.broken == 1
        assert (await other.ask(announce("b")))["incomplete"] == 1


async def test_pings_are_answered_and_unasked_pongs_are_not(served):
    async with served() as service:
        client = await service.client()
        client.send_raw(raw_frame(10, b"unasked") + raw_frame(9, b"") + raw_frame(9, b"x" * 125))
        assert await client.frame() == (Opcode.PONG, b"")
        assert await client.frame() == (Opcode.PONG, b"x" * 125)


async def test_a_burst_of_messages_is_answered_whole_and_in_order(served):
    async with served() as service:
        client = await service.client()
        names = [f"{at:020}" for at in range(300)]
        client.send_raw(
            b"".join(
                raw_frame(1, json.dumps(announce("a", peer_id="p" * 20, info_hash=HASH) | {"left": at % 2}).encode())
                for at, _ in enumerate(names)
            )
        )  # fmt: skip
        for at, _ in enumerate(names):
            assert (await client.hear())["incomplete"] == at % 2
        if service.sockets:
            assert service.setup.door is not None
            assert sum(service.setup.door.times()[Transport.WEBSOCKET]) == len(names) // SAMPLE_EVERY


async def test_a_reader_that_takes_nothing_is_cut_off_and_the_others_are_served(served):
    async with served(limits=SocketLimits(queue=100_000)) as service:
        slow = await service.join("slow")
        slow.writer.transport.pause_reading()
        quick = await service.join("quick")
        large = {"type": "offer", "sdp": "x" * 30_000}
        number = 0
        while service.door.counts.cut_off == 0:
            number += 1
            made = [{"offer_id": f"{number:020}", "offer": large}]
            await quick.ask(announce("quick", offers=made))
            assert service.held() < 1 << 20
        await service.counts((0, 1))
        assert (await quick.ask(announce("quick")))["incomplete"] == 1
        slow.abort()
        await until(lambda: service.held() == 0)


async def test_whoever_takes_nothing_for_long_is_cut_off(served):
    async with served(limits=SocketLimits(queue=64 << 20)) as service:
        slow = await service.join("slow")
        slow.writer.transport.pause_reading()
        quick = await service.join("quick")
        large = {"type": "offer", "sdp": "x" * 30_000}
        number = 0
        while not service.stalled():
            number += 1
            made = [{"offer_id": f"{number:020}", "offer": large}]
            await quick.ask(announce("quick", offers=made))
        assert service.held() > 0
        service.setup.clock.now += 60
        service.sweep()
        assert service.door.counts.cut_off == 1
        await service.counts((0, 1))


async def test_the_silent_are_pinged_and_ended_when_they_do_not_answer(served):
    async with served() as service:
        silent, alive = await service.join("silent"), await service.join("alive")
        service.setup.clock.now += 59
        service.sweep()
        assert not service.pinged()
        service.setup.clock.now += 1
        service.sweep()
        for each in (silent, alive):
            assert await each.frame() == (Opcode.PING, b"")
        alive.send_raw(raw_frame(10, b""))
        await until(lambda: service.pinged() == 1)
        service.setup.clock.now += 60
        service.sweep()
        await service.counts((0, 1))
        assert service.door.counts.timed_out == 1
        assert await silent.closed() is None
        assert await alive.frame() == (Opcode.PING, b"")


async def test_whoever_has_no_torrent_is_ended_after_a_while(served):
    async with served(limits=SocketLimits(idle=30)) as service:
        idle, left, member = await service.client(), await service.join("left"), await service.join("member")
        service.setup.clock.now += 20
        await left.ask(announce("left", event="stopped"))
        service.setup.clock.now += 10
        service.sweep()
        assert await idle.closed() == 1008
        assert (await left.ask({"action": "scrape", "info_hash": HASH}))["files"]
        service.setup.clock.now += 20
        service.sweep()
        assert await left.closed() == 1008
        assert (await member.ask(announce("member")))["incomplete"] == 1


async def test_a_server_that_stops_says_so(served):
    async with served() as service:
        client = await service.join("a")
        service.clients.remove(client)
    assert await client.closed() == 1001
    assert service.setup.tracker.store.totals().peers == 0
    client.abort()
