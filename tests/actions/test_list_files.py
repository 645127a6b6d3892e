"""Lists that files hold: they follow their files, and stay as they were where a file will not do."""

import os

import pytest

from accounts.model import Principal
from bittorrent.infohash import InfoHash
from lists.access_rules import RuleSubject
from lists.infohashes import ListKind
from lists.list_file import read_list_file
from peerage.config import Settings
from peerage.wiring.application import open_application
from tests.support.torrents import parsed, v1_torrent
from tracker.access import AccessDenied
from tracker.model import Announce, Event

HELD = parsed(v1_torrent()).infohash
ONE, TWO = InfoHash(b"\x01" * 20), InfoHash(b"\x02" * 20)
ME = Principal(operator="me")


@pytest.fixture
async def here(tmp_path):
    paths = {name: tmp_path / name for name in ("deny_torrents", "deny_clients", "allow_addresses")}
    settings = Settings.of(data=tmp_path / "data", lists=paths, cache={"min_free_disk": 0})
    async with open_application(settings) as application:
        yield application


async def write(application, name, text):
    path = application.settings.lists.paths[name]
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)  # noqa: PTH105 - as editors do
    await application.list_files.read()
    return next(each for each in application.list_files.reports if each.source.name == name)


def told(application, infohash):
    announce = Announce(infohash, bytes(6), Event.STARTED, False, 0)
    return application.tracker.tracker.store.announce(announce, 0).text


async def test_a_list_of_torrents_follows_its_file_and_blocks_what_is_held(here):
    await here.torrents.uploads.accept(v1_torrent(), "test")
    store = here.tracker.tracker.store
    report = await write(here, "deny_torrents", f"{HELD.lower} # notice 12\n{ONE.lower}\n")
    assert (report.entries, report.problem) == (2, "")
    assert not await here.cache.has(HELD)
    assert [store.refusal(each) for each in (HELD, ONE, TWO)] == ["denied", "denied", None]
    entry = await here.lists.denied([HELD])
    assert (entry.reason, entry.by, entry.source) == ("notice 12", "file deny_torrents", "deny_torrents")
    assert told(here, HELD) == b"Torrent is blocked on this tracker: notice 12"
    await write(here, "deny_torrents", f"{TWO.lower}\n{HELD.lower} # another\n")
    assert [store.refusal(each) for each in (HELD, ONE, TWO)] == ["denied", None, "denied"]
    assert (await here.lists.denied([HELD])).reason == "another"
    assert told(here, HELD) == b"Torrent is blocked on this tracker: another"
    await write(here, "deny_torrents", "")
    assert await here.lists.entries() == []
    assert store.refusal(HELD) is None


async def test_what_somebody_blocked_is_not_the_files_to_lift(here):
    await here.list_moderation.block(ME, ONE, "mine")
    await write(here, "deny_torrents", f"{ONE.lower} # the file's\n")
    assert told(here, ONE) == b"Torrent is blocked on this tracker: mine"
    await write(here, "deny_torrents", "")
    assert (await here.lists.denied([ONE])).reason == "mine"
    assert here.tracker.tracker.store.refusal(ONE) == "denied"


async def test_rules_follow_their_files_beside_those_that_were_set(here):
    check = here.tracker.tracker.check_access
    await here.access_moderation.set(ME, RuleSubject.ADDRESS, "10.0.0.0/8", ListKind.DENY, "")
    await write(here, "deny_clients", "-UT ..3.5 # old\n-XX\n")
    with pytest.raises(AccessDenied, match="Your client") as denied:
        check(bytes([9] * 4), b"-UT1800-abcdefghijkl")
    assert denied.value.text.endswith(b": old")
    await write(here, "allow_addresses", "10.1.0.0-10.1.0.3\n")
    check(bytes([10, 1, 0, 2]))
    await write(here, "deny_clients", "-XX\n")
    check(bytes([9] * 4), b"-UT1800-abcdefghijkl")
    await write(here, "allow_addresses", "")
    with pytest.raises(AccessDenied, match="Your address"):
        check(bytes([10, 1, 0, 2]))


async def test_the_last_good_list_is_kept_where_a_file_is_none(here):
    check = here.tracker.tracker.check_access
    await write(here, "deny_clients", "-UT\n")
    report = await write(here, "deny_clients", "<!doctype html>\n<p>404 not found</p>\n")
    assert (report.entries, report.problem.split(";")[0]) == (1, "2 of its 2 lines are bad")
    here.settings.lists.deny_clients.unlink()
    await here.list_files.read()
    assert here.list_files.reports[1].problem == "No such file or directory"
    with pytest.raises(AccessDenied):
        check(bytes([9] * 4), b"-UT1800-abcdefghijkl")


async def test_a_file_that_did_not_change_is_read_again_when_asked_to(here, monkeypatch):
    read = []

    def counted(path, *how):
        read.append(path.name)
        return read_list_file(path, *how)

    await write(here, "deny_clients", "-UT\n")
    monkeypatch.setattr("actions.list_files.read_list_file", counted)
    await here.list_files.read()
    assert read == []
    await here.list_files.read(again=True)
    assert "deny_clients" in read


async def test_a_store_that_fails_leaves_the_list_and_is_asked_again_when_the_file_is(here, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(here.access_rules, "add_all", None)
        assert "not callable" in (await write(here, "deny_clients", "-UT\n")).problem
    await here.list_files.read(again=True)
    assert here.list_files.reports[1].entries == 1
