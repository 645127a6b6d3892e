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
    assert len(modules) < 220


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
    assert not modules & (
        SERVER | HEAVY | {"limits", "actions.lookups", "actions.uploads", "downloads.downloads"}
    )
    assert len(modules) < 650


def test_a_block_stops_downloads_and_needs_no_uploads_of_its_own(folder):
    imported(
        folder, "block", "ef" * 20, "--reason", "spam"
    )  # what a start finds blocked is no reason to load jobs
    assert "downloads.downloads" not in imported(folder, "export", str(folder / "exported"))
    modules = imported(folder, "block", "cd" * 20, "--reason", "spam")
    assert "downloads.downloads" in modules
    assert not modules & (SERVER | HEAVY | {"limits", "maxminddb", "actions.catalogue_dump"})
    assert len(modules) < 665


@pytest.mark.parametrize(("command", "most"), [("stats", 560), ("check", 525)])
def test_a_command_that_looks_at_a_folder_needs_no_catalogue(folder, command, most):
    modules = imported(folder, *command.split())
    assert not modules & (SERVER | HEAVY | {"limits", "maxminddb", "actions.takedowns", "catalogue.fields"})
    assert not [
        name for name in modules if name.startswith(("accounts.accounts", "downloads", "soap", "web"))
    ]
    assert len(modules) < most


@pytest.mark.parametrize("command", ["settings", "serve --help"])
def test_settings_are_printed_without_the_service(tmp_path, command):
    modules = imported(tmp_path, *command.split())
    assert not modules & (SERVER | STORES | HEAVY | {"structlog", "limits", "peerage.serve"})
    assert len(modules) < 290


def test_every_default_rate_is_one():
    # The defaults are not checked at each start, since the library that does takes its time.
    assert Settings().limits.rest == "60/minute"
    rates = [row.default for row in rows() if "a count per second" in row.takes]
    assert len(rates) > 8
    assert [read_rate(rate) for rate in rates] == rates
