"""Servers under test are started, found ready, measured, and always ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generators import build, drive
from benchmarks.machine import ROOT, cores, describe
from benchmarks.processes import cpu_seconds, family, pinned
from benchmarks.servers import Kind, ServerError, running
from tests.support.processes import wait_until


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_server_runs_on_its_core_and_ends_with_the_block() -> None:
    with running("ceiling", 1) as server:
        assert os.sched_getaffinity(server.pid) == {cores().server}
        assert server.keeps
        assert server.closes
        before = server.cpu_seconds()
        assert drive(build("http_load"), server.port, 5, "--requests", 200).failures == 0
        assert server.cpu_seconds() > before
        assert server.resident_bytes() > 0
    assert not alive(server.pid)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_server_ends_when_the_block_fails(error: type[BaseException]) -> None:
    with pytest.raises(error), running("ceiling", 1) as server:
        raise error
    assert not alive(server.pid)


def test_a_server_that_ends_at_once_is_reported_with_its_log() -> None:
    command = [sys.executable, "-c", "print('no port for me', flush=True)"]
    broken = Kind("broken", lambda folder, port, torrents: command, lambda: sys.executable)
    with pytest.raises(ServerError, match="no port for me"), running("broken", 1, kinds={"broken": broken}):
        pass


def test_a_server_that_is_not_installed_is_named_with_its_remedy() -> None:
    missing = Kind("missing", lambda folder, port, torrents: [], lambda: None, "apt-get install missing")
    with pytest.raises(ServerError, match=r"missing is not installed \(apt-get install missing\)"):
        running("missing", 1, kinds={"missing": missing}).__enter__()


def test_pinning_ends_with_its_block() -> None:
    before = os.sched_getaffinity(0)
    with pinned(cores().load):
        assert os.sched_getaffinity(0) == {cores().load}
    assert os.sched_getaffinity(0) == before


def test_the_cpu_time_of_a_process_that_is_gone_is_nothing() -> None:
    assert cpu_seconds(os.getpid()) > 0
    assert cpu_seconds(1 << 22) == 0


def test_the_machine_is_described_in_one_line() -> None:
    line = describe()
    assert "\n" not in line
    assert "CPython" in line or "PyPy" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_takes_its_servers_with_it(number: signal.Signals) -> None:
    for program in ("ceiling", "udp_load"):
        build(program)  # so that what the run starts is a server, not a compiler
    command = [sys.executable, "-m", "benchmarks.announce_udp", "--servers", "ceiling", "--torrents", "5"]
    with subprocess.Popen(
        [*command, "--rounds", "60"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout is not None
        run.stdout.readline()
        try:
            started = wait_until(
                lambda: found if len(found := family(run.pid)) > 1 else None, "no server was started"
            )
        finally:
            run.send_signal(number)
            run.communicate(timeout=30)
    assert run.returncode
    assert not any(alive(pid) for pid in started)
