"""Sockets that a service manager holds: the service takes them over, and nobody is refused while it starts again."""

import http.client
import os
import socket
import subprocess
from contextlib import closing

import pytest

from peerage.sockets import BindError, inherited
from tests.support.processes import PROGRAM, environment

PATIENCE = 60


def bound(kind, port=0):
    one = socket.socket(type=kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    if kind == socket.SOCK_STREAM:
        one.listen(16)
    return one


@pytest.fixture
def pair():
    """A pair of sockets as a service manager binds them."""
    tcp = bound(socket.SOCK_STREAM)
    udp = bound(socket.SOCK_DGRAM, tcp.getsockname()[1])
    with tcp, udp:
        yield tcp, udp


def start(folder, sockets):
    """The service with these sockets, as systemd starts it; its own setting of where to listen is left alone."""
    numbers = [each.fileno() for each in sockets]
    moves = " ".join(f"{at}<&{number}" for at, number in enumerate(numbers, 3))
    script = f'exec env LISTEN_PID=$$ LISTEN_FDS={len(numbers)} "$@" {moves}'
    return subprocess.Popen(
        ["bash", "-c", script, "bash", *PROGRAM, "serve", "--data", folder / "data"],
        env=environment({}),
        pass_fds=numbers,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=folder,
    )


def stop(process):
    process.terminate()
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told.decode()
    return told.decode()


def connect(port):
    """A request that waits for its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/livez")
    return connection


def test_whoever_connects_between_two_runs_is_answered_by_the_second(tmp_path, pair):
    port = pair[0].getsockname()[1]
    first = start(tmp_path, pair)
    with closing(connect(port)) as client:
        assert client.getresponse().status == 200
    assert "sockets.inherited" in stop(first)
    with closing(connect(port)) as waiting, socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", port))
        client.send((0x41727101980).to_bytes(8, "big") + bytes(4) + b"tran")
        second = start(tmp_path, pair)
        try:
            assert waiting.getresponse().status == 200
            assert client.recv(100)[:8] == bytes(4) + b"tran"
        finally:
            stop(second)


def test_without_both_protocols_it_is_told_what_lacks(tmp_path, pair):
    process = start(tmp_path, pair[:1])
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert b"add ListenDatagram=" in told


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"LISTEN_FDS": "2"},
        {"LISTEN_PID": "1", "LISTEN_FDS": "2"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1000000"},
    ],
)
def test_what_is_meant_for_another_process_is_left_alone_and_forgotten(given):
    assert inherited(given, os.getpid()) == []
    assert not given


def test_a_descriptor_that_is_no_socket_is_told(tmp_path):
    script = "from peerage.sockets import *; import os; os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
    done = subprocess.run(
        [PROGRAM[0], "-c", f"{script}\ntry: inherited(os.environ, os.getpid())\nexcept BindError as e: print(e)"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment({}), timeout=PATIENCE,
    )  # fmt: skip
    assert "of LISTEN_FDS is no socket" in done.stdout
    assert issubclass(BindError, Exception)
