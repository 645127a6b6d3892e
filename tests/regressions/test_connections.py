"""What connections that say nothing may take from those that do."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.support.clients import announce
from tests.support.processes import PeerageProcess

CAP = 160
ADDRESSES = 60


@contextlib.contextmanager
def half_heard(port: int, count: int) -> Iterator[None]:
    """Connections from sixty addresses, each with the beginning of a head."""
    with contextlib.ExitStack() as held:
        for number in range(count):
            source = f"127.0.2.{number % ADDRESSES + 1}"
            one = held.enter_context(socket.create_connection(("127.0.0.1", port), 15, (source, 0)))
            with contextlib.suppress(ConnectionError):
                one.sendall(b"GET /announce?info_hash=")
        yield


@pytest.mark.parametrize(
    "settings",
    [
        {"tracker__door": "native", "tracker__store": "native"},
        {"tracker__door": "uvicorn", "tracker__store": "native"},
        {"tracker__door": "uvicorn", "tracker__store": "python"},
    ],
    ids=["native", "fast-path", "python"],
)
def test_half_heard_connections_do_not_shut_out_announces(
    start_peerage: Callable[..., PeerageProcess], settings: dict[str, str]
) -> None:
    port = start_peerage(http__max_connections=CAP, http__header_timeout=60, **settings).port
    with half_heard(port, 2 * CAP):
        for _ in range(20):
            assert b"peers" in announce(port, os.urandom(20))


def test_many_clients_of_one_address_are_served_while_there_is_room(
    start_peerage: Callable[..., PeerageProcess],
) -> None:
    port = start_peerage(http__max_connections=1000, http__connections_per_address=20).port
    with contextlib.ExitStack() as held:
        for _ in range(100):
            held.enter_context(socket.create_connection(("127.0.0.1", port), 15)).sendall(b"GET /")
        assert b"peers" in announce(port, os.urandom(20))
