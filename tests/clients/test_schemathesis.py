import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.torrents import torrent

pytestmark = pytest.mark.clients

PASSWORD = "correct horse battery staple"
# 413 says that a body is too large, which is also what a text beyond its length can be.
EXPECTED = '["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]'
CONFIG = f"[checks]\nnegative_data_rejection.expected-statuses = {EXPECTED}\n"
# What takes away the very account or token that the run has.
ENDING = ("logOut", "revokeToken", "suspendToken", "editUser", "setPassword", "eraseUser")
# What takes any words that the description allows.
WELCOMING = (
    "listTorrents",
    "listGroups",
    "listCategories",
    "listUsers",
    "showMyself",
    "listNews",
    "listTags",
)


@pytest.fixture(scope="module")
def peerage_settings():
    return {
        "limits__rest": "1000000/minute",
        "limits__rest_anonymous": "1000000/minute",
        "limits__login": "1000000/minute",
        "accounts__keys_per_user": 100_000,
    }


@pytest.fixture(scope="module")
def tokens(peerage_server):
    """Tokens of an admin, of one who may be taken away, and of a user who brought torrents."""
    made = {}
    for name, options in (("chief", ["--admin"]), ("spare", ["--admin"]), ("user", [])):
        ran = peerage_server.run("user", "add", name, *options)
        assert ran.returncode == 0, ran.stderr
        ran = peerage_server.run("key", "add", name, "--scope", "rest")
        assert ran.returncode == 0, ran.stderr
        made[name] = ran.stdout.split()[-1]
    for number in range(3):
        answer = httpx.post(
            f"{peerage_server.url}/api/torrents",
            headers={"Authorization": f"Bearer {made['user']}"},
            files={"file": ("x.torrent", torrent(f"example {number}"))},
            data={"title": f"Example {number}", "tags": "one,two", "authors": "Anna"},
        )
        assert answer.status_code == 201, answer.text
    return made


def schemathesis(service, folder: Path, token: str | None, *options: str) -> str:
    """Run the published command; return what it found, "" for nothing."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    program = Path(sys.executable).with_name("schemathesis")
    proof = ["-H", f"Authorization: Bearer {token}"] if token else []
    url = f"{service.url}/api"
    bounds = ["--seed", "1", "--phases", "coverage,fuzzing", "--warnings", "off", "--no-color"]
    ran = subprocess.run(
        [
            program,
            "--config-file",
            config,
            "run",
            f"{url}/openapi.json",
            "--url",
            url,
            *bounds,
            *proof,
            *options,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=900,
    )
    return ran.stdout[-10_000:] + ran.stderr[-2_000:] if ran.returncode else ""


def picked(option: str, names) -> list[str]:
    return [part for name in names for part in (option, name)]


@pytest.mark.parametrize("who", ["chief", "user", None])
def test_nothing_that_is_sent_has_an_answer_that_is_not_described(peerage_server, tokens, tmp_path, who):
    token = tokens[who] if who else None
    left_out = picked("--exclude-operation-id", ENDING) if who else []
    checks = ["--exclude-checks", "positive_data_acceptance"]
    assert schemathesis(peerage_server, tmp_path, token, "-n", "5", *checks, *left_out) == ""
    if who:
        me = httpx.get(f"{peerage_server.url}/api/user", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["data"]["username"] == who, "the run kept its account to its end"


def test_what_ends_an_account_or_a_token_is_described_too(peerage_server, tokens, tmp_path):
    checks = ["--exclude-checks", "positive_data_acceptance"]
    only = picked("--include-operation-id", ENDING)
    assert schemathesis(peerage_server, tmp_path, tokens["spare"], "-n", "10", *checks, *only) == ""


def test_what_the_description_allows_is_taken_where_the_data_is_there(peerage_server, tokens, tmp_path):
    only = picked("--include-operation-id", WELCOMING)
    positive = ["-m", "positive", "--checks", "all"]
    assert schemathesis(peerage_server, tmp_path, tokens["user"], "-n", "20", *positive, *only) == ""


def test_operations_follow_on_one_another_as_described(peerage_server, tokens, tmp_path):
    left_out = picked("--exclude-operation-id", ENDING)
    checks = ["--phases", "stateful", "--exclude-checks", "positive_data_acceptance"]
    assert schemathesis(peerage_server, tmp_path, tokens["user"], "-n", "5", *checks, *left_out) == ""
