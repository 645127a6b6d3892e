import asyncio
import re
import signal
import sqlite3
import stat

import pytest
from click.testing import CliRunner

from accounts.model import Scope
from bittorrent.refusal import Refusal
from peerage.cli import main
from peerage.config import Settings
from peerage.wiring.application import open_application

LINK = re.compile(r"(http://127\.0\.0\.1:\d+/welcome/)([A-Za-z0-9_-]{43})")
FORMS = {
    "rest": r"pg_rest_[A-Za-z0-9_-]{43}",
    "feed": r"pg_feed_[A-Za-z0-9_-]{43}",
    "gazelle": r"pg_gazelle_[A-Za-z0-9_-]{43}",
    "torbox": r"pg_torbox_[A-Za-z0-9_-]{43}",
    "torrent-api": r"[0-9a-f]{32}",
    "passkey": r"[0-9a-f]{32}",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def peerage(*arguments, stdin=None):
    return CliRunner().invoke(main, [*arguments, "--data", "data"], prog_name="peerage", input=stdin)


def last_line(outcome):
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout.splitlines()[-1]


def in_folder(folder, work):
    """The result of `work` on the folder, opened by this process."""

    async def opened():
        async with open_application(Settings.of(data=folder)) as application:
            return await work(application)

    return asyncio.run(opened())


def authenticated(folder, secret, scope):
    """Whose key that is in a stopped service's folder, or the code of the refusal."""

    async def work(application):
        try:
            return (await application.accounts.accounts.authenticate(secret, Scope(scope))).name
        except Refusal as refusal:
            return refusal.code

    return in_folder(folder, work)


def logged(folder):
    database = sqlite3.connect(folder / "peerage.db")
    try:
        return database.execute("SELECT verb, subject, detail FROM log_entry ORDER BY id").fetchall()
    finally:
        database.close()


def test_an_account_is_made_with_a_link_and_listed(tmp_path):
    added = peerage("user", "add", "Ada", "--moderator")
    assert re.fullmatch(LINK, last_line(added))
    listed = peerage("user", "list")
    assert re.search(r"1 +Ada +moderator +enabled +joined \d{4}-\d\d-\d\d +never seen", listed.stdout)
    again = peerage("user", "add", "ADA")
    assert again.exit_code == 1
    assert "refused (taken)" in again.stderr


def test_a_password_from_the_input_lets_the_account_in(tmp_path):
    outcome = peerage("user", "add", "root", "--admin", "--password-stdin", stdin="a very good one\n")
    assert outcome.exit_code == 0
    assert "welcome" not in outcome.output
    assert "a very good one" not in outcome.output
    user = in_folder(
        tmp_path / "data",
        lambda application: application.accounts.accounts.log_in("root", "a very good one", b"\x7f\0\0\1"),
    )
    assert user.role == "admin"


@pytest.mark.parametrize(
    ("name", "stdin", "field"),
    [("x y", None, "name"), ("ok-name", "short\n", "password"), ("ok-name", "", "password")],
)
def test_what_is_wrong_with_an_account_is_said_field_by_field(name, stdin, field):
    outcome = peerage("user", "add", name, *(["--password-stdin"] if stdin is not None else []), stdin=stdin)
    assert outcome.exit_code == 1
    assert "refused (invalid)" in outcome.stderr
    assert f"{field}: It " in outcome.stderr


@pytest.mark.parametrize("scope", FORMS)
def test_the_key_is_the_last_line_that_is_printed(tmp_path, scope):
    peerage("user", "add", "ada")
    arguments = [
        "--scope",
        scope,
        "--label",
        "my program",
        "--expires",
        "30d",
        "--method",
        "a",
        "--method",
        "b",
    ]
    minted = peerage("key", "add", "ADA", *arguments)
    secret = last_line(minted)
    assert re.fullmatch(FORMS[scope], secret)
    assert authenticated(tmp_path / "data", secret, scope) == "ada"
    listed = peerage("key", "list").stdout
    assert re.search(
        rf"1 +ada +{scope} +in use +made \S+ +expires \S+ +used \S+ +methods a, b +my program", listed
    )
    assert secret not in listed


def test_keys_are_suspended_resumed_and_revoked(tmp_path):
    peerage("user", "add", "ada")
    secret = last_line(peerage("key", "add", "ada", "--scope", "rest"))
    for command, expected in (
        ("suspend", "key-suspended"),
        ("resume", "ada"),
        ("revoke", "token-revoked"),
        ("resume", "token-revoked"),
    ):
        assert peerage("key", command, "1").exit_code == 0
        assert authenticated(tmp_path / "data", secret, "rest") == expected
    assert peerage("key", "revoke", "2").exit_code == 1
    assert peerage("key", "revoke", str(2**70)).exit_code == 1
    assert peerage("key", "revoke", "0").exit_code == 2


def test_accounts_are_disabled_and_raised(tmp_path):
    peerage("user", "add", "root", "--admin")
    peerage("user", "add", "ada")
    secret = last_line(peerage("key", "add", "ada", "--scope", "rest"))
    assert peerage("user", "role", "ada", "moderator").exit_code == 0
    assert peerage("user", "disable", "ada").exit_code == 0
    assert authenticated(tmp_path / "data", secret, "rest") == "user-disabled"
    assert re.search(r"ada +moderator +disabled", peerage("user", "list").stdout)
    assert peerage("user", "link", "ada").exit_code == 1
    assert peerage("user", "enable", "ada").exit_code == 0
    assert re.fullmatch(LINK, last_line(peerage("user", "link", "ada")))
    refused = peerage("user", "role", "root", "user")
    assert refused.exit_code == 1
    assert "refused (last-admin)" in refused.stderr


def test_everything_that_changes_is_in_the_log_and_no_secret(tmp_path):
    printed = [peerage("user", "add", "ada"), peerage("key", "add", "ada", "--scope", "feed")]
    peerage("user", "role", "ada", "moderator")
    peerage("user", "disable", "ada")
    peerage("key", "suspend", "1")
    peerage("key", "list")
    lines = logged(tmp_path / "data")
    assert [line[:2] for line in lines] == [
        ("add", "user"),
        ("mint", "key"),
        ("set-role", "user"),
        ("disable", "user"),
        ("suspend", "key"),
    ]
    assert "ada: user to moderator, by " in lines[2][2]
    for outcome in printed:
        assert last_line(outcome)[-43:] not in repr(lines)


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "role", "nobody", "admin"),
        ("user", "disable", "nobody"),
        ("user", "link", "no body"),
        ("key", "add", "nobody", "--scope", "rest"),
        ("key", "list", "nobody"),
    ],
)
def test_an_account_that_is_not_there_is_said(arguments):
    peerage("user", "add", "ada")
    outcome = peerage(*arguments)
    assert outcome.exit_code == 1
    assert "no account has that name" in outcome.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "role", "ada", "king"),
        ("key", "add", "ada"),
        ("key", "add", "ada", "--scope", "everything"),
        ("key", "add", "ada", "--scope", "rest", "--expires", "soon"),
        ("key", "suspend", "one"),
    ],
)
def test_a_wrong_command_line_is_told_apart(arguments):
    assert peerage(*arguments).exit_code == 2


