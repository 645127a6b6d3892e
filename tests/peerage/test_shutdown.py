"""A signal ends the service soon, with status 0, whoever is connected."""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clients import Http, healthy
from tests.support.processes import PeerageProcess, wait_until

Start = Callable[..., PeerageProcess]
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("by", SIGNALS)
def test_an_idle_service_ends(start_peerage: Start, by: signal.Signals) -> None:
    service = start_peerage()
    assert service.stop(by) == 0, service.output
    assert "Traceback" not in service.output, service.output


@pytest.mark.parametrize("by", SIGNALS)
def test_connections_do_not_hold_it_up(start_peerage: Start, by: signal.Signals) -> None:
    service = start_peerage()
    with ExitStack() as stack:
        idle = [stack.enter_context(Http(service.port)) for _ in range(5)]
        for connection in idle:
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.receive().status == 200
        half = stack.enter_context(Http(service.port))
        half.send(b"GET /announce?info_hash=")
        body = stack.enter_context(Http(service.port))
        body.send(b"POST /autoupload.php HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nx")
        stack.enter_context(control(service.data))
        assert service.stop(by) == 0, service.output
    assert "Traceback" not in service.output, service.output


def control(data: Path) -> socket.socket:
    """A client of the control socket that has not asked anything yet; its path may be longer than a socket's name."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    folder = os.open(data, os.O_PATH | os.O_DIRECTORY)
    try:
        client.connect(f"/proc/self/fd/{folder}/control.sock")
    except OSError:
        client.close()
        raise
    finally:
        os.close(folder)
    return client


def test_a_second_signal_is_no_accident(start_peerage: Start) -> None:
    service = start_peerage()
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    assert service.stop(signal.SIGINT) in {0, -signal.SIGINT}, service.output


def test_the_port_and_the_folder_are_free_again(start_peerage: Start) -> None:
    service = start_peerage()
    service.stop()
    assert not (service.data / "control.sock").exists()
    service.restart()
    assert healthy(service.port)


def test_a_second_server_on_the_folder_is_refused(start_peerage: Start) -> None:
    first = start_peerage()
    second = PeerageProcess(first.data.parent / "other", first.settings)
    second.data.symlink_to(first.data)
    process = second.launch()
    try:
        status = process.wait(20)
    finally:
        second.kill()
    assert status not in {0, None}
    assert str(second.data) in second.output or str(first.data) in second.output, second.output
    assert "Traceback" not in second.output
    assert healthy(first.port)


def test_a_taken_port_is_refused_by_name(start_peerage: Start) -> None:
    first = start_peerage()
    address = f"127.0.0.1:{first.port}"
    other = PeerageProcess(first.data.parent / "second", {}).run("serve", "--listen", address)
    assert other.returncode != 0
    assert str(first.port) in other.stderr + other.stdout
    assert "Traceback" not in other.stderr + other.stdout


def test_the_control_socket_is_the_owner_s_alone(start_peerage: Start) -> None:
    service = start_peerage()
    wait_until((service.data / "control.sock").exists, "no control socket")
    assert (service.data / "control.sock").stat().st_mode & 0o777 == 0o600
