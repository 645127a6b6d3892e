"""The commands that look at records, downloads, credentials and webhooks, on a folder and beside a server."""

import json

import pytest
from click.testing import CliRunner

from peerage.cli import main
from tests.peerage.test_commands import UNKNOWN, ask, by_server, settings, sources, torrent  # noqa: F401 - fixtures


@pytest.fixture
def held(sources):  # noqa: F811
    """What imports two torrents, and the hash of the first."""
    return ("import", {"paths": [str(sources[0])]}), torrent("one")[1]


async def test_a_search_finds_what_was_imported(settings, held, by_server):  # noqa: F811
    commands = [
        held[0],
        ("search", {"words": ["one"]}),
        ("search", {"limit": 1}),
        ("search", {"order": "name"}),
    ]
    _, found, newest, named = await ask(settings, *commands, by_server=by_server)
    assert [(each["infohash"], each["title"], each["size"]) for each in found] == [(held[1], "one", 5)]
    assert len(newest) == 1
    assert [each["title"] for each in named] == ["one", "two"]


async def test_a_torrent_is_shown_whole(settings, held, by_server):  # noqa: F811
    block = ("block", {"infohash": UNKNOWN, "reason": "spam"})
    commands = [held[0], ("show", {"infohash": held[1].lower()}), block, ("show", {"infohash": UNKNOWN})]
    _, shown, _, blocked = await ask(settings, *commands, by_server=by_server)
    assert list(shown[0]["files"]) == [{"path": "one", "size": 5}]
    assert (shown[0]["held"], shown[0]["listed"], shown[0]["file_count"]) == (True, "", 1)
    assert (blocked[0]["listed"], blocked[0]["reason"], blocked[0]["title"]) == ("deny", "spam", "")


async def test_what_was_deleted_may_come_again(settings, held, by_server):  # noqa: F811
    delete = ("delete", {"infohash": held[1], "reason": "asked to"})
    commands = [held[0], delete, ("show", {"infohash": held[1]}), delete, held[0]]
    _, deleted, shown, again, imported = await ask(settings, *commands, by_server=by_server)
    assert deleted == [{"infohash": held[1], "title": "one"}]
    assert [shown[0]["refused"], again[0]["refused"]] == ["not-found", "not-found"]
    assert sorted(each["outcome"] for each in imported[1:]) == ["known", "new", "not-bencode"]


async def test_a_key_is_replaced_by_one_like_it(settings, by_server):  # noqa: F811
    commands = [
        ("user-add", {"name": "ann"}),
        ("key-add", {"name": "ann", "scope": "rest", "label": "ci", "lifetime": 86_400}),
        ("key-rotate", {"key": 1}),
        ("key-rotate", {"key": 1}),
        ("key-list", {}),
    ]
    _, first, second, refused, keys = await ask(settings, *commands, by_server=by_server)
    assert second[0]["secret"] != first[0]["secret"]
    same = ("scope", "label", "methods")
    assert [second[0]["key"][name] for name in same] == [first[0]["key"][name] for name in same]
    assert second[0]["key"]["expires"] - second[0]["key"]["created"] == 86_400
    assert refused[0]["refused"] == "not-found"
    assert sorted(each["key"]["revoked"] for each in keys) == [False, True]


async def test_a_password_is_set(settings, by_server):  # noqa: F811
    commands = [
        ("user-add", {"name": "ann"}),
        ("user-passwd", {"name": "ann", "password": "short"}),
        ("user-passwd", {"name": "ann", "password": "long enough to be one"}),
        ("user-passwd", {"name": "bob", "password": "long enough to be one"}),
    ]
    _, short, done, nobody = await ask(settings, *commands, by_server=by_server)
    assert short[0]["refused"] == "invalid"
    assert done[0]["user"]["name"] == "ann"
    assert nobody[0]["refused"] == "not-found"


