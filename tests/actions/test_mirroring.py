"""One service follows another: both are whole applications, and only the sockets between them are left out."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from accounts.model import Role, Scope
from actions.mirroring import MirrorFailed, Mirroring, MirrorSource, read_page
from catalogue.fields import GroupChange
from catalogue.store import UNRESTRICTED_VIEWER
from downloads.outgoing_http import HttpAnswer, OutgoingError
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.wiring.application import open_application
from tests.support.tasks import until
from tests.support.torrents import parsed, torrent

URL = "http://origin.test"
RATES = {"rest": "100000/minute", "rest_anonymous": "100000/minute"}


def infohash_of(data):
    return parsed(data).infohash


class Wire:
    """Requests to the origin; `broken` paths fail, and `asked` are all."""

    def __init__(self, app):
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)
        self.asked, self.broken, self.said = [], (), None

    async def get(self, url, *, limit, seconds, headers):
        self.asked.append(url.removeprefix(URL))
        if any(part in url for part in self.broken):
            raise OutgoingError("the line is cut")
        if self.said is not None and "/api/changes" in url:
            return self.said
        answer = await self.client.get(url, headers=headers)
        assert len(answer.content) <= limit
        return HttpAnswer(answer.status_code, answer.content)


class Two:
    """An origin, and a mirror of it."""

    def __init__(self, origin, mirror, wire):
        self.origin, self.mirror, self.wire = origin, mirror, wire
        self.key = ""

    def following(self):
        return Mirroring(MirrorSource(URL, self.key), self.mirror.mirror_target, self.wire)

    async def catch_up(self):
        return [step async for step in self.following().catch_up()]

    async def upload(self, name, *, at=None, **more):
        data = torrent(name, **more)
        await (at or self.origin).torrents.uploads.accept(data, "test")
        return infohash_of(data)

    async def record(self, infohash, at=None):
        store = (at or self.mirror).catalogue_records.store.torrents
        return await store.torrent(infohash, UNRESTRICTED_VIEWER)

    async def names(self):
        found = [
            await self.record(each)
            for each in await self.mirror.catalogue_records.store.torrents.held(None, 99)
        ]
        return sorted(each.name for each in found)

    async def state(self):
        (state,) = await self.mirror.mirror_target.store.states()
        return state


def settings(folder):
    return Settings.of(data=folder, cache={"min_free_disk": 0}, limits=RATES, tracker={"door": "uvicorn"})


@pytest.fixture
async def two(tmp_path):
    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(open_application(settings(tmp_path / "origin")))
        mirror = await stack.enter_async_context(open_application(settings(tmp_path / "mirror")))
        wire = Wire(make_app(origin, Listeners(origin)))
        stack.push_async_callback(wire.client.aclose)
        yield Two(origin, mirror, wire)


async def test_records_and_files_are_taken_over_and_then_only_what_changed(two):
    one = await two.upload("one")
    await two.upload("two")
    record = await two.record(one, two.origin)
    change = GroupChange.read({"name": "The One", "category_id": 5, "tags": ["a", "b"], "year": 1999})
    await two.origin.catalogue_records.groups.edit(record.group.id, change)
    (step,) = await two.catch_up()
    assert (step.taken, step.left_out, step.removed, step.state.whole) == (2, 0, 0, True)
    assert await two.names() == ["one", "two"]
    taken = await two.record(one)
    assert (taken.group.name, taken.group.category.id, taken.group.tags, taken.group.year) == (
        "The One",
        5,
        ("a", "b"),
        1999,
    )
    assert taken.uploader is None
    held = await two.mirror.cache.get(one)
    assert held.plain() == (await two.origin.cache.get(one)).plain()
    two.wire.asked.clear()
    assert [each.taken for each in await two.catch_up()] == [0]
    assert two.wire.asked == [f"/api/changes?limit=100&after={(await two.state()).cursor}"]
    await two.origin.catalogue_records.groups.edit(record.group.id, GroupChange.read({"name": "Renamed"}))
    await two.catch_up()
    assert (await two.record(one)).group.name == "Renamed"


async def test_private_torrents_are_not_taken(two):
    secret = await two.upload("secret", private=True)
    await two.upload("open")
    (step,) = await two.catch_up()
    assert (step.taken, step.left_out) == (1, 1)
    assert await two.record(secret) is None
    assert not any(secret.upper in path for path in two.wire.asked)


async def test_what_is_removed_or_hidden_goes_and_what_is_here_by_itself_stays(two):
    gone, hidden, own = await two.upload("gone"), await two.upload("hidden"), await two.upload("own")
    await two.upload("own", at=two.mirror)
    mine = await two.record(own)
    await two.mirror.catalogue_records.groups.edit(mine.group.id, GroupChange.read({"name": "Mine"}))
    (step,) = await two.catch_up()
    assert step.taken == 2
    assert (await two.record(own)).group.name == "Mine"
    origin = two.origin.catalogue_records.torrents
    for infohash in (gone, own):
        await origin.remove((await two.record(infohash, two.origin)).id)
    await origin.mark((await two.record(hidden, two.origin)).id, hidden=True)
    (step,) = await two.catch_up()
    assert step.removed == 2
    assert await two.names() == ["own"]
    assert await two.mirror.cache.get(gone) is None


async def test_blocks_are_honoured_by_a_moderators_key_and_lifted_as_they_came(two):
    moderator = await two.origin.accounts.accounts.add("mod", None, Role.MODERATOR)
    _, two.key = await two.origin.accounts.accounts.mint(moderator.id, Scope.REST)
    here, never = await two.upload("here"), infohash_of(torrent("never"))
    await two.catch_up()
    for infohash in (here, never):
        await two.origin.takedowns.block(infohash, "asked to", "them")
    (step,) = await two.catch_up()
    assert step.blocked == 2
    assert await two.names() == []
    entry = await two.mirror.lists.denied((never,))
    assert (entry.reason, entry.by) == ("asked to", "mirror of origin.test")
    with pytest.raises(Exception, match="blocked"):
        await two.mirror.torrents.uploads.accept(torrent("never"), "test")
    await two.mirror.takedowns.block(here, "asked here too", "us")
    for infohash in (here, never):
        await two.origin.takedowns.unblock(infohash)
    await two.catch_up()
    assert await two.mirror.lists.denied((never,)) is None
    assert (await two.mirror.lists.denied((here,))).by == "us"


async def test_without_such_a_key_a_blocked_torrent_is_removed(two):
    one = await two.upload("one")
    await two.catch_up()
    await two.origin.takedowns.block(one, "asked to", "them")
    (step,) = await two.catch_up()
    assert (step.blocked, step.removed) == (0, 1)
    assert await two.mirror.lists.denied((one,)) is None


async def test_what_is_blocked_here_is_left_out(two):
    one = await two.upload("one")
    await two.mirror.takedowns.block(one, "not here", "us")
    (step,) = await two.catch_up()
    assert (step.taken, step.left_out) == (0, 1)
    assert await two.names() == []


async def test_a_step_that_is_cut_off_is_made_again_and_forgets_nothing(two):
    names = [await two.upload(f"t{number}") for number in range(4)]
    two.wire.broken = (names[2].upper,)
    with pytest.raises(MirrorFailed, match="cut"):
        await two.catch_up()
    assert (await two.state()).cursor == ""
    assert len(await two.names()) in range(1, 4)
    two.wire.broken = ()
    (step,) = await two.catch_up()
    assert (step.taken, await two.names()) == (4, ["t0", "t1", "t2", "t3"])
    for infohash in names:
        await two.origin.catalogue_records.torrents.remove((await two.record(infohash, two.origin)).id)
    await two.catch_up()
    assert await two.names() == []


async def test_a_cursor_that_is_too_old_begins_anew_and_drops_what_is_gone(two):
    gone, stays = await two.upload("gone"), await two.upload("stays")
    await two.catch_up()
    await two.origin.catalogue_records.torrents.remove((await two.record(gone, two.origin)).id)
    await two.upload("later")
    assert await two.origin.catalogue_records.store.history.thin(2**40) == 1
    steps = await two.catch_up()
    assert [each.removed for each in steps] == [1]
    assert await two.names() == ["later", "stays"]
    state = await two.state()
    assert (state.round, state.whole) == (2, True)
    assert await two.record(stays) is not None


async def test_a_file_of_another_torrent_is_not_stored(two, monkeypatch):
    one = await two.upload("one")
    await two.upload("two")
    get = two.wire.get

    async def swapped(url, **options):
        other = infohash_of(torrent("two")).upper
        return await get(url.replace(one.upper, other), **options)

    monkeypatch.setattr(two.wire, "get", swapped)
    await two.catch_up()
    assert await two.names() == ["two"]
    assert (await two.record(one)).held is False


@pytest.mark.parametrize(
    "said",
    [
        HttpAnswer(200, b"<html>"),
        HttpAnswer(200, b"[" * 100_000),
        HttpAnswer(
            200, b'{"data": {"cursor": "x", "whole": false, "position": 0, "newest": 0, "changes": 3}}'
        ),
        HttpAnswer(
            200, b'{"data": {"cursor": "", "whole": false, "position": 0, "newest": 0, "changes": []}}'
        ),
        HttpAnswer(
            200, b'{"data": {"cursor": "x", "whole": true, "position": -1, "newest": 0, "changes": []}}'
        ),
        HttpAnswer(
            200, b'{"data": {"cursor": "x", "whole": true, "position": 0, "newest": 0, "changes": [{}]}}'
        ),
        HttpAnswer(404, b""),
        HttpAnswer(429, b"", 30.0),
    ],
)
async def test_an_answer_that_is_none_ends_the_step_and_changes_nothing(two, said):
    two.wire.said = said
    with pytest.raises(MirrorFailed) as failed:
        await two.catch_up()
    assert failed.value.wait == said.retry_after
    assert (await two.state()).cursor == ""


async def test_changes_that_never_end_are_given_up(two):
    two.wire.said = HttpAnswer(
        200, b'{"data": {"cursor": "0-1", "whole": false, "position": 1, "newest": 1, "changes": []}}'
    )
    with pytest.raises(MirrorFailed, match="do not end"):
        await two.catch_up()


async def test_failures_are_noted_and_the_service_goes_on(two):
    two.wire.broken = ("/api/changes",)
    running = asyncio.create_task(two.following().run(60.0))

    async def problem():
        states = await two.mirror.mirror_target.store.states()
        return states and states[0].problem

    assert await until(problem) == "the line is cut"
    running.cancel()
    two.wire.broken = ()
    await two.catch_up()
    assert (await two.state()).problem == ""


def test_a_page_is_bounded():
    many = b'{"data": {"cursor": "x", "whole": true, "position": 0, "newest": 0, "changes": [%b]}}'
    with pytest.raises(MirrorFailed):
        read_page(many % b",".join([b"{}"] * 101))
