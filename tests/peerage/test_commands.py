import asyncio
import hashlib
import os
import re
import socket
from collections import Counter
from contextlib import aclosing, asynccontextmanager, chdir, nullcontext
from importlib import import_module
from pkgutil import iter_modules

import pytest

import peerage.commands
from actions.imdb_tsv import HEADER
from bittorrent import bencode
from bittorrent.infohash import InfoHash
from catalogue.fields import TorrentDetails
from catalogue.store import UNRESTRICTED_VIEWER
from doors.control import ControlServer, execute_command
from peerage.commands.client import CommandFailed, CommandRefused, run_command
from peerage.commands.command import Command, encode
from peerage.commands.handlers import control_commands
from peerage.commands.registry import MODULES, every_command
from peerage.config import Settings
from peerage.wiring.application import open_application
from storage.data_folder import DataFolder
from storage.maintenance import MaintenanceLog

UNKNOWN = "AB" * 20


def torrent(name):
    info = {
        b"name": name.encode(),
        b"length": 5,
        b"piece length": 16384,
        b"pieces": hashlib.sha1(b"hello").digest(),
    }
    return bencode.encode({b"info": info}), hashlib.sha1(bencode.encode(info)).hexdigest().upper()


@pytest.fixture
def settings(tmp_path):
    return Settings.of(data=tmp_path / "data", cache={"min_free_disk": 0})


@pytest.fixture
def sources(tmp_path):
    """A folder of two torrents and a file that is none, and the hashes of the torrents."""
    folder = tmp_path / "in"
    folder.mkdir()
    hashes = []
    for name in ("one", "two"):
        data, infohash = torrent(name)
        (folder / f"{name}.torrent").write_bytes(data)
        hashes.append(infohash)
    (folder / "three.torrent").write_bytes(b"no torrent")
    return folder, sorted(hashes)


async def collected(records):
    """The records as JSON, a refusal as the last of them."""
    async with aclosing(records):
        found = []
        try:
            async for record in records:
                found.append(record if isinstance(record, dict) else encode(record))  # noqa: PERF401 - a refusal ends it
        except CommandRefused as refused:
            found.append({"refused": refused.code, "text": str(refused)})
        return found


@asynccontextmanager
async def served(settings):
    async with open_application(settings) as application:
        server = ControlServer(
            control_commands(application, every_command().values()), application.stores.folder.control_socket
        )
        await server.start()
        try:
            yield application
        finally:
            await server.close()


async def run(settings, name, arguments):
    command = every_command()[name]
    return await collected(run_command(settings, command, command.decode(arguments, strict=False), "me"))


async def ask(settings, *commands, by_server=False):
    """Run commands one after the other: all in one server, or each on the folder itself."""
    async with served(settings) if by_server else nullcontext():
        return [await run(settings, name, arguments) for name, arguments in commands]


def test_every_declared_command_is_found_by_its_first_word():
    modules = {each.name for each in iter_modules(peerage.commands.__path__)}
    declared = {
        (each.name, module)
        for module in modules
        for each in vars(import_module(f"peerage.commands.{module}")).values()
        if isinstance(each, Command)
    }
    assert {name for name, _ in declared} == set(every_command())
    for name, module in declared:
        assert module in MODULES[every_command()[name].path[0]]


@pytest.fixture(params=[False, True], ids=["stopped", "running"])
def by_server(request):
    return request.param


async def test_import_reports_each_file_and_is_safe_to_repeat(settings, sources, by_server):
    folder, hashes = sources
    command = ("import", {"paths": [str(folder)]})
    first, again = await ask(settings, command, command, by_server=by_server)
    assert first[0]["total"] > 0
    assert Counter(record["outcome"] for record in first[1:]) == {"new": 2, "not-bencode": 1}
    assert sorted(record["text"] for record in first[1:] if record["outcome"] == "new") == hashes
    assert Counter(record["outcome"] for record in again[1:]) == {"known": 2, "not-bencode": 1}


async def test_export_gives_the_bytes_back(settings, sources, tmp_path, by_server):
    folder, hashes = sources
    commands = [
        ("import", {"paths": [str(folder)]}),
        ("export", {"folder": str(tmp_path / "out")}),
    ]
    _, exported = await ask(settings, *commands, by_server=by_server)
    assert exported[0] == {"total": 3}
    assert [record["outcome"] for record in exported[1:]] == ["written", "written", "written"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "catalogue.jsonl",
        *(f"{infohash}.torrent" for infohash in hashes),
    }
    assert (tmp_path / "out" / f"{torrent('one')[1]}.torrent").read_bytes() == torrent("one")[0]


