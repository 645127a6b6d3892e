import asyncio
import json
import socket
import stat
from contextlib import asynccontextmanager, suppress

import pytest

from bittorrent.refusal import Refusal
from doors.control import LINE_LIMIT, ControlServer


async def _count(arguments):
    for number in range(arguments["to"]):
        yield {"number": number}


async def _refuse(_arguments):
    yield {"began": True}
    raise Refusal("not-found", "that one")


async def _break(_arguments):
    yield {"began": True}
    raise RuntimeError("a secret of the inside")


async def _fail_on_disk(_arguments):
    yield {"began": True}
    raise OSError(28, "No space left on device", "/out")


COMMANDS = {"count": _count, "refuse": _refuse, "break": _break, "disk": _fail_on_disk}


class Endless:
    """A command that runs until it is cancelled, and records that."""

    def __init__(self):
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, _arguments):
        try:
            yield {"began": True}
            self.began.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()


@asynccontextmanager
async def serving(path, commands=COMMANDS, **limits):
    server = ControlServer(commands, path, **limits)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def said(path, line):
    reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
    writer.write(line)
    await writer.drain()
    try:
        return [json.loads(each) for each in (await reader.read()).splitlines()]
    finally:
        await leave(writer)


async def leave(writer):
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def asked(path, command, **arguments):
    return said(path, json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")


async def answered(path, command, **arguments):
    """What a server of its own says to one command."""
    async with serving(path):
        return await asked(path, command, **arguments)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


async def test_a_command_answers_its_records_and_an_end(path):
    assert await answered(path, "count", to=2) == [{"number": 0}, {"number": 1}, {"end": True}]


async def test_a_refusal_is_a_record(path):
    began, refused, end = await answered(path, "refuse")
    assert began == {"began": True}
    assert refused["refused"] == "not-found"
    assert refused["text"].endswith("(that one)")
    assert end == {"end": True}


async def test_an_internal_error_reveals_nothing(path):
    _, refused, end = await answered(path, "break")
    assert refused["refused"] == "internal"
    assert "secret" not in refused["text"]
    assert end == {"end": True}


async def test_a_failure_of_the_disk_is_named(path):
    assert "No space left on device: /out" in (await answered(path, "disk"))[1]["text"]


async def test_an_unknown_command_is_refused_with_a_list_of_commands(path):
    refused, end = await answered(path, "dance")
    assert refused["refused"] == "bad-request"
    assert "break, count, disk, refuse" in refused["text"]
    assert end == {"end": True}


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b"5\n",
        b"{}\n",
        b'{"command": 5}\n',
        b'{"command": "count", "arguments": []}\n',
        b'{"command": "count", "arguments": {}, "more": 1}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"command": "' + b"x" * (LINE_LIMIT + 10) + b'"}\n',
    ],
)
async def test_a_malformed_request_is_refused_and_the_next_is_answered(path, line):
    async with serving(path):
        try:
            answer = await said(path, line)
        except ConnectionError:
            answer = [{"refused": "bad-request"}, {"end": True}]  # closed upon what was left unread
        after = await asked(path, "count", to=0)
    assert answer[0]["refused"] == "bad-request"
    assert answer[-1] == {"end": True}
    assert after == [{"end": True}]


async def test_a_client_that_sends_nothing_times_out(path):
    async with serving(path, patience=0.01):
        answer = await said(path, b'{"command"')
    assert answer[0]["refused"] == "bad-request"


async def test_the_socket_has_mode_600_and_is_removed_at_the_end(path):
    async with serving(path):
        mode, names = path.stat().st_mode, [each.name for each in path.parent.iterdir()]
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert names == ["control.sock"]
    assert list(path.parent.iterdir()) == []


async def test_a_socket_that_a_dead_server_left_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert await answered(path, "count", to=0) == [{"end": True}]


async def test_a_client_that_disconnects_cancels_its_command(path):
    endless = Endless()
    async with serving(path, {"endless": endless}):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "endless"}\n')
        await reader.readline()
        await endless.began.wait()
        await leave(writer)
        assert await asyncio.wait_for(endless.ended.wait(), 10)


async def test_shutdown_cancels_running_commands(path):
    endless = Endless()
    async with serving(path, {"endless": endless}) as server:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "endless"}\n')
        await reader.readline()
        await endless.began.wait()
        async with asyncio.timeout(10):
            await server.close()
        assert endless.ended.is_set()
        assert await reader.read() == b""
        await leave(writer)


async def test_more_clients_than_allowed_are_busy_and_others_go_on(path):
    endless = Endless()
    async with serving(path, {"endless": endless, "count": _count}, clients=1):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "endless"}\n')
        await reader.readline()
        answer = await asked(path, "count", to=1)
        await leave(writer)
        await endless.ended.wait()
    assert answer[0]["refused"] == "busy"


async def test_a_client_that_does_not_read_blocks_no_one_else(path):
    async with serving(path):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command": "count", "arguments": {"to": 1000000}}\n')
        answer = await asked(path, "count", to=1)
        await leave(writer)
    assert answer == [{"number": 0}, {"end": True}]
