"""The cases of Autobahn's test suite that concern a server of messages, by their numbers, with our own client.

Its sections on framing, pings, reserved bits, opcodes, fragmentation, UTF-8, closing, limits and many messages (1 to 7,
9 and 10), over both implementations of the tracker. Where its server echoes what it was sent, ours answers: a message
that is none of a tracker with a refusal, so that what has come was a message. Compression (12, 13) is never agreed to.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from wsproto.frame_protocol import Opcode

from bittorrent.refusal import REASONS
from doors.websocket import SocketLimits
from tests.contracts.raw_requests import HASHES
from tests.contracts.test_websocket import WAYS, Service, serving
from tests.support.tasks import until
from tests.support.websocket_client import PATIENCE, WebSocketClient, raw_frame
from tracker.socket_peers import SocketTerms

pytestmark = pytest.mark.uvloop

TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0
LIMIT = 1 << 20
REFUSED = {"failure reason": REASONS["bad-message"].sentence}
SCRAPE = json.dumps({"action": "scrape", "info_hash": HASHES[0].decode("latin-1")}).encode()
Talk = Callable[[WebSocketClient], Awaitable[None]]


@pytest.fixture(params=WAYS)
def converse(request):
    """Runs talks one after the other, each on a connection of its own, against one service."""

    async def converse(*talks: Talk) -> None:
        limits = SocketLimits(message=LIMIT, queue=1 << 22, connections=0, connections_per_address=0)
        async with serving(WAYS[request.param], limits, SocketTerms(), (), {}, {}) as service:
            for talk in talks:
                client = await service.client()
                await asyncio.wait_for(talk(client), PATIENCE)
                client.abort()
            await _none_is_left(service)

    return converse


async def _none_is_left(service: Service) -> None:
    await until(lambda: service.door.counts.open == 0)
    await until(lambda: service.held() == 0)


def answered(*data: bytes, with_what: Any = REFUSED) -> Talk:
    """Return a talk in which what is sent is one message, and answered as that."""

    async def talk(client: WebSocketClient) -> None:
        for each in data:
            client.send_raw(each)
        assert await client.hear() == with_what
        await _goes_on(client)

    return talk


def ended(*data: bytes, code: int = 1002, heard: Iterable[tuple[Opcode, bytes]] = ()) -> Talk:
    """Return a talk in which what is sent ends the connection with a code, once these frames were heard."""

    async def talk(client: WebSocketClient) -> None:
        for each in data:
            client.send_raw(each)
        for frame in heard:
            assert await client.frame() == frame
        assert await client.closed() == code

    return talk


def heard(*data: bytes, frames: Iterable[tuple[Opcode, bytes]]) -> Talk:
    """Return a talk in which these frames are heard, and nothing else before the connection goes on."""

    async def talk(client: WebSocketClient) -> None:
        for each in data:
            client.send_raw(each)
        for frame in frames:
            assert await client.frame() == frame
        await _goes_on(client)

    return talk


async def _goes_on(client: WebSocketClient) -> None:
    client.send_raw(raw_frame(TEXT, SCRAPE))
    assert (await client.hear())["action"] == "scrape"


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def fragments(opcode: int, *pieces: bytes) -> bytes:
    """Return the frames of one message."""
    last = len(pieces) - 1
    return b"".join(
        raw_frame(CONTINUED if at else opcode, piece, fin=at == last) for at, piece in enumerate(pieces)
    )


def code_of(number: int, reason: bytes = b"") -> bytes:
    return raw_frame(CLOSE, number.to_bytes(2, "big") + reason)


SIZES = (0, 125, 126, 127, 128, 65_535, 65_536)


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["1.1", "1.2"])
async def test_messages_of_every_length_of_a_head_are_taken(converse, opcode):
    whole = [answered(raw_frame(opcode, b"*" * size)) for size in SIZES]
    # 1.1.8 and 1.2.8: as the network cuts it.
    cut = answered(*in_pieces(raw_frame(opcode, b"*" * 65_536), 997))
    await converse(*whole, cut)


async def test_pings_are_answered_with_what_they_bring(converse):
    ping = lambda payload: raw_frame(PING, payload)  # noqa: E731
    pong = lambda payload: (Opcode.PONG, payload)  # noqa: E731
    binary, longest = bytes([0, 255, 254, 253, 252, 251, 0, 255]), b"\xfe" * 125
    await converse(
        heard(ping(b""), frames=[pong(b"")]),  # 2.1
        heard(ping(b"Hello, world!"), frames=[pong(b"Hello, world!")]),  # 2.2
        heard(ping(binary), frames=[pong(binary)]),  # 2.3
        heard(ping(longest), frames=[pong(longest)]),  # 2.4
        ended(ping(b"\xfe" * 126)),  # 2.5
        heard(*in_pieces(ping(longest), 1), frames=[pong(longest)]),  # 2.6
        heard(raw_frame(PONG, b""), frames=[]),  # 2.7
        heard(raw_frame(PONG, b"unasked"), frames=[]),  # 2.8
        heard(raw_frame(PONG, b"unasked"), ping(b"x"), frames=[pong(b"x")]),  # 2.9
        heard(
            b"".join(ping(b"%d" % at) for at in range(10)), frames=[pong(b"%d" % at) for at in range(10)]
        ),  # 2.10
        heard(*in_pieces(b"".join(map(ping, [b"a"] * 10)), 1), frames=[pong(b"a")] * 10),  # 2.11
    )


async def test_reserved_bits_end_the_connection(converse):
    hello, refusal = raw_frame(TEXT, b"Hello"), [(Opcode.TEXT, json.dumps(REFUSED, separators=(",", ":")))]
    await converse(
        ended(raw_frame(TEXT, b"Hello", rsv=1)),  # 3.1
        ended(hello, raw_frame(TEXT, b"Hello", rsv=2), raw_frame(PING, b""), heard=refusal),  # 3.2
        ended(hello + raw_frame(TEXT, b"Hello", rsv=3) + raw_frame(PING, b""), heard=refusal),  # 3.3
        ended(
            *in_pieces(hello + raw_frame(TEXT, b"Hello", rsv=4) + raw_frame(PING, b""), 1), heard=refusal
        ),  # 3.4
        ended(raw_frame(BINARY, b"Hello", rsv=5)),  # 3.5
        ended(raw_frame(PING, b"Hello", rsv=6)),  # 3.6
        ended(raw_frame(CLOSE, b"", rsv=7)),  # 3.7
    )


@pytest.mark.parametrize("opcodes", [range(3, 8), range(11, 16)], ids=["4.1", "4.2"])
async def test_reserved_opcodes_end_the_connection(converse, opcodes):
    hello, refusal = raw_frame(TEXT, b"Hello"), [(Opcode.TEXT, json.dumps(REFUSED, separators=(",", ":")))]
    alone = [ended(raw_frame(each, payload)) for each in opcodes for payload in (b"", b"reserved")]
    behind = [ended(hello + raw_frame(each, b"") + raw_frame(PING, b""), heard=refusal) for each in opcodes]
    bytewise = [ended(*in_pieces(hello + raw_frame(each, b"x"), 1), heard=refusal) for each in opcodes]
    await converse(*alone, *behind, *bytewise)


async def test_a_message_in_fragments_is_one_and_control_frames_may_come_between(converse):
    first, second = SCRAPE[:20], SCRAPE[20:]
    asked = {"action": "scrape", "flags": {"min_request_interval": 900}}
    asked["files"] = {HASHES[0].decode("latin-1"): {"complete": 0, "downloaded": 0, "incomplete": 0}}
    begin, ping = raw_frame(TEXT, first, fin=False), raw_frame(PING, b"ping")
    last, more = raw_frame(CONTINUED, second), raw_frame(CONTINUED, b"fragment", fin=False)

    async def with_a_ping(client: WebSocketClient, *data: bytes) -> None:
        for each in data:
            client.send_raw(each)
        assert await client.frame() == (Opcode.PONG, b"ping")
        assert await client.hear() == asked

    async def with_two_pings(client: WebSocketClient) -> None:
        for _ in range(2):
            await with_a_ping(client, fragments(TEXT, first)[:0], begin, ping, last)

    many = [SCRAPE[at : at + 1] for at in range(len(SCRAPE))]
    await converse(
        ended(raw_frame(PING, b"fragment", fin=False), raw_frame(CONTINUED, b"fragment")),  # 5.1
        ended(raw_frame(PONG, b"fragment", fin=False), raw_frame(CONTINUED, b"fragment")),  # 5.2
        answered(fragments(TEXT, first, second), with_what=asked),  # 5.3, 5.4
        answered(*in_pieces(fragments(TEXT, first, second), 1), with_what=asked),  # 5.5
        lambda client: with_a_ping(client, begin, ping, last),  # 5.6
        lambda client: with_a_ping(client, begin + ping + last),  # 5.7
        lambda client: with_a_ping(client, *in_pieces(begin + ping + last, 1)),  # 5.8
        ended(raw_frame(CONTINUED, b"none began"), raw_frame(TEXT, b"Hello")),  # 5.9, 5.10
        ended(*in_pieces(raw_frame(CONTINUED, b"none began"), 1)),  # 5.11
        ended(more, raw_frame(TEXT, b"Hello")),  # 5.12, 5.13
        ended(*in_pieces(more, 1)),  # 5.14
        ended(fragments(TEXT, b"a", b"b") + raw_frame(CONTINUED, b"c", fin=False), heard=[(Opcode.TEXT, json.dumps(REFUSED, separators=(",", ":")))]),  # 5.15
        ended(raw_frame(CONTINUED, b"f1", fin=False), raw_frame(TEXT, b"f2", fin=False), raw_frame(CONTINUED, b"f3")),  # 5.16
        ended(raw_frame(CONTINUED, b"f1"), raw_frame(TEXT, b"f2", fin=False), raw_frame(CONTINUED, b"f3")),  # 5.17
        ended(raw_frame(TEXT, b"f1", fin=False), raw_frame(TEXT, b"f2")),  # 5.18
        with_two_pings,  # 5.19, 5.20
        answered(fragments(TEXT, *many), with_what=asked),
        answered(fragments(TEXT, b"", first, b"", second, b""), with_what=asked),  # 6.1.2, 6.1.3
        answered(fragments(BINARY, first, second), with_what=asked),
        answered(fragments(TEXT, b"", b"", b"")),  # 6.1.1
    )  # fmt: skip


def wrapped(text: bytes) -> bytes:
    """Return a scrape with a text in a field that nobody asks for."""
    return SCRAPE[:-1] + b', "more": "' + text + b'"}'


VALID = [
    "\u03ba\u1f79\u03c3\u03bc\u03b5".encode(),  # 6.2
    b"\x00"[:0], b"\x7f", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80",  # 6.5: first of each length
    b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf",  # 6.7: last of each length
    b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd",  # 6.9: around the surrogates
    b"\xef\xbf\xbe", b"\xf0\x9f\xbf\xbe", b"\xf3\xbf\xbf\xbf",  # 6.22: noncharacters
    "\u2028\U0001f600 Hello-\xb5@\xdf\xf6\xe4\xfc\xe0\xe1-UTF-8!!".encode(),  # 6.23
]  # fmt: skip
INVALID = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",  # 6.3
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",  # 6.6, 6.8: five and six bytes
    b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80",  # 6.8, 6.10: beyond the last
    b"\x80", b"\xbf", b"\x80\xbf" * 3, bytes(range(0x80, 0xC0)),  # 6.11 to 6.13: continuations alone
    *(bytes([each, 0x20]) for each in (0xC0, 0xC4, 0xDF, 0xE0, 0xEF, 0xF0, 0xF7, 0xF8, 0xFC, 0xFD)),  # 6.14
    b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf",  # 6.15, 6.16: too short
    b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",  # 6.17: impossible
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf",  # 6.18: longer than needed
    b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",  # 6.19
    b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80",  # 6.20
    b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80",  # 6.21: surrogates
]  # fmt: skip


async def test_valid_utf8_is_taken_however_it_is_cut(converse):
    asked = {"action": "scrape", "flags": {"min_request_interval": 900}}
    asked["files"] = {HASHES[0].decode("latin-1"): {"complete": 0, "downloaded": 0, "incomplete": 0}}
    whole = [answered(raw_frame(TEXT, wrapped(each)), with_what=asked) for each in VALID]
    bytewise = [
        answered(fragments(TEXT, *in_pieces(wrapped(each), 1)), with_what=asked)
        for each in VALID
        if len(each) < 20
    ]
    await converse(*whole, *bytewise)


async def test_a_text_that_is_not_utf8_ends_the_connection_as_soon_as_that_is_known(converse):
    whole = [ended(raw_frame(TEXT, each), code=1007) for each in INVALID]
    bytewise = [ended(fragments(TEXT, *in_pieces(each, 1)), code=1007) for each in INVALID if len(each) < 20]
    # 6.4: the rest of the message does not come any more.
    early = [ended(raw_frame(TEXT, b"x\xf4\x90", fin=False), code=1007), ended(raw_frame(TEXT, b"\xed\xa0\x80 and more")[:9], code=1007)]  # fmt: skip
    # In a binary frame it is a message, and none of a tracker.
    binary = [answered(raw_frame(BINARY, each)) for each in INVALID[:3]]
    await converse(*whole, *bytewise, *early, *binary)


GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535)


async def test_a_close_frame_is_answered_and_nothing_behind_it_is(converse):
    refusal = [(Opcode.TEXT, json.dumps(REFUSED, separators=(",", ":")))]
    normal = [ended(code_of(each), code=1000) for each in GOOD_CODES]  # 7.7
    wrong = [ended(code_of(each), code=1002) for each in BAD_CODES]  # 7.9, 7.13
    await converse(
        ended(raw_frame(TEXT, b"Hello"), raw_frame(CLOSE, b""), code=1000, heard=refusal),  # 7.1.1
        ended(raw_frame(CLOSE, b"") * 2, code=1000),  # 7.1.2
        ended(raw_frame(CLOSE, b"") + raw_frame(PING, b"x"), code=1000),  # 7.1.3
        ended(raw_frame(CLOSE, b"") + raw_frame(TEXT, b"Hello"), code=1000),  # 7.1.4
        ended(raw_frame(TEXT, b"a", fin=False) + raw_frame(CLOSE, b"") + raw_frame(CONTINUED, b"b"), code=1000),  # 7.1.5
        ended(raw_frame(TEXT, b"*" * 262_144) + raw_frame(TEXT, b"Hello") + raw_frame(CLOSE, b""), code=1000, heard=refusal * 2),  # 7.1.6
        ended(raw_frame(CLOSE, b""), code=1000),  # 7.3.1
        ended(raw_frame(CLOSE, b"a"), code=1002),  # 7.3.2
        ended(code_of(1000), code=1000),  # 7.3.3
        ended(code_of(1000, b"Hello World!"), code=1000),  # 7.3.4
        ended(code_of(1000, b"*" * 123), code=1000),  # 7.3.5
        ended(code_of(1000, b"*" * 124), code=1002),  # 7.3.6
        ended(code_of(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), code=1007),  # 7.5.1
        *normal,
        *wrong,
    )  # fmt: skip


async def test_large_messages_are_taken_up_to_the_limit_in_one_frame_or_many(converse):
    def of_size(size: int, opcode: int = TEXT) -> Talk:
        return answered(raw_frame(opcode, b"*" * size))

    def in_frames(size: int, piece: int, opcode: int = TEXT) -> Talk:
        return answered(fragments(opcode, *in_pieces(b"*" * size, piece)))

    await converse(
        *(
            of_size(size, opcode) for size in (1 << 16, 1 << 18, LIMIT) for opcode in (TEXT, BINARY)
        ),  # 9.1, 9.2
        ended(raw_frame(TEXT, b"*" * (LIMIT + 1)), code=1009),
        *(in_frames(1 << 18, piece) for piece in (1 << 11, 1 << 12, 1 << 14, 1 << 16, 1 << 18)),  # 9.3, 9.4
        answered(*in_pieces(raw_frame(TEXT, b"*" * (1 << 18)), 1 << 12)),  # 9.5, 9.6
        in_frames(65_536, 1300, BINARY),  # 10.1.1
    )


async def test_many_small_messages_are_answered_one_by_one(converse):
    async def talk(client: WebSocketClient) -> None:
        for size in (0, 16, 64, 256, 1024):  # 9.7, 9.8
            client.send_raw(raw_frame(TEXT, b"*" * size) * 200)
            for _ in range(200):
                assert await client.hear() == REFUSED

    await converse(talk)