async def test_export_to_where_nothing_can_be_written_is_refused(settings, tmp_path, by_server):
    (tmp_path / "file").write_text("")
    allow = ("allow", {"infohash": UNKNOWN, "reason": ""})
    _, exported = await ask(
        settings, allow, ("export", {"folder": str(tmp_path / "file" / "out")}), by_server=by_server
    )
    assert exported[-1]["refused"] == "internal"
    assert "Not a directory" in exported[-1]["text"]


async def test_an_account_is_erased_and_its_name_is_free(settings, by_server):
    made, erased, again, *wrong = await ask(
        settings,
        ("user-add", {"name": "ada", "password": "a good password"}),
        ("user-erase", {"name": "ada", "writings": "delete"}),
        ("user-add", {"name": "ada", "password": "a good password"}),
        ("user-erase", {"name": "nobody"}),
        ("user-add", {"name": "root", "role": "admin", "password": "a good password"}),
        ("user-erase", {"name": "root"}),
        by_server=by_server,
    )
    assert erased == [{"account": made[0]["user"]["id"]}]
    assert again[0]["user"]["id"] > made[0]["user"]["id"]
    assert [each[0].get("refused") for each in wrong] == ["not-found", None, "last-admin"]
    assert ("erase", "(erased)", "by me at a terminal") in await log_entries(settings)


async def test_rules_on_clients_and_addresses_are_set_listed_and_forgotten(settings, by_server):
    denied = {"subject": "client", "pattern": "-UT  3", "reason": "old"}
    deny, again, allow, lists, forgot, none, rules, *wrong = await ask(
        settings,
        ("rule-deny", denied | {"pattern": "-UT 3..3"}),
        ("rule-deny", denied),
        ("rule-allow", {"subject": "address", "pattern": "10.0.0.0/8"}),
        ("lists", {}),
        ("rule-forget", {"subject": "client", "pattern": "-UT 3"}),
        ("rule-forget", {"subject": "client", "pattern": "-UT 3"}),
        ("rule-list", {}),
        ("rule-deny", {"subject": "address", "pattern": "10.0.0.1/8"}),
        ("rule-deny", {"subject": "client", "pattern": "x" * 21}),
        by_server=by_server,
    )
    assert deny[0]["id"] == again[0]["id"]
    assert (again[0]["pattern"], again[0]["verdict"], again[0]["by"]) == (
        "-UT 3..3",
        "deny",
        "me at a terminal",
    )
    assert lists == [*again, *allow]
    assert (forgot[0]["found"], none[0]["found"]) == (True, False)
    assert rules == allow
    assert [each[0]["refused"] for each in wrong] == ["bad-network", "bad-client"]
    assert ("forget", "-UT 3..3", "old, by me at a terminal") in await log_entries(settings)


async def test_a_block_is_listed_counted_and_lifted(settings, sources, by_server):
    folder, hashes = sources
    _, block, lists, stats, unblock, again = await ask(
        settings,
        ("import", {"paths": [str(folder)]}),
        ("block", {"infohash": hashes[0].lower(), "reason": "notice 12"}),
        ("lists", {}),
        ("stats", {}),
        ("unblock", {"infohash": hashes[0]}),
        ("unblock", {"infohash": hashes[0]}),
        by_server=by_server,
    )
    assert block[0]["infohash"] == hashes[0]
    assert lists == block
    assert (lists[0]["verdict"], lists[0]["reason"], lists[0]["by"]) == (
        "deny",
        "notice 12",
        "me at a terminal",
    )
    assert stats[0]["lists"] == {"blocked": 1, "allowed": 0}
    assert stats[0]["cache"]["files"] == 1
    assert stats[0]["health"]["ok"] is True
    assert unblock == [{"infohash": hashes[0], "found": True}]
    assert again == [{"infohash": hashes[0], "found": False}]
    infohash = hashes[0].lower()
    assert await log_entries(settings) == [
        ("block", infohash, "notice 12, by me at a terminal"),
        ("unblock", infohash, "by me at a terminal"),
    ]


