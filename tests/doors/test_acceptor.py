"""Connections that the event loop accepts, in plenty and without a descriptor."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from doors.acceptor import Acceptor
from doors.connection_guard import ConnectionGuard
from tests.support.tasks import until

PAUSE = 0.02


class Greeting(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(transport.get_extra_info("peername")[0].encode() + b"\n")
        transport.close()


@pytest.fixture
def guard():
    return ConnectionGuard(10, 10, 0, 0, [], too_long=lambda: b"")


@asynccontextmanager
async def accepting(guard: ConnectionGuard, listening: socket.socket) -> AsyncIterator[None]:
    with Acceptor(guard, Greeting, pause=PAUSE).serving([listening], backlog=128):
        yield


@pytest.fixture
def listening():
    with socket.socket() as one:
        one.setblocking(False)
        one.bind(("127.0.0.1", 0))
        one.listen(128)
        yield one


async def greeted(client: socket.socket) -> bytes:
    client.setblocking(False)
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 100), 15)


def connected(listening: socket.socket, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(listening.getsockname(), 15, (source, 0))


async def test_each_client_of_many_is_accepted_with_its_address(guard, listening):
    async with accepting(guard, listening):
        with contextlib.ExitStack() as held:
            clients = [held.enter_context(connected(listening, f"127.0.3.{n}")) for n in range(1, 101)]
            assert [await greeted(each) for each in clients] == [b"127.0.3.%d\n" % n for n in range(1, 101)]
    assert guard.accepting_paused == 0


async def test_without_descriptors_clients_wait_for_the_next_one(guard, listening):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with accepting(guard, listening):
        with contextlib.ExitStack() as held:
            clients = [held.enter_context(connected(listening)) for _ in range(8)]
            spare = os.dup(0)
            os.close(spare)
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
                await until(lambda: guard.accepting_paused >= 3)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert [await greeted(each) for each in clients] == [b"127.0.0.1\n"] * 8


async def test_near_the_cap_none_is_turned_away_because_many_come_at_once(listening):
    guard = ConnectionGuard(10, 10, 32, 0, [], too_long=lambda: b"")

    class Silent(asyncio.Protocol):
        def connection_made(self, transport):
            guard.make_room()
            self.key = guard.admit("127.0.0.1")
            if self.key is None:
                transport.abort()
            else:
                guard.unheard[self] = transport.abort
                transport.write(b"here")

        def connection_lost(self, exc):
            guard.unheard.pop(self, None)
            if self.key is not None:
                guard.leave(self.key)

    with contextlib.ExitStack() as held:
        clients = [held.enter_context(connected(listening)) for _ in range(90)]
        with Acceptor(guard, Silent).serving([listening], backlog=128):
            assert await greeted(clients[-1]) == b"here"
    assert guard.turned_away == 0
    assert guard.made_room >= 90 - 32


class Failing(socket.socket):
    """A listening socket whose next calls of accept fail."""

    def __init__(self, *errors: int) -> None:
        super().__init__()
        self.setblocking(False)
        self.bind(("127.0.0.1", 0))
        self.errors = list(errors)

    def accept(self):
        if self.errors:
            raise OSError(self.errors.pop(0), "no")
        return super().accept()


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_what_is_exhausted_pauses_all_listening_sockets_together(guard, error):
    with Failing(*[error] * 3) as one:
        async with accepting(guard, one):
            with connected(one) as client:
                assert await greeted(client) == b"127.0.0.1\n"
    assert guard.accepting_paused == 3


@pytest.mark.parametrize("error", [errno.ECONNABORTED, errno.EINTR, errno.EPROTO, errno.EAGAIN])
async def test_a_client_that_left_keeps_nobody_waiting(guard, error):
    with Failing(error, error) as one:
        async with accepting(guard, one):
            with connected(one) as client:
                assert await greeted(client) == b"127.0.0.1\n"
    assert guard.accepting_paused == 0


async def test_the_end_closes_the_sockets_also_in_a_pause(guard):
    with Failing(errno.EMFILE) as one:
        address, acceptor = one.getsockname(), Acceptor(guard, Greeting, pause=3600)
        with acceptor.serving([one], backlog=128), socket.create_connection(address, 15):
            await until(lambda: guard.accepting_paused)
        assert acceptor._resumption.cancelled()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 15)
