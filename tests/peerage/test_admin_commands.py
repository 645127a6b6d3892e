import asyncio
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from actions.imdb_tsv import HEADER
from bittorrent import bencode
from bittorrent.infohash import InfoHash
from catalogue.fields import TorrentDetails
from catalogue.store import UNRESTRICTED_VIEWER
from doors.control import ControlServer, execute_command
from peerage.admin_client import CommandFailed, run_command
from peerage.admin_commands import admin_commands
from peerage.config import Settings
from peerage.wiring.application import open_application
from storage.data_folder import DataFolder

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
    return Settings(data=tmp_path / "data", cache={"min_free_disk": 0})


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
    return [record async for record in records]


@asynccontextmanager
async def served(settings):
    async with open_application(settings) as application:
        server = ControlServer(admin_commands(application), application.folder.control_socket)
        await server.start()
        try:
            yield application
        finally:
            await server.close()


def ask(settings, *commands, by_server=False):
    """Run commands one after the other: all in one server, or each on the folder itself."""

    async def main():
        if not by_server:
            return [
                await collected(run_command(settings, name, arguments, open_application))
                for name, arguments in commands
            ]
        async with served(settings):
            return [
                await collected(run_command(settings, name, arguments, open_application))
                for name, arguments in commands
            ]

    return asyncio.run(main())


@pytest.fixture(params=[False, True], ids=["stopped", "running"])
def by_server(request):
    return request.param


def test_import_reports_each_file_and_is_safe_to_repeat(settings, sources, by_server):
    folder, hashes = sources
    command = ("import", {"paths": [str(folder)], "by": "me"})
    first, again = ask(settings, command, command, by_server=by_server)
    assert first[0]["total"] > 0
    assert Counter(record["outcome"] for record in first[1:]) == {"new": 2, "not-bencode": 1}
    assert sorted(record["text"] for record in first[1:] if record["outcome"] == "new") == hashes
    assert Counter(record["outcome"] for record in again[1:]) == {"known": 2, "not-bencode": 1}


def test_export_gives_the_bytes_back(settings, sources, tmp_path, by_server):
    folder, hashes = sources
    commands = [
        ("import", {"paths": [str(folder)], "by": "me"}),
        ("export", {"folder": str(tmp_path / "out")}),
    ]
    _, exported = ask(settings, *commands, by_server=by_server)
    assert exported[0] == {"total": 3}
    assert [record["outcome"] for record in exported[1:]] == ["written", "written", "written"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "catalogue.jsonl",
        *(f"{infohash}.torrent" for infohash in hashes),
    }
    assert (tmp_path / "out" / f"{torrent('one')[1]}.torrent").read_bytes() == torrent("one")[0]


def test_export_to_where_nothing_can_be_written_is_refused(settings, tmp_path, by_server):
    (tmp_path / "file").write_text("")
    allow = ("allow", {"infohash": UNKNOWN, "reason": "", "by": "me"})
    _, exported = ask(
        settings, allow, ("export", {"folder": str(tmp_path / "file" / "out")}), by_server=by_server
    )
    assert exported[-1]["refused"] == "internal"
    assert "Not a directory" in exported[-1]["text"]


def test_a_block_is_listed_counted_and_lifted(settings, sources, by_server):
    folder, hashes = sources
    block, lists, stats, unblock, again = ask(
        settings,
        ("import", {"paths": [str(folder)], "by": "me"}),
        ("block", {"infohash": hashes[0].lower(), "reason": "notice 12", "by": "me"}),
        ("lists", {}),
        ("stats", {}),
        ("unblock", {"infohash": hashes[0]}),
        ("unblock", {"infohash": hashes[0]}),
        by_server=by_server,
    )[1:]
    assert block[0]["infohash"] == hashes[0]
    assert lists == block
    assert (lists[0]["verdict"], lists[0]["reason"], lists[0]["by"]) == ("deny", "notice 12", "me")
    assert stats[0]["lists"] == {"blocked": 1, "allowed": 0}
    assert stats[0]["cache"]["files"] == 1
    assert stats[0]["health"]["ok"] is True
    assert unblock == [{"infohash": hashes[0], "found": True}]
    assert again == [{"infohash": hashes[0], "found": False}]


def test_the_day_of_the_census_is_closed_once(settings, by_server):
    allow = ("allow", {"infohash": UNKNOWN, "reason": "", "by": "me"})
    _, first, again = ask(settings, allow, ("census-close", {}), ("census-close", {}), by_server=by_server)

    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first[0]["day"])
    assert again == [{"day": None}]


def test_an_allowance_is_listed_and_taken_back(settings, by_server):
    allow, lists, disallow, none = ask(
        settings,
        ("allow", {"infohash": UNKNOWN, "reason": "", "by": "me"}),
        ("lists", {}),
        ("disallow", {"infohash": UNKNOWN}),
        ("lists", {}),
        by_server=by_server,
    )
    assert lists == allow
    assert disallow == [{"infohash": UNKNOWN, "found": True}]
    assert none == []