async def log_entries(settings):
    """The moderators' log, oldest first, without accounts."""
    async with open_application(settings) as application:
        entries = await application.catalogue.catalogue.store.moderation.log_entries(0, 50)
        return [(each.verb, each.target, each.detail) for each in reversed(entries.items)]


async def test_what_is_done_to_accounts_is_logged_though_anyone_may_register(tmp_path):
    settings = Settings.of(data=tmp_path / "data", accounts={"registration": True})
    await ask(settings, ("user-add", {"name": "ada", "password": "a very good one"}))
    assert await log_entries(settings) == [("add", "1", "ada as user, by me at a terminal")]


async def test_the_day_of_the_census_is_closed_once(settings, by_server):
    allow = ("allow", {"infohash": UNKNOWN, "reason": ""})
    _, first, again = await ask(
        settings, allow, ("census-close", {}), ("census-close", {}), by_server=by_server
    )

    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first[0]["day"])
    assert again == [{"day": None}]
    (entry,) = MaintenanceLog(DataFolder(settings.data).maintenance).entries()
    assert (entry.what, entry.details) == ("census", {"day": first[0]["day"], "counts": 0})


async def test_an_allowance_is_listed_and_taken_back(settings, by_server):
    allow, lists, disallow, none = await ask(
        settings,
        ("allow", {"infohash": UNKNOWN, "reason": ""}),
        ("lists", {}),
        ("disallow", {"infohash": UNKNOWN}),
        ("lists", {}),
        by_server=by_server,
    )
    assert lists == allow
    assert disallow == [{"infohash": UNKNOWN, "found": True}]
    assert none == []


async def test_check_finds_a_damaged_file(settings, sources, by_server):
    folder, hashes = sources
    fill = ("import", {"paths": [str(folder)]})
    _, sound = await ask(settings, fill, ("check", {}), by_server=by_server)
    assert sound == [{"files": 2, "problems": 0}]
    stored = settings.data / "torrents" / hashes[0][:2] / hashes[0][2:4] / f"{hashes[0][4:]}.torrent.gz"
    stored.write_bytes(b"damaged")
    (damaged,) = await ask(settings, ("check", {}), by_server=by_server)
    assert damaged[0]["infohash"] == hashes[0]
    assert damaged[-1]["problems"] == 1
    (repaired,) = await ask(settings, ("check", {"repair": True}), by_server=by_server)
    assert repaired[0]["repaired"] == "set aside"
    noted = [
        (each.what, each.well, each.details)
        for each in MaintenanceLog(DataFolder(settings.data).maintenance).entries()
    ]
    assert noted == [
        ("check", True, {"files": 1, "problems": 1, "repaired": 1}),
        ("check", False, {"files": 2, "problems": 1, "repaired": 0}),
        ("check", True, {"files": 2, "problems": 0, "repaired": 0}),
    ]


async def test_room_names_what_would_go_and_makes_it_when_that_is_wished(settings, sources, by_server):
    settings = Settings.of(data=settings.data, cache={"min_free_disk": 0, "max_files": 2, "unasked_days": 9})
    folder, hashes = sources
    _, fresh = await ask(settings, ("import", {"paths": [str(folder)]}), ("room", {}), by_server=by_server)
    assert len(fresh) == 1
    assert fresh[0] | {"bytes": 0, "most_bytes": 0} == {
        "full": 1.0, "files": 2, "most_files": 2, "bytes": 0, "most_bytes": 0, "when_full": "refuse",
        "unasked_days": 9, "unasked_files": 0, "unasked_bytes": 0,
    }  # fmt: skip
    async with (
        open_application(settings) as application,
        application.stores.records.transaction() as transaction,
    ):
        await transaction.run("UPDATE record SET asked = 20000")
    shown, made, left = await ask(
        settings,
        ("room", {"limit": 1}),
        ("room", {"now": True}),
        ("room", {"now": True}),
        by_server=by_server,
    )
    assert (shown[0]["unasked_files"], shown[1]["infohash"], shown[1]["asked"]) == (
        2,
        hashes[0],
        20000 * 86_400,
    )
    assert len(shown) == 2
    assert (made[0]["removed"], made[1]["files"], [each["infohash"] for each in made[2:]]) == (
        1,
        1,
        hashes[1:],
    )
    assert left[0] == {"removed": 0, "removed_bytes": 0}
    ((verb, target, detail),) = await log_entries(settings)
    assert (verb, target in {"1", "2"}) == ("delete", True)
    assert detail.endswith("nobody asked for it in 9 days, and the cache was full, by me at a terminal")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("import", {}),
        ("import", {"paths": []}),
        ("import", {"paths": ["relative"]}),
        ("import", {"paths": [5]}),
        ("import", {"paths": ["/a\0b"]}),
        ("import", {"paths": "/tmp"}),
        ("export", {"folder": "relative"}),
        ("block", {"infohash": UNKNOWN}),
        ("block", {"infohash": UNKNOWN, "reason": 5}),
        ("block", {"infohash": UNKNOWN, "reason": "", "more": 1}),
        ("unblock", {"infohash": None}),
        ("stats", {"all": True}),
        ("dance", {}),
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_done(settings, command, arguments):
    async with open_application(settings) as application:
        handlers = control_commands(application, every_command().values())
        (record,) = await collected(execute_command(handlers, command, {**arguments, "by": "me"}))
    assert record["refused"] == "bad-request"