async def test_webhooks_are_added_tried_and_removed(settings, by_server):  # noqa: F811
    commands = [
        ("user-add", {"name": "ann"}),
        ("webhook-add", {"url": "http://127.0.0.1:9/hook", "events": ["torrent.blocked"]}),
        ("webhook-add", {"url": "ftp://x/"}),
        ("webhook-list", {}),
        ("webhook-test", {"webhook": 1}),
        ("webhook-test", {"webhook": 2}),
        ("webhook-log", {}),
        ("webhook-resend", {"delivery": 1}),
        ("webhook-remove", {"webhook": 1}),
        ("webhook-remove", {"webhook": 1}),
    ]
    _, added, wrong, listed, tried, none, log, again, removed, gone = await ask(
        settings, *commands, by_server=by_server
    )
    assert added[0]["secret"].startswith("whsec_")
    assert wrong[0]["refused"] == "invalid"
    assert [(list(each["events"]), each["secret"]) for each in listed] == [(["torrent.blocked"], None)]
    # An address of this machine is told nothing, by default.
    assert (tried[0]["event"], tried[0]["attempts"], tried[0]["state"]) == ("webhook.test", 1, "waiting")
    assert none[0]["refused"] == gone[0]["refused"] == "not-found"
    assert [each["id"] for each in log] == [1]
    assert (again[0]["state"], again[0]["attempts"]) == ("waiting", 0)
    assert removed == [{"webhook": 1}]


async def test_downloads_of_everybody_are_listed_and_cancelled(settings, by_server):  # noqa: F811
    commands = [
        ("user-add", {"name": "ann"}),
        ("jobs-list", {}),
        ("jobs-list", {"name": "nobody"}),
        ("jobs-cancel", {"job": 5}),
    ]
    _, everybody, nobody, cancelled = await ask(settings, *commands, by_server=by_server)
    assert everybody == []
    assert nobody[0]["refused"] == cancelled[0]["refused"] == "not-found"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *words, given="": CliRunner().invoke(main, words, input=given)


def test_every_record_is_a_line_of_json_and_the_status_is_the_same(run, sources):  # noqa: F811
    imported = run("import", str(sources[0]), "--json")
    outcomes = [json.loads(line).get("outcome") for line in imported.stdout.splitlines()]
    assert sorted(filter(None, outcomes)) == ["new", "new", "not-bencode"]
    assert imported.exit_code == run("import", str(sources[0])).exit_code
    (found,) = run("search", "one", "--json").stdout.splitlines()
    assert json.loads(found)["title"] == "one"
    closed = run("census", "close", "--json")
    assert json.loads(closed.stdout) == {"day": None} or closed.exit_code == 0


def test_people_read_what_is_shown(run, sources):  # noqa: F811
    run("import", str(sources[0]))
    infohash = torrent("one")[1]
    assert infohash in run("search").stdout
    shown = run("show", infohash).stdout
    assert "1 files" in shown
    assert "0 seeders, 0 leechers" in shown
    assert run("delete", infohash).stdout == f"deleted  {infohash}  one\n"
    assert run("user", "add", "ann").exit_code == 0
    assert "ann" in run("user", "passwd", "ann", given="long enough to be one\n").stdout
    run("key", "add", "ann", "--scope", "rest")
    assert run("key", "rotate", "1").stdout.splitlines()[-1].startswith("pg_rest_")
    assert run("webhook", "add", "https://told.example/").stdout.splitlines()[-1].startswith("whsec_")
    assert "everything" in run("webhook", "list").stdout
    assert run("webhook", "remove", "1").stdout == "removed webhook 1\n"


@pytest.mark.parametrize(
    ("words", "step"),
    [
        (("show", UNKNOWN), "peerage search"),
        (("key", "rotate", "9"), "peerage key list"),
        (("user", "link", "nobody"), "peerage user list"),
        (("webhook", "add", "ftp://x/"), "peerage webhook add --help"),
    ],
)
def test_a_refusal_names_the_next_step(run, words, step):
    assert run("user", "add", "ann").exit_code == 0
    refused = run(*words)
    assert refused.exit_code == 1
    assert step in refused.stderr
