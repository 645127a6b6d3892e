"""Fixtures for the tests of every package."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.application import DATABASE
from tests.support.processes import PeerageProcess, peerage_processes


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--database`, the engine that applications in this process have their records on."""
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite")


def pytest_configure(config: pytest.Config) -> None:
    """Tell the engine to whatever opens an application."""
    os.environ[DATABASE] = config.getoption("--database")


@pytest.fixture
def start_peerage(tmp_path: Path) -> Iterator[Callable[..., PeerageProcess]]:
    """Starts the real command: `start_peerage(tracker__mode="listed")` is `[tracker] mode`."""
    with peerage_processes(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    """The settings of `peerage_server`; a module that needs others has a fixture of this name."""
    return {}


@pytest.fixture(scope="module")
def peerage_server(
    tmp_path_factory: pytest.TempPathFactory, peerage_settings: Mapping[str, object]
) -> Iterator[PeerageProcess]:
    """One service that a module's tests share."""
    with peerage_processes(tmp_path_factory.mktemp("service")) as start:
        service = start(**peerage_settings)
        yield service
        assert service.process is not None
        assert service.process.poll() is None, f"ended by itself:\n{service.output}"