@pytest.mark.parametrize(
    ("by", "code"),
    [
        ({}, "bad-request"),
        ({"by": 5}, "bad-request"),
        ({"by": "a\nb"}, "bad-reason"),
        ({"by": ""}, "bad-reason"),
    ],
)
async def test_a_command_needs_an_operator_with_a_name(settings, by, code):
    async with open_application(settings) as application:
        (record,) = await collected(
            execute_command(control_commands(application, every_command().values()), "stats", by)
        )
    assert record["refused"] == code


@pytest.mark.parametrize("text", ["", "AB", "Z" * 40, "AB" * 21])
async def test_a_hash_that_is_none_is_refused(settings, text):
    (records,) = await ask(settings, ("block", {"infohash": text, "reason": ""}))
    assert [record["refused"] for record in records] == ["bad-infohash"]


async def test_a_folder_that_is_not_there_is_an_error(settings):
    with pytest.raises(CommandFailed, match="there is no data folder"):
        await ask(settings, ("stats", {}))
    assert not settings.data.exists()


async def test_a_folder_of_another_process_without_a_socket_is_explained(settings):
    with (
        DataFolder(settings.data),
        pytest.raises(CommandFailed, match=f"process {os.getpid()}.*no control socket"),
    ):
        await ask(settings, ("stats", {}))


async def test_a_stale_socket_is_no_server(settings):
    await ask(settings, ("allow", {"infohash": UNKNOWN, "reason": ""}))
    with socket.socket(socket.AF_UNIX) as stale, chdir(settings.data):
        stale.bind("control.sock")
    (records,) = await ask(settings, ("lists", {}))
    assert len(records) == 1


async def test_a_server_that_stops_in_the_middle_is_told_from_an_end(settings):
    async def half(_arguments):
        yield {"infohash": UNKNOWN, "found": True}
        await asyncio.Event().wait()

    with DataFolder(settings.data) as folder:
        server = ControlServer({"unblock": half}, folder.control_socket)
        await server.start()
        unblock = every_command()["unblock"]
        records = run_command(settings, unblock, unblock.arguments(UNKNOWN), "me")
        assert (await anext(records)).infohash == UNKNOWN
        await server.close()
        with pytest.raises(CommandFailed, match="stopped before it was done"):
            await anext(records)


