import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing, contextmanager

import pytest
from click import Context, Group
from click.testing import CliRunner

from bittorrent import bencode
from peerage import __version__
from peerage.banner import banner
from peerage.cli import LazyCommand, main
from peerage.config import Settings, option, rows
from peerage.sections.websocket import WebsocketSection
from peerage.setting_values import ListenAddress

UNKNOWN = "AB" * 20
LOOPBACK = [ListenAddress("127.0.0.1", 6969), ListenAddress("::1", 6969)]
EVERYWHERE = [ListenAddress("0.0.0.0", 6969)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PEERAGE_"):
            monkeypatch.delenv(name)


def peerage(*arguments):
    return CliRunner().invoke(main, list(arguments), prog_name="peerage")


def sources(folder):
    folder.mkdir()
    info = {b"name": b"one", b"length": 5, b"piece length": 16384, b"pieces": hashlib.sha1(b"hello").digest()}
    (folder / "one.torrent").write_bytes(bencode.encode({b"info": info}))
    (folder / "bad.torrent").write_bytes(b"no torrent")
    return hashlib.sha1(bencode.encode(info)).hexdigest().upper()


def test_version():
    assert peerage("--version").output == f"peerage, version {__version__}\n"


def test_the_module_runs_like_the_command():
    outcome = subprocess.run(
        [sys.executable, "-m", "peerage", "--version"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert outcome.stdout.endswith(f"version {__version__}\n")


def test_serve_offers_every_setting_with_its_default():
    text = "".join(peerage("serve", "--help").output.split())
    for row in rows():
        assert option(row.key) in text
        assert f"[default:{row.default}]".replace(" ", "") in text


def declared(group):
    """Every command below a group, as it runs, by its words."""
    context = Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Group):
            yield from ((f"{name} {words}", below) for words, below in declared(command))
        else:
            yield name, command.load() if isinstance(command, LazyCommand) else command


def test_every_command_takes_data_and_config():
    commands = dict(declared(main))
    assert {"serve", "settings", "stats", "user add", "key revoke"} <= commands.keys()
    for name, command in commands.items():
        taken = {spelling for parameter in command.params for spelling in parameter.opts}
        assert {"--data", "--config"} <= taken or name in {"completion", "dns", "settings"}, name


WITHOUT_JSON = {
    "serve": "prints no records; what it logs is JSON by log.format",
    "completion": "prints a script",
}


def test_every_command_prints_json_where_it_prints_records():
    for name, command in declared(main):
        taken = {spelling for parameter in command.params for spelling in parameter.opts}
        assert ("--json" in taken) != (name in WITHOUT_JSON), name


@pytest.mark.parametrize("words", [["nope"], ["user", "nope"]])
def test_an_unknown_command_is_told(words):
    outcome = peerage(*words)
    assert outcome.exit_code == 2
    assert "No such command 'nope'" in outcome.output


def test_settings_prints_a_file_that_is_read_back():
    printed = peerage("settings")
    assert printed.exit_code == 0
    assert "#max_torrents = 1000000" in printed.output
    records = {
        each["key"]: each for each in map(json.loads, peerage("settings", "--json").stdout.splitlines())
    }
    assert records.keys() == {row.key for row in rows()}
    assert records["cache.max_bytes"] == {
        "key": "cache.max_bytes",
        "default": "50 GiB",
        "takes": "1 MiB to 1024 TiB",
        "meaning": "Bytes on disk that the cache takes at most.",
    }


def test_import_sums_up_and_names_each_refusal(tmp_path):
    sources(tmp_path / "in")
    outcome = peerage("import", "in")
    assert outcome.exit_code == 1
    assert "bad.torrent: The file is not bencoded" in outcome.output
    assert "1 new, 1 not-bencode" in outcome.output
    (tmp_path / "in" / "bad.torrent").unlink()
    again = peerage("import", "in")
    assert again.exit_code == 0
    assert "1 known" in again.output


def test_a_name_in_an_archive_cannot_steer_the_terminal(tmp_path):
    (tmp_path / "a\x1b]0;gone\x07.torrent").write_bytes(b"no torrent")
    assert "\x1b" not in peerage("import", ".").stdout


def test_export_writes_each_torrent(tmp_path):
    infohash = sources(tmp_path / "in")
    peerage("import", "in/one.torrent", "--data", "state")
    outcome = peerage("export", "out", "--data", "state")
    assert outcome.exit_code == 0
    assert "2 written" in outcome.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{infohash}.torrent", "catalogue.jsonl"}


def test_lists_change_and_show():
    assert peerage("block", UNKNOWN, "--reason", "notice 12").exit_code == 0
    assert peerage("allow", "CD" * 20).exit_code == 0
    shown = peerage("lists").output
    assert re.search(rf"blocked +{UNKNOWN} +\d{{4}}-\d\d-\d\d +\S+ at a terminal +notice 12", shown)
    assert re.search(rf"allowed +{'CD' * 20}", shown)
    assert peerage("unblock", UNKNOWN).exit_code == 0
    assert peerage("unblock", UNKNOWN).exit_code == 1
    assert peerage("disallow", "CD" * 20).exit_code == 0
    assert peerage("lists").output == ""


def test_block_wants_a_reason_and_a_hash():
    assert peerage("block", UNKNOWN).exit_code == 2
    refused = peerage("block", "xyz", "--reason", "r")
    assert refused.exit_code == 1
    assert "refused (bad-infohash)" in refused.output


def test_stats_as_a_table_and_as_json():
    peerage("block", UNKNOWN, "--reason", "r")
    assert re.search(r"blocked +1\n", peerage("stats").stdout)
    assert json.loads(peerage("stats", "--json").stdout)["lists"] == {"blocked": 1, "allowed": 0}


def test_room_says_how_full_the_cache_is(tmp_path):
    infohash = sources(tmp_path / "in")
    peerage("import", "in/one.torrent")
    shown = peerage("room").stdout
    assert "1 of 1,000,000 files" in shown
    assert "0 torrents of 0 B that nobody asked for in 365 days would go, but uploads are refused" in shown
    with closing(sqlite3.connect(tmp_path / "data" / "peerage.db")) as database:
        database.execute("UPDATE record SET asked = 20000")
        database.commit()
    assert re.search(rf"{infohash}  2024-10-04 .*  one", peerage("room").stdout)
    assert "removed 0 torrents" in peerage("room", "--now").stdout


def test_check_tells_by_its_exit_status(tmp_path):
    infohash = sources(tmp_path / "in")
    peerage("import", "in/one.torrent")
    assert peerage("check").exit_code == 0
    (
        tmp_path / "data" / "torrents" / infohash[:2] / infohash[2:4] / f"{infohash[4:]}.torrent.gz"
    ).write_bytes(b"x")
    damaged = peerage("check")
    assert damaged.exit_code == 1
    assert infohash in damaged.output


def test_a_folder_that_is_not_there_is_said():
    outcome = peerage("stats", "--data", "nowhere")
    assert outcome.exit_code == 1
    assert "there is no data folder" in outcome.output


def test_the_file_and_the_environment_count_for_every_command(tmp_path, monkeypatch):
    peerage("allow", UNKNOWN, "--data", "state")
    (tmp_path / "my.toml").write_text('data = "state"\n')
    assert UNKNOWN in peerage("lists", "--config", "my.toml").output
    monkeypatch.setenv("PEERAGE_DATA", "state")
    assert UNKNOWN in peerage("lists").output


def test_wrong_settings_end_a_command_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("PEERAGE_TRACKER_MAX_TORENTS", "1")
    outcome = peerage("stats")
    assert outcome.exit_code == 2
    assert "did you mean PEERAGE_TRACKER_MAX_TORRENTS?" in outcome.output


@contextmanager
def serving(*arguments):
    """A real server as a process of its own; yields it and the HTTP address that it printed."""
    command = [sys.executable, "-m", "peerage", "serve", "--listen", "127.0.0.1:0", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            printed = []
            for line in process.stdout:
                printed.append(line)
                if "torrents" in line:
                    break
            yield process, re.search(r"http://127\.0\.0\.1:\d+", "".join(printed))[0]
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_it_is_and_stops_cleanly(number):
    with serving() as (process, address):
        with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "Traceback" not in errors


def test_a_second_server_on_the_same_folder_is_refused():
    with serving():
        second = peerage("serve", "--listen", "127.0.0.1:0")
        assert second.exit_code == 1
        assert "is in use by process" in second.output


def test_a_port_that_is_taken_is_named():
    with serving() as (_, address):
        taken = address.removeprefix("http://")
        outcome = peerage("serve", "--listen", taken, "--data", "other")
        assert outcome.exit_code == 1
        assert f"cannot listen on {taken}" in outcome.output


def test_commands_speak_to_the_running_server():
    with serving():
        blocked = peerage("block", UNKNOWN, "--reason", "notice 12")
        assert blocked.exit_code == 0, blocked.output
        assert UNKNOWN in peerage("lists").output


@pytest.mark.parametrize("enabled", [True, False])
def test_the_banner_names_the_tracker_over_websocket_where_it_is(enabled):
    settings = Settings(websocket=WebsocketSection(enabled=enabled))
    text = banner(settings, LOOPBACK, lists_empty=True)
    assert ("ws://127.0.0.1:6969/announce" in text) is enabled


def test_the_banner_names_every_address_and_where_state_lives():
    text = banner(Settings.of(data="/srv/p", public_url="http://t.example"), LOOPBACK, lists_empty=False)
    for part in (
        __version__,
        "http://127.0.0.1:6969/",
        "http://[::1]:6969/announce",
        "udp://[::1]:6969",
        "/srv/p",
        "http://t.example",
    ):
        assert part in text
    assert "!" not in text
    assert max(map(len, text.splitlines())) < 100


@pytest.mark.parametrize(
    ("settings", "bound", "said"),
    [
        ({}, EVERYWHERE, "tracks any torrent for anyone"),
        ({}, EVERYWHERE, "public_url is unset"),
        ({"public_url": "http://t.example"}, LOOPBACK, "tracks any torrent for anyone"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, LOOPBACK, "trusted_proxies covers every address"),
        ({"trusted_proxies": ["::/0"]}, LOOPBACK, "trusted_proxies covers every address"),
        ({"metrics": {"open": True}}, EVERYWHERE, "metrics.open lets anyone"),
    ],
)
def test_what_is_unsafe_is_warned_of(settings, bound, said):
    assert said in banner(Settings.of(**settings), bound, lists_empty=True)


@pytest.mark.parametrize(
    ("settings", "bound", "lists_empty"),
    [
        ({}, LOOPBACK, True),
        ({"public_url": "http://t.example"}, EVERYWHERE, False),
        ({"public_url": "http://t.example", "tracker": {"mode": "listed"}}, EVERYWHERE, True),
        ({"metrics": {"open": True}}, LOOPBACK, True),
    ],
)
def test_a_safe_setup_gets_no_warning(settings, bound, lists_empty):
    assert "!" not in banner(Settings.of(**settings), bound, lists_empty=lists_empty)
