"""How each peer is configured and found, without any of them installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generators import torrent_hash
from benchmarks.machine import ROOT
from benchmarks.processes import cpu_seconds, proportional_bytes, thread_seconds
from benchmarks.servers import HTTP, KINDS, UDP, Kind, ServerError, peerage_settings, running, usual
from benchmarks.spinning import SPINNER
from tests.support.processes import wait_until

ANSWERS_CONNECTS = """
import socket, sys
with socket.socket(type=socket.SOCK_DGRAM) as door:
    door.bind(("127.0.0.1", int(sys.argv[1])))
    while True:
        packet, sender = door.recvfrom(2048)
        door.sendto(bytes(4) + packet[12:16] + bytes(8), sender)
"""


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_server_is_told_to_listen_on_loopback_alone(name: str, tmp_path: Path) -> None:
    command = KINDS[name].prepare(tmp_path, 6969, 3)
    written = " ".join([*command, *(path.read_text() for path in tmp_path.iterdir())])
    assert "6969" in written
    assert "0.0.0.0" not in written
    assert "[::]" not in written


def test_chihaya_keeps_connections_and_holds_peers_in_memory(tmp_path: Path) -> None:
    KINDS["chihaya"].prepare(tmp_path, 6969, 3)
    written = json.loads((tmp_path / "chihaya.yaml").read_text())["chihaya"]
    assert written["http"]["enable_keepalive"]
    assert written["http"]["addr"] == written["udp"]["addr"] == "127.0.0.1:6969"
    assert written["storage"]["name"] == "memory"


def test_opentracker_is_given_the_hashes_of_the_run(tmp_path: Path) -> None:
    KINDS["opentracker"].prepare(tmp_path, 6969, 2)
    listed = (tmp_path / "whitelist.txt").read_text().split()
    assert listed == [torrent_hash(0).hex(), torrent_hash(1).hex()]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("opentracker", "OPENTRACKER"),
        ("chihaya", "CHIHAYA"),
        ("aquatic_http", "AQUATIC_HTTP"),
        ("aquatic_udp", "AQUATIC_UDP"),
        ("aquatic_ws", "AQUATIC_WS"),
    ],
)
def test_a_variable_names_the_build_that_is_measured(
    name: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "build"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv(variable, str(program))
    assert KINDS[name].program() == str(program)
    assert KINDS[name].prepare(tmp_path, 6969, 1)[0] == str(program)
    monkeypatch.setenv(variable, str(tmp_path / "absent"))
    assert KINDS[name].program() is None


def test_the_package_of_npm_is_absent_without_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITTORRENT_TRACKER", raising=False)
    assert KINDS["bittorrent-tracker"].program() is None
    monkeypatch.setenv("BITTORRENT_TRACKER", str(tmp_path))
    assert KINDS["bittorrent-tracker"].program() is None


def test_a_protocol_has_its_own_servers() -> None:
    assert "aquatic_udp" not in usual(HTTP)
    assert not {"aquatic_http", "peerage-fast-path"} & set(usual(UDP))
    assert not {"peerage-spinning"} & {*usual(HTTP), *usual(UDP)}
    assert {"opentracker", "peerage", "ceiling"} <= {*usual(HTTP)} & {*usual(UDP)}


def test_a_server_without_http_is_ready_once_it_answers_udp() -> None:
    def prepare(folder: Path, port: int, torrents: int) -> list[str]:
        return [sys.executable, "-c", ANSWERS_CONNECTS, str(port)]

    kind = Kind("packets", prepare, lambda: sys.executable, serves=frozenset((UDP,)))
    with running("packets", 1, kinds={"packets": kind}) as server:
        assert not server.keeps
        assert not server.closes
        assert server.proportional_bytes() > 0


def test_settings_of_a_kind_go_before_those_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "import os; print(*sorted(k + v for k, v in os.environ.items()))"]
    kind = Kind(
        "ours", lambda *_: command, lambda: sys.executable, settings=peerage_settings("uvicorn", None)
    )
    monkeypatch.setenv("PEERAGE_TRACKER_INTERVAL", "77")
    with (
        pytest.raises(ServerError, match="PEERAGE_TRACKER_DOORuvicorn PEERAGE_TRACKER_STOREpython") as raised,
        running("ours", 1, peerage_settings("native", "python"), kinds={"ours": kind}),
    ):
        pass
    assert "PEERAGE_TRACKER_INTERVAL" not in str(raised.value)


def test_a_variant_that_is_not_asked_for_sets_nothing() -> None:
    assert peerage_settings(None, None) == {}


def test_the_spinning_thread_has_its_own_name_and_is_not_counted() -> None:
    script = "from benchmarks.spinning import start_spinner; start_spinner(); input()"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE) as process:
        try:
            wait_until(lambda: _spun(process.pid) >= 0.05, "it spins")
            without = cpu_seconds(process.pid, {SPINNER})
            assert without < cpu_seconds(process.pid)
        finally:
            process.kill()


def _spun(pid: int) -> float:
    return sum(used for name, used in thread_seconds(pid).items() if name.startswith(f"{SPINNER} "))


def test_the_first_thread_of_a_process_is_called_main() -> None:
    assert f"main {os.getpid()}" in thread_seconds(os.getpid())
    assert proportional_bytes(os.getpid()) > 0
