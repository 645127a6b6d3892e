"""What a command imports: the more it is, the longer whoever types it waits."""

import subprocess
import sys

import pytest

from peerage.config import Settings, rows
from peerage.setting_values import read_rate
from tests.support.processes import environment

SCRIPT = """
import sys
from peerage.cli import main
try:
    main(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
print(*sorted(sys.modules))
"""
SERVER = {"starlette", "uvicorn", "uvloop", "httptools", "jinja2", "spyne", "lxml", "multipart"}
STORES = {"sqlalchemy", "aiosqlite", "sqlite3", "argon2"}
DEVELOPMENT = ("rich", "pygments", "attr")  # structlog imports them where a tool of developers brought them
HEAVY = {"alembic", "numpy", "datasketches", "aiohttp", "libtorrent", "pydantic_settings"}


def imported(folder, *arguments):
    """The modules in a process of its own after a command."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    names = ran.stdout.splitlines()[-1].split()
    return {name for name in names if not name.startswith(DEVELOPMENT)}


@pytest.fixture
def folder(tmp_path):
    """A place with a data folder, so that nothing is migrated any more."""
    imported(tmp_path, "allow", "ab" * 20)
    return tmp_path


def test_help_needs_no_settings(tmp_path):
    modules = imported(tmp_path, "--help")
    assert not modules & (SERVER | STORES | HEAVY | {"pydantic", "structlog", "limits"})
    assert len(modules) < 230


def test_a_command_beside_a_server_needs_its_socket_and_the_settings(start_peerage):
    service = start_peerage()
    modules = imported(service.data.parent, "stats", "--data", str(service.data))
    assert not modules & (SERVER | STORES | HEAVY | {"structlog", "limits"})
    assert len(modules) < 420


@pytest.mark.parametrize(("command", "most"), [("lists", 510), ("user list", 590)])
def test_a_command_that_reads_a_folder_needs_one_group(folder, command, most):
    modules = imported(folder, *command.split())
    assert not modules & (SERVER | HEAVY | {"limits", "tracker.tracker", "cache.torrents", "actions.uploads"})
    assert len(modules) < most


def test_a_command_that_changes_a_list_needs_no_downloads(folder):
    modules = imported(folder, "allow", "cd" * 20)
    assert not modules & (SERVER | HEAVY | {"limits", "actions.lookups", "downloads.downloads"})
    assert len(modules) < 650


@pytest.mark.parametrize("command", ["stats", "check", f"block {'cd' * 20} --reason spam"])
def test_a_command_on_a_folder_needs_no_server(folder, command):
    modules = imported(folder, *command.split())
    assert not modules & (SERVER | HEAVY | {"limits", "maxminddb", "actions.catalogue_dump"})
    assert not [name for name in modules if name.startswith(("soap", "web"))]
    assert len(modules) < 680


def test_every_default_rate_is_one():
    # The defaults are not checked at each start, since the library that does takes its time.
    assert Settings().limits.rest == "60/minute"
    rates = [row.default for row in rows() if "a count per second" in row.takes]
    assert len(rates) > 8
    assert [read_rate(rate) for rate in rates] == rates