def test_a_key_that_would_end_at_once_is_refused():
    peerage("user", "add", "ada")
    outcome = peerage("key", "add", "ada", "--scope", "rest", "--expires", "0")
    assert outcome.exit_code == 1
    assert "lifetime: It is at least a second" in outcome.stderr


# Beside a running server


def test_beside_a_running_server_the_commands_ask_it_and_survive_its_death(start_peerage):
    service = start_peerage()
    link = service.run("user", "add", "ada").stdout.splitlines()[-1]
    assert link.startswith(f"{service.url}/welcome/")
    kept, revoked = (
        service.run("key", "add", "ada", "--scope", "rest").stdout.splitlines()[-1] for _ in "ab"
    )
    assert service.run("key", "revoke", "2").returncode == 0
    service.kill()
    assert authenticated(service.data, kept, "rest") == "ada"
    assert authenticated(service.data, revoked, "rest") == "token-revoked"
    secret = link.rpartition("/")[2]
    assert (
        in_folder(service.data, lambda application: application.accounts.accounts.link_owner(secret)).name
        == "ada"
    )
    for each in (kept, revoked, secret):
        assert each not in service.output


def test_the_first_start_names_the_file_with_the_admins_link_and_never_the_link(start_peerage):
    service = start_peerage(log__level="debug")
    file = service.data / "first-admin-link"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    base, secret = LINK.fullmatch(file.read_text().strip()).groups()
    assert base == f"{service.url}/welcome/"
    assert str(file) in service.output
    assert secret not in service.output
    assert service.stop(signal.SIGTERM) == 0
    service.restart()
    assert LINK.fullmatch(file.read_text().strip())[2] != secret
    other = service.run("user", "add", "root", "--admin", "--password-stdin")
    assert other.returncode == 1  # an empty password
    service.stop()
    in_folder(
        service.data,
        lambda application: application.accounts.accounts.redeem_link(
            LINK.fullmatch(file.read_text().strip())[2], "a very good one"
        ),
    )
    service.restart()
    assert not file.exists()
    assert "first-admin-link" not in service.output
    written = b"".join(path.read_bytes() for path in service.data.glob("*.db*"))
    assert secret.encode() not in written