async def test_a_damaged_database_is_named(settings):
    settings.data.mkdir()
    (settings.data / "peerage.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(CommandFailed, match=r"peerage\.db"):
        await ask(settings, ("lists", {}))


async def test_titles_are_imported_and_used_at_once(settings, tmp_path, by_server):
    line = b"tt0000007\tmovie\tFilm\tFilm\t0\t1999\t\\N\t90\tDrama\n"
    (tmp_path / "basics.tsv").write_bytes(HEADER + b"\n" + line)
    command = ("titles-import", {"file": str(tmp_path / "basics.tsv")})
    bad = ("titles-import", {"file": str(tmp_path / "absent.tsv")})
    first, refused, again = await ask(settings, command, bad, command, by_server=by_server)
    assert first[0] == again[0] == {"total": len(HEADER) + 1 + len(line)}
    assert first[-1] == again[-1] == {"done": first[0]["total"], "found": 1, "passed": 0}
    assert refused[-1]["refused"] == "unreadable"

    async with served(settings) as application:
        await run(settings, *command)
        assert (await application.catalogue.titles.find("film", 1999, False)).number == 7


async def test_a_service_is_moved_with_its_catalogue(settings, sources, tmp_path, by_server):
    folder, hashes = sources
    out = str(tmp_path / "out")
    await ask(settings, ("import", {"paths": [str(folder)]}), ("export", {"folder": out}))

    async with open_application(settings) as application:
        torrent = await application.catalogue.catalogue.store.torrents.torrent(
            InfoHash.parse(hashes[0]), UNRESTRICTED_VIEWER
        )
        await application.catalogue.catalogue.torrents.edit(
            torrent.id, TorrentDetails.read({"title": "A name of its own"})
        )
    await ask(settings, ("export", {"folder": out}))
    other = Settings.of(data=tmp_path / "other", cache={"min_free_disk": 0})
    command = ("import", {"paths": [out]})
    first, again = await ask(other, command, command, by_server=by_server)
    assert Counter(record["outcome"] for record in first[1:]) == {"new": 4, "changed": 1, "same": 1}
    assert Counter(record["outcome"] for record in again[1:]) == {"known": 2, "same": 4}
    assert first[-1]["done"] == first[0]["total"]
    await ask(other, ("export", {"folder": str(tmp_path / "third")}))

    def exported(path):
        lines = (path / "catalogue.jsonl").read_text().splitlines()
        return [line for line in lines if '"kind":"account"' not in line]

    assert exported(tmp_path / "third") == exported(tmp_path / "out")
    assert "A name of its own" in (tmp_path / "third" / "catalogue.jsonl").read_text()


async def test_a_rule_of_credit_is_made_listed_and_ended_and_tokens_are_given(settings, by_server):
    rule = {"download": 0, "upload": 200, "user": "ada", "lasts": 3600, "reason": "a gift"}
    _, made, listed, tokens, unknown, ended, left = await ask(
        settings,
        ("user-add", {"name": "ada"}),
        ("credit-add", rule),
        ("credit-list", {}),
        ("credit-grant", {"name": "ada", "tokens": 3}),
        ("credit-grant", {"name": "zed", "tokens": 3}),
        ("credit-end", {"rule": 1}),
        ("credit-list", {}),
        by_server=by_server,
    )
    assert listed == made
    assert made[0]["until"] - made[0]["since"] == 3600
    assert (made[0]["download"], made[0]["upload"], made[0]["account"]) == (0, 200, 1)
    assert tokens == [{"name": "ada", "tokens": 3}]
    assert unknown[0]["refused"] == "not-found"
    assert ended[0]["until"] < made[0]["until"]
    assert left == []


async def test_invites_are_given_the_tree_is_shown_and_accounts_are_judged(settings, by_server):
    _, granted, tree, unknown, judged = await ask(
        settings,
        ("user-add", {"name": "ada"}),
        ("invite-grant", {"name": "ada", "invites": 3}),
        ("invite-tree", {"name": "ada"}),
        ("invite-tree", {"name": "zed"}),
        ("standing", {}),
        by_server=by_server,
    )
    assert granted == [{"name": "ada", "invites": 3}]
    assert [(each["name"], each["depth"]) for each in tree] == [("ada", 0)]
    assert unknown[0]["refused"] == "not-found"
    assert judged == [{"changed": 0}]


async def test_a_site_is_imported_once_and_a_dry_run_writes_nothing(settings, tmp_path, by_server):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "accounts.csv").write_text(f"id,name,passkey,uploaded\n7,ada,{'0a' * 16},100\n")
    (folder / "traffic.csv").write_text(f"account,infohash,uploaded\n7,{'ab' * 20},30\n8,{'ab' * 20},1\n")
    given = {"path": str(folder), "form": "csv"}
    dry, first, again, shown, key = await ask(
        settings,
        ("site-import", given | {"dry": True}),
        ("site-import", given),
        ("site-import", given),
        ("user-show", {"name": "ada"}),
        ("user-passkey", {"name": "ada"}),
        by_server=by_server,
    )
    assert [(each[-1]["made"], each[-1]["known"], each[-1]["added"]) for each in (dry, first, again)] == [
        (1, 0, 0), (1, 0, 1), (0, 1, 0),
    ]  # fmt: skip
    assert first[-1]["passed"] == 1
    assert (shown[0]["uploaded"], shown[0]["credited_up"]) == (30, 100)
    assert key == [{"passkey": "0a" * 16}]