def test_check_finds_a_damaged_file(settings, sources, by_server):
    folder, hashes = sources
    fill = ("import", {"paths": [str(folder)], "by": "me"})
    _, sound = ask(settings, fill, ("check", {}), by_server=by_server)
    assert sound == [{"files": 2, "problems": 0}]
    stored = settings.data / "torrents" / hashes[0][:2] / hashes[0][2:4] / f"{hashes[0][4:]}.torrent.gz"
    stored.write_bytes(b"damaged")
    (damaged,) = ask(settings, ("check", {}), by_server=by_server)
    assert damaged[0]["infohash"] == hashes[0]
    assert damaged[-1]["problems"] == 1


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("import", {}),
        ("import", {"paths": [], "by": "me"}),
        ("import", {"paths": ["relative"], "by": "me"}),
        ("import", {"paths": [5], "by": "me"}),
        ("import", {"paths": ["/a\0b"], "by": "me"}),
        ("import", {"paths": "/tmp", "by": "me"}),
        ("export", {"folder": "relative"}),
        ("block", {"infohash": UNKNOWN}),
        ("block", {"infohash": UNKNOWN, "reason": 5, "by": "me"}),
        ("block", {"infohash": UNKNOWN, "reason": "", "by": "me", "more": 1}),
        ("unblock", {"infohash": None}),
        ("stats", {"all": True}),
        ("dance", {}),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(settings, command, arguments):
    async def main():
        async with open_application(settings) as application:
            return await collected(execute_command(admin_commands(application), command, arguments))

    (record,) = asyncio.run(main())
    assert record["refused"] == "bad-request"


@pytest.mark.parametrize("text", ["", "AB", "Z" * 40, "AB" * 21])
def test_a_hash_that_is_none_is_refused(settings, text):
    (records,) = ask(settings, ("block", {"infohash": text, "reason": "", "by": "me"}))
    assert [record["refused"] for record in records] == ["bad-infohash"]


def test_a_folder_that_is_not_there_is_an_error(settings):
    with pytest.raises(CommandFailed, match="there is no data folder"):
        ask(settings, ("stats", {}))
    assert not settings.data.exists()


def test_a_folder_of_another_process_without_a_socket_is_explained(settings):
    with (
        DataFolder(settings.data),
        pytest.raises(CommandFailed, match=f"process {os.getpid()}.*no control socket"),
    ):
        ask(settings, ("stats", {}))


def test_a_stale_socket_is_no_server(settings):
    ask(settings, ("allow", {"infohash": UNKNOWN, "reason": "", "by": "me"}))
    script = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(settings.data / "control.sock")], check=True)
    (records,) = ask(settings, ("lists", {}))
    assert len(records) == 1


def test_a_server_that_stops_in_the_middle_is_told_from_an_end(settings):
    async def half(_arguments):
        yield {"infohash": UNKNOWN}
        await asyncio.Event().wait()

    async def main():
        with DataFolder(settings.data) as folder:
            server = ControlServer({"lists": half}, folder.control_socket)
            await server.start()
            records = run_command(settings, "lists", {}, open_application)
            assert await anext(records) == {"infohash": UNKNOWN}
            await server.close()
            with pytest.raises(CommandFailed, match="stopped before it was done"):
                await anext(records)

    asyncio.run(main())


def test_a_damaged_database_is_named(settings):
    settings.data.mkdir()
    (settings.data / "peerage.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(CommandFailed, match=r"peerage\.db"):
        ask(settings, ("lists", {}))


def test_titles_are_imported_and_used_at_once(settings, tmp_path, by_server):
    line = b"tt0000007\tmovie\tFilm\tFilm\t0\t1999\t\\N\t90\tDrama\n"
    (tmp_path / "basics.tsv").write_bytes(HEADER + b"\n" + line)
    command = ("titles", {"file": str(tmp_path / "basics.tsv")})
    bad = ("titles", {"file": str(tmp_path / "absent.tsv")})
    first, refused, again = ask(settings, command, bad, command, by_server=by_server)
    assert first[0] == again[0] == {"total": len(HEADER) + 1 + len(line)}
    assert first[-1] == again[-1] == {"done": first[0]["total"], "found": 1, "passed": 0}
    assert refused[-1]["refused"] == "unreadable"

    async def looked_up():
        async with served(settings) as application:
            async for _ in run_command(settings, *command, open_application):
                pass
            return await application.titles.find("film", 1999, False)

    assert asyncio.run(looked_up()).number == 7


def test_a_service_is_moved_with_its_catalogue(settings, sources, tmp_path, by_server):
    folder, hashes = sources
    out = str(tmp_path / "out")
    ask(settings, ("import", {"paths": [str(folder)], "by": "me"}), ("export", {"folder": out}))

    async def named():
        async with open_application(settings) as application:
            torrent = await application.catalogue.store.torrents.torrent(
                InfoHash.parse(hashes[0]), UNRESTRICTED_VIEWER
            )
            await application.catalogue.torrents.edit(
                torrent.id, TorrentDetails.read({"title": "A name of its own"})
            )

    asyncio.run(named())
    ask(settings, ("export", {"folder": out}))
    other = Settings(data=tmp_path / "other", cache={"min_free_disk": 0})
    command = ("import", {"paths": [out], "by": "me"})
    first, again = ask(other, command, command, by_server=by_server)
    assert Counter(record["outcome"] for record in first[1:]) == {"new": 4, "changed": 1, "same": 1}
    assert Counter(record["outcome"] for record in again[1:]) == {"known": 2, "same": 4}
    assert first[-1]["done"] == first[0]["total"]
    ask(other, ("export", {"folder": str(tmp_path / "third")}))

    def exported(path):
        lines = (path / "catalogue.jsonl").read_text().splitlines()
        return [line for line in lines if '"kind":"account"' not in line]

    assert exported(tmp_path / "third") == exported(tmp_path / "out")
    assert "A name of its own" in (tmp_path / "third" / "catalogue.jsonl").read_text()
