"""What a command imports: the more it is, the longer whoever types it waits."""

import subprocess
import sys

import pytest

from peerage.commands.registry import every_command
from peerage.config import Settings, rows
from peerage.setting_values import read_rate
from tests.support.processes import environment
from tests.support.torrents import parsed, v1_torrent

SCRIPT = """
import sys
at_start = set(sys.modules)
import shlex
from peerage.cli import main
for command in sys.argv[1:]:
    try:
        main(shlex.split(command), standalone_mode=False)
    except SystemExit as ended:
        assert not ended.code, command
print(*sorted(set(sys.modules) - at_start))
"""
"""Prints what the commands imported; what an interpreter has at its start differs between machines."""

SERVER = {
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "jinja2",
    "spyne",
    "lxml",
    "multipart",
    "limits",
    "peerage.serve",
}
STORES = {"aiosqlite", "sqlite3", "argon2", "structlog"}
DEVELOPMENT = ("rich", "pygments", "attr")  # structlog imports them where a tool of developers brought them
HEAVY = {"alembic", "sqlalchemy", "numpy", "datasketches", "aiohttp", "libtorrent", "pydantic"}
CATALOGUE = {"catalogue.model", "actions.takedowns"}
UPLOADS = {"actions.uploads", "actions.lookups", "downloads.downloads", "maxminddb"}

INIT = "init --domain t.test --mode listed --uploads accounts --downloads --admin ada"

TORRENT = v1_torrent()
TITLES = """tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres
tt0000001\tmovie\tAlien\tAlien\t0\t1979\t\\N\t117\tHorror
"""
HASH, OTHER = parsed(TORRENT).infohash.hex(), "cd" * 20
ON_A_FOLDER = {
    "the lists": (("lists", "rule list"), 290, CATALOGUE | UPLOADS | {"accounts.accounts", "cache.torrents"}),
    "accounts": (("user list", "key list", "user log"), 320, CATALOGUE | UPLOADS | {"cache.torrents"}),
    "an account's traffic": (("user show alice",), 370, UPLOADS | {"actions.takedowns"}),
    "changes of accounts": (
        (
            *("user role alice moderator", "user disable alice", "user enable alice", "user link alice"),
            *("user passkey alice", "key suspend 1", "key resume 1", "key rotate 1"),
            *("user add bob", "key add bob --scope rest", "key revoke 2", "user passwd bob --password-stdin"),
        ),
        340,
        UPLOADS | {"actions.takedowns", "catalogue.catalogue"},
    ),
    "credit": (
        (
            *("credit add --download 0 --for 2d", "credit list", "credit end 1"),
            "credit grant alice 3",
            *("standing", "invite grant alice 1", "invite tree alice"),
        ),
        340,
        UPLOADS | {"actions.takedowns", "catalogue.catalogue"},
    ),
    "all of an account": (("user export alice",), 340, UPLOADS),
    "an account for good": (("user add eve", "user erase eve"), 350, UPLOADS | {"actions.takedowns"}),
    "another site": (("site import site --from csv --dry-run", "site import site --from csv"), 340, UPLOADS),
    "numbers": (("stats",), 340, CATALOGUE | UPLOADS | {"accounts.accounts"}),
    "files": (("check", "backup saved"), 310, CATALOGUE | UPLOADS | {"accounts.accounts", "tracker.tracker"}),
    "records": (("search thing", f"show {HASH}"), 370, UPLOADS | {"accounts.accounts", "actions.takedowns"}),
    "room": (("room", "room --now"), 390, UPLOADS),
    "webhooks": (
        (
            *("webhook add http://127.0.0.1:9/x", "webhook list", "webhook log"),
            "webhook remove 1",
        ),
        280,
        CATALOGUE | UPLOADS | {"accounts.accounts", "cache.torrents"},
    ),
    "downloads": (("jobs list",), 350, (UPLOADS - {"downloads.downloads"}) | CATALOGUE | {"tracker.tracker"}),
    "changes of lists": (
        (
            *(f"allow {HASH}", f"disallow {HASH}", f"unblock {OTHER}", "census close"),
            *("rule deny client -UT", "rule allow address 10.0.0.0/8", "rule forget client -UT"),
        ),
        390,
        (UPLOADS - {"maxminddb"}) | {"catalogue.query", "accounts.accounts"},
    ),
    "a block": (
        (f"block {OTHER} --reason spam",),
        360,
        UPLOADS | {"tracker.tracker", "catalogue.query", "accounts.accounts"},
    ),
    "an export": (("export exported",), 360, UPLOADS | {"tarfile", "accounts.accounts", "tracker.tracker"}),
    "everything but downloads": (
        ("export exported", "import exported", f"torrent own {HASH} alice", "titles import titles.tsv"),
        420,
        {"downloads.downloads", "tracker.tracker"},
    ),
    "deletions": ((f"delete {HASH}",), 350, UPLOADS | {"accounts.accounts", "tracker.tracker"}),
}
"""Commands on a folder that no server owns: how many modules a process has after them, and which it has not."""


def imported(folder, *commands):
    """The modules in a process of its own after commands that go well."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *commands],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        text=True,
        input="a password for bob\n",
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    names = ran.stdout.splitlines()[-1].split()
    return {name for name in names if not name.startswith(DEVELOPMENT)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A place with a data folder, so that nothing is migrated any more, and with what the commands name."""
    place = tmp_path_factory.mktemp("commands")
    (place / "t.torrent").write_bytes(TORRENT)
    (place / "titles.tsv").write_text(TITLES)
    (place / "site").mkdir()
    (place / "site" / "accounts.csv").write_text("id,name\n1,carol\n")
    (place / "site" / "traffic.csv").write_text("account,infohash,uploaded,downloaded\n")
    imported(
        place,
        *("import t.torrent", "user add alice", "key add alice --scope rest", f"block {OTHER} --reason spam"),
    )
    return place


@pytest.mark.parametrize(("command", "most"), [("--help", 160), ("user --help", 150)])
def test_help_needs_no_settings(tmp_path, command, most):
    modules = imported(tmp_path, command)
    assert modules & (SERVER | STORES | HEAVY | {"msgspec", "peerage.config"}) == set()
    assert len(modules) < most


@pytest.mark.parametrize(
    ("command", "most"), [("settings", 180), ("serve --help", 190), ("dns", 180), (INIT, 200)]
)
def test_settings_are_read_without_the_service(tmp_path, command, most):
    modules = imported(tmp_path, command)
    assert modules & (SERVER | STORES | HEAVY) == set()
    assert len(modules) < most


def test_a_command_beside_a_server_needs_its_socket_and_the_settings(start_peerage):
    service = start_peerage()
    modules = imported(service.data.parent, f"stats --data {service.data}")
    assert modules & (SERVER | STORES | HEAVY) == set()
    assert len(modules) < 190


@pytest.mark.parametrize("subject", ON_A_FOLDER)
def test_a_command_on_a_folder_imports_what_it_uses(folder, subject):
    commands, most, without = ON_A_FOLDER[subject]
    modules = imported(folder, *commands)
    assert modules & (SERVER | HEAVY | without) == set()
    assert len(modules) < most


def test_the_doctor_needs_no_service(folder):
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("not ended.code", "ended.code in (0, 1, None)"), "doctor"],
        cwd=folder,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    modules = {each for each in ran.stdout.splitlines()[-1].split() if not each.startswith(DEVELOPMENT)}
    assert modules & (SERVER | HEAVY | {"aiosqlite"} | CATALOGUE | UPLOADS) == set()
    assert len(modules) < 280


def test_announces_are_answered_before_the_rest_is_imported():
    script = "import sys; at_start = set(sys.modules); import peerage.serve, peerage.wiring.tracker; print(*set(sys.modules) - at_start)"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    modules = {name for name in ran.stdout.split() if not name.startswith(DEVELOPMENT)}
    late = {"jinja2", "spyne", "lxml", "limits", "multipart", "argon2", "wsproto", "prometheus_client"}
    assert modules & (late | HEAVY | CATALOGUE | UPLOADS | {"peerage.routes", "peerage.background"}) == set()
    assert len(modules) < 430


def test_every_command_has_a_bar():
    barred = [command.split() for commands, _, _ in ON_A_FOLDER.values() for command in commands]
    # Which need another service, a delivery or a download, or have a bar of their own.
    others = {
        ("mirror",),
        ("doctor",),
        ("top",),
        ("webhook", "test"),
        ("webhook", "resend"),
        ("jobs", "cancel"),
    }
    paths = {each.path for each in every_command().values()} - others
    assert {tuple(words[: len(path)]) for words in barred for path in paths} >= paths


def test_every_default_rate_is_one():
    # The defaults are not checked at each start, since the library that does takes its time.
    assert Settings().limits.rest == "60/minute"
    rates = [row.default for row in rows() if "a count per second" in row.takes]
    assert len(rates) > 8
    assert [read_rate(rate) for rate in rates] == rates
