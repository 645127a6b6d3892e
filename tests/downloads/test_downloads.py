"""Jobs over a tame engine: who may fetch what, when it runs, and what is left when it is let go."""

import asyncio
import os

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from downloads.downloads import Downloads
from downloads.limits import Limits
from downloads.model import ContentKey, Seed, State, Wish
from tests.downloads_desk import desk, magnet, refused, run, torrent, wish
from tests.torrents import hybrid_torrent


def test_a_torrent_is_fetched_and_opened(tmp_path):
    async def work(at):
        job = await at.create(1, "one", 1000, name="mine\u202e")
        assert (job.status.state, job.name, job.has_torrent) == (State.DOWNLOADING, "mine\ufffd", True)
        assert await at.downloads.cached(1, [job.content.key.infohash]) == []
        await at.finish(job)
        done = await at.job(job)
        assert (done.status.state, done.status.progress, done.content.complete) == (
            State.UPLOADING,
            1.0,
            True,
        )
        file = await at.downloads.open_file(done.content, done.content.files[0])
        assert os.pread(file, 9, 0) == bytes(9)
        os.close(file)
        assert [each.name for each in await at.downloads.cached(2, [job.content.key.infohash])] == ["one"]
        assert await at.downloads.torrent_of(1, job.id) == torrent("one", 1000)
        assert at.word.published == [torrent("one", 1000)]

    run(tmp_path, work)


def test_a_file_that_is_a_link_or_was_cut_is_not_opened(tmp_path):
    async def work(at):
        job = await at.create(1)
        await at.finish(job)
        job = await at.job(job)
        file = job.content.files[0]
        path = at.folder.of(1) / "0"
        path.write_bytes(b"short")
        with refused("not-found"):
            await at.downloads.open_file(job.content, file)
        path.unlink()
        path.symlink_to("/etc/passwd")
        with refused("not-found"):
            await at.downloads.open_file(job.content, file)

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Wish(), "nothing-wished"),
        (Wish(torrent=b"x", magnet="magnet:?"), "two-wishes"),
        (Wish(torrent=b"x"), "not-bencode"),
        (Wish(magnet="http://x/"), "bad-magnet"),
        (Wish(magnet="magnet:?xt=urn:btih:" + "0" * 40, only_if_cached=True), "not-cached"),
        (wish("huge", 2**20 + 1), "too-large-to-download"),
    ],
)
def test_what_cannot_be_fetched_is_refused(tmp_path, asked, code):
    async def work(at):
        with refused(code):
            await at.downloads.create(1, asked)
        assert await at.downloads.jobs(1, 0, 10) == []

    run(tmp_path, work, max_size=2**20)


def test_without_an_engine_everything_is_refused():
    async def work():
        downloads = Downloads(Limits(), None)
        assert not downloads.available
        await downloads.load()
        await downloads.begin()
        calls = [
            downloads.create(1, wish()),
            downloads.jobs(1, 0, 1),
            downloads.job(1, 1),
            downloads.delete(1, 1),
            downloads.pause(1, 1),
            downloads.resume(1, 1),
            downloads.reannounce(1, 1),
            downloads.start(1, 1),
            downloads.cached(1, []),
            downloads.torrent_of(1, 1),
        ]
        for call in calls:
            with refused("no-downloads"):
                await call
        await downloads.forget([InfoHash(bytes(20))])
        await downloads.stop()

    asyncio.run(work())


def test_slots_then_the_queue_then_a_refusal(tmp_path):
    async def work(at):
        jobs = [await at.create(1, f"{n}") for n in range(4)]
        assert [job.queued for job in jobs] == [False, False, True, True]
        assert jobs[2].status.state is State.PAUSED
        assert jobs[2].pause_reason == ""
        with refused("slots-full"):
            await at.create(1, "4")
        assert [job.name for job in await at.downloads.jobs(1, 0, 9, queued=True)] == ["3", "2"]
        assert [job.name for job in await at.downloads.jobs(1, 0, 9)] == ["1", "0"]
        assert not (await at.create(2, "other")).queued
        await at.finish(jobs[0])
        assert at.names() == ["0", "1", "2", "other"]
        await at.downloads.delete(1, jobs[1].id)
        await at.downloads.settled()
        assert at.names() == ["0", "2", "3", "other"]

    run(tmp_path, work, slots=2, queue=2)


def test_all_accounts_together_run_a_number_of_downloads(tmp_path):
    async def work(at):
        first = await at.create(1, "a")
        second = await at.create(2, "b")
        assert (first.queued, second.queued) == (False, True)
        third = await at.create(3, "a")
        assert not third.queued, "what runs already takes no further place"
        await at.downloads.pause(1, first.id)
        assert at.names() == ["a"]
        await at.downloads.pause(3, third.id)
        assert at.names() == ["b"]
        held = await at.downloads.resume(1, first.id)
        assert held.queued
        await at.finish(await at.job(second))
        assert at.names() == ["a", "b"]

    run(tmp_path, work, active=1)


def test_a_queued_job_is_taken_to_the_front(tmp_path):
    async def work(at):
        waits = await at.create(1, "waits", as_queued=True)
        assert waits.queued
        assert not (await at.downloads.start(1, waits.id)).queued
        await at.create(1, "b")
        late = [await at.create(1, name) for name in "cd"]
        with refused("slots-full"):
            await at.downloads.start(1, late[1].id)
        await at.downloads.delete(1, waits.id)
        assert at.names() == ["b", "c"]

    run(tmp_path, work, slots=2)


def test_the_front_of_the_queue_waits_for_all_accounts(tmp_path):
    async def work(at):
        runs = await at.create(1, "runs")
        await at.create(2, "first")
        second = await at.create(2, "second")
        assert (await at.downloads.start(2, second.id)).queued
        await at.downloads.delete(1, runs.id)
        assert at.names() == ["second"]

    run(tmp_path, work, active=1)


def test_an_account_holds_a_number_of_torrents(tmp_path):
    async def work(at):
        for name in "ab":
            await at.finish(await at.create(1, name))
        with refused("downloads-full"):
            await at.create(1, "c")

    run(tmp_path, work, held=2)


def test_the_account_quota_pauses_until_there_is_room(tmp_path):
    async def work(at):
        first = await at.create(1, "a", 600)
        second = await at.create(1, "b", 600)
        assert second.paused
        assert "account's space" in second.pause_reason
        assert second.status.state is State.PAUSED
        assert at.names() == ["a"]
        await at.finish(await at.create(2, "c", 600))
        with refused("downloads-full"):
            await at.create(1, "c", 600)
        with refused("too-large-to-download"):
            await at.create(1, "d", 1001)
        await at.downloads.delete(1, first.id)
        second = await at.job(second)
        assert (second.paused, second.pause_reason, at.names()) == (False, "", ["b", "c"])

    run(tmp_path, work, account_quota=1000)


def test_content_that_others_fetched_stays_shut_without_room(tmp_path):
    async def work(at):
        kept = await at.create(2, "kept", 600)
        one, two = await at.create(1, "x", 600), await at.create(2, "x", 600)
        assert two.paused
        await at.finish(one)
        assert (await at.job(one)).content.complete
        assert not (await at.job(two)).content.complete
        await at.downloads.delete(2, kept.id)
        assert (await at.job(two)).content.complete

    run(tmp_path, work, account_quota=1000)


def test_the_quota_of_all_pauses_until_there_is_room(tmp_path):
    async def work(at):
        first = await at.create(1, "a", 600)
        second = await at.create(2, "b", 600)
        assert "space for downloads" in second.pause_reason
        await at.finish(first)
        assert (await at.job(second)).paused
        await at.downloads.delete(1, first.id)
        assert not (await at.job(second)).paused

    run(tmp_path, work, quota=1000)


def test_a_disk_that_fills_up_pauses_and_goes_on(tmp_path):
    async def work(at):
        at.folder.free_bytes = 1000 + 2**20
        first = await at.create(1, "a", 2**20)
        second = await at.create(1, "b", 1)
        assert not first.paused
        assert "disk" in second.pause_reason
        at.change(first, progress=0.5)
        at.folder.free_bytes = 999
        await at.look()
        assert "disk" in (await at.job(first)).pause_reason
        assert at.names() == []
        at.folder.free_bytes = 1000 + 2**19
        await at.look()
        assert at.names() == ["a"]
        at.folder.free_bytes = 1001 + 2**19
        await at.look()
        assert at.names() == ["a", "b"]

    run(tmp_path, work, min_free_disk=1000)


def test_what_the_engine_fails_with_is_tried_again(tmp_path):
    async def work(at):
        job = await at.create(1)
        await at.fail(job, "No space left on device")
        failed = await at.job(job)
        assert (failed.status.state, failed.pause_reason) == (State.PAUSED, "No space left on device")
        assert failed.status.error == "No space left on device"
        await at.look()
        assert at.names() == []
        at.clock[0] += 301
        await at.look()
        assert at.names() == ["one"]
        await at.fail(job, "No space left on device")
        assert not (await at.downloads.resume(1, job.id)).paused

    run(tmp_path, work)


def test_two_accounts_share_one_order(tmp_path):
    async def work(at):
        one, two = await at.create(1, "x"), await at.create(2, "x", announce=b"http://other/a")
        assert len(at.engine.orders) == 1
        with refused("already-held"):
            await at.create(1, "x")
        await at.downloads.pause(1, one.id)
        assert at.names() == ["x"]
        assert (await at.job(one)).status.state is State.PAUSED
        await at.downloads.pause(2, two.id)
        assert at.names() == []
        await at.downloads.resume(1, one.id)
        await at.finish(one)
        again = await at.create(1, "x")
        assert (again.id, again.cached, again.status.state) == (one.id, False, State.UPLOADING)
        third = await at.create(3, "x", only_if_cached=True)
        assert (third.cached, third.status.state) == (True, State.CACHED)
        for job in (one, two):
            await at.downloads.delete(job.account, job.id)
        assert at.folder.of(1).exists()
        await at.downloads.delete(3, third.id)
        await at.downloads.settled()
        assert not at.folder.of(1).exists()
        assert at.engine.removed == [(one.content.key, True)]
        assert await at.database.rows("SELECT * FROM content UNION ALL SELECT * FROM content") == []
        with refused("not-found"):
            await at.downloads.delete(3, third.id)

    run(tmp_path, work)


def test_private_content_is_its_accounts_alone(tmp_path):
    async def work(at):
        one = await at.create(1, "p", private=True)
        await at.finish(one)
        assert await at.downloads.cached(2, [one.content.key.infohash]) == []
        assert len(await at.downloads.cached(1, [one.content.key.infohash])) == 1
        assert at.word.published == []
        two = await at.create(2, "p", private=True)
        assert (two.cached, two.status.state) == (False, State.DOWNLOADING)
        assert at.engine.orders[two.content.key].private
        asked = Wish(magnet=magnet(torrent("p", private=True)))
        assert (await at.downloads.create(3, asked)).content.name == "p"
        assert (await at.downloads.create(1, asked)).id == one.id
        with refused("not-found"):
            await at.downloads.delete(2, one.id)

    run(tmp_path, work)


def test_a_magnet_becomes_content(tmp_path):
    async def work(at):
        data = torrent("m", 700)
        job = await at.downloads.create(1, Wish(magnet=magnet(data)))
        assert (job.status.state, job.has_torrent, job.content.files) == (State.METADATA, False, ())
        await at.bring(job, data)
        job = await at.job(job)
        assert (job.content.size, job.has_torrent, job.content.files[0].path) == (700, True, "m")
        order = at.engine.orders[job.content.key]
        assert (order.torrent, order.trackers) == (data, ("http://t/a",))
        assert at.word.published == [data]

    run(tmp_path, work)


def test_a_magnets_content_that_is_too_large_is_not_fetched(tmp_path):
    async def work(at):
        data = torrent("m", 1001)
        job = await at.downloads.create(1, Wish(magnet=magnet(data)))
        await at.bring(job, data)
        job = await at.job(job)
        assert "larger" in job.pause_reason
        assert "larger" in job.status.error
        assert job.status.state is State.PAUSED
        assert at.engine.orders == {}
        assert not (await at.create(1, "next")).queued, "it keeps no slot"

    run(tmp_path, work, account_quota=1000, slots=1)


def test_magnets_that_turn_out_private_are_parted(tmp_path):
    async def work(at):
        data = torrent("p", private=True)
        jobs = [await at.downloads.create(n, Wish(magnet=magnet(data))) for n in (1, 2, 3)]
        await at.bring(jobs[0], data)
        keys = {(await at.job(job)).content.key for job in jobs}
        infohash = Metainfo.parse(data).infohash
        assert keys == {ContentKey(infohash, n) for n in (1, 2, 3)}
        assert at.engine.running == keys
        assert at.word.published == []

    run(tmp_path, work)


@pytest.mark.parametrize("by", ["v1", "v2"])
def test_a_hybrid_goes_by_both_its_hashes(tmp_path, by):
    data = hybrid_torrent("both")
    metainfo = Metainfo.parse(data)
    topic = f"btih:{metainfo.v1.lower}" if by == "v1" else f"btmh:1220{metainfo.v2.lower}"

    async def work(at):
        job = await at.downloads.create(1, Wish(magnet=f"magnet:?xt=urn:{topic}"))
        other = await at.downloads.create(2, Wish(magnet=f"magnet:?xt=urn:btmh:1220{metainfo.v2.lower}"))
        await at.bring(other, data)
        await at.downloads.settled()
        assert len(at.engine.orders) == 1
        assert (await at.job(job)).content.key == ContentKey(metainfo.infohash)
        assert (await at.job(other)).content.key == ContentKey(metainfo.infohash)
        with refused("already-held"):
            await at.downloads.create(1, Wish(magnet=f"magnet:?xt=urn:btmh:1220{metainfo.v2.lower}"))
        await at.finish(await at.job(job))
        for name in metainfo.infohashes:
            assert len(await at.downloads.cached(3, [name])) == 1

    run(tmp_path, work)


def test_a_file_tells_a_waiting_magnet_what_it_is(tmp_path):
    async def work(at):
        job = await at.downloads.create(1, Wish(magnet=magnet(torrent("m"))))
        await at.create(2, "m")
        assert (await at.job(job)).has_torrent
        assert at.names() == ["m"]

    run(tmp_path, work)


def test_blocked_torrents_are_refused_and_deleted(tmp_path):
    async def work(at):
        job, other = await at.create(1, "bad"), await at.create(1, "bad too", private=True)
        at.word.blocked = {job.content.key.infohash, other.content.key.infohash}
        await at.downloads.forget(list(at.word.blocked))
        await at.downloads.settled()
        assert await at.downloads.jobs(1, 0, 10) == []
        assert at.engine.orders == {}
        with refused("blocked"):
            await at.create(2, "bad")
        assert at.word.published == [torrent("bad")]

    run(tmp_path, work)


def test_a_magnet_whose_torrent_is_blocked_under_another_name_is_deleted(tmp_path):
    async def work(at):
        data = hybrid_torrent("both")
        job = await at.downloads.create(
            1, Wish(magnet=f"magnet:?xt=urn:btih:{Metainfo.parse(data).v1.lower}")
        )
        at.word.blocked = {Metainfo.parse(data).v2.cut}
        await at.bring(job, data)
        assert await at.job(job) is None
        assert at.engine.orders == {}

    run(tmp_path, work)


@pytest.mark.parametrize(
    ("limits", "wished", "seeds"),
    [
        ({}, Seed.DEFAULT, True),
        ({"seed": False}, Seed.DEFAULT, False),
        ({"seed": False}, Seed.SEED, True),
        ({}, Seed.STOP, False),
    ],
)
def test_who_says_whether_content_is_seeded(tmp_path, limits, wished, seeds):
    async def work(at):
        job = await at.create(1, seed=wished)
        await at.finish(job)
        state = (await at.job(job)).status.state
        assert state is (State.UPLOADING if seeds else State.COMPLETED)
        assert bool(at.names()) is seeds

    run(tmp_path, work, **limits)


@pytest.mark.parametrize("ends_by", ["ratio", "time"])
def test_seeding_ends(tmp_path, ends_by):
    async def work(at):
        job = await at.create(1, "s", 1000)
        await at.finish(job)
        at.change(job, uploaded=1499)
        at.clock[0] += 99
        await at.look()
        assert (await at.job(job)).status.state is State.UPLOADING
        if ends_by == "ratio":
            at.change(job, uploaded=1500)
        else:
            at.clock[0] += 1
        await at.look()
        rested = await at.job(job)
        assert rested.status.state is State.COMPLETED
        assert rested.status.uploaded >= 1499
        assert at.engine.removed == [(job.content.key, False)]
        assert (at.folder.of(1) / "0").exists()
        await at.look()
        assert at.names() == []

    run(tmp_path, work, seed_ratio=1.5, seed_time=100)


def test_seeding_rests_while_its_account_wishes(tmp_path):
    async def work(at):
        job = await at.create(1)
        await at.finish(job)
        assert (await at.downloads.pause(1, job.id)).status.state is State.PAUSED
        assert at.names() == []
        assert (await at.downloads.resume(1, job.id)).status.state is State.UPLOADING

    run(tmp_path, work)


def test_a_kill_loses_nothing_that_returned(tmp_path):
    async def work():
        async with desk(tmp_path, stop=False, slots=3) as at:
            done, half, paused = [await at.create(1, name) for name in ("done", "half", "paused")]
            waits = await at.create(1, "waits")
            await at.create(1, "last")
            await at.create(2, "secret", private=True)
            asked = await at.downloads.create(3, Wish(magnet=magnet(torrent("asked"))))
            await at.finish(done)
            await at.downloads.pause(1, paused.id)
            gone = await at.create(1, "gone")
            await at.downloads.delete(1, gone.id)
        async with desk(tmp_path, slots=3) as at:
            assert at.names() == ["?", "done", "half", "last", "secret", "waits"]
            assert (await at.job(done)).status.state is State.UPLOADING
            assert (await at.job(half)).content == half.content
            assert (await at.job(paused)).paused
            assert not (await at.job(waits)).queued
            assert await at.job(gone) is None
            assert at.engine.orders[asked.content.key].trackers == ("http://t/a",)

    asyncio.run(work())


def test_the_queue_outlives_a_kill_in_order(tmp_path):
    async def work():
        async with desk(tmp_path, stop=False, slots=1) as at:
            jobs = [await at.create(1, name) for name in "abc"]
        async with desk(tmp_path, slots=1) as at:
            assert at.names() == ["a"]
            await at.downloads.delete(1, jobs[0].id)
            assert at.names() == ["b"]

    asyncio.run(work())


def test_files_that_nobody_knows_are_gone_after_a_start(tmp_path):
    (tmp_path / "content" / "77").mkdir(parents=True)
    (tmp_path / "content" / "77" / "0").write_bytes(b"x")
    (tmp_path / "content" / "kept").mkdir()

    async def work(at):
        assert [each.name for each in (tmp_path / "content").iterdir()] == ["kept"]

    run(tmp_path, work)


def test_content_comes_back_while_its_files_are_still_deleted(tmp_path):
    async def work(at):
        job = await at.create(1)
        await at.finish(job)
        await at.downloads.delete(1, job.id)
        again = await at.create(1)
        await at.downloads.settled()
        assert at.engine.orders[again.content.key].folder == at.folder.of(2)
        assert (again.cached, at.names()) == (False, ["one"])

    run(tmp_path, work)


def test_what_is_told_late_harms_nobody(tmp_path):
    async def work(at):
        job = await at.create(1)
        await at.downloads.delete(1, job.id)
        await at.fail(job, "late")
        assert await at.downloads.jobs(1, 0, 10) == []

    run(tmp_path, work)


def test_a_thousand_at_once_are_bounded(tmp_path):
    async def work(at):
        wishes = [at.create(1 + n % 4, f"t{n}") for n in range(1000)]
        made = await asyncio.gather(*wishes, return_exceptions=True)
        jobs = [each for each in made if not isinstance(each, Exception)]
        assert len(jobs) == 4 * 45
        assert {each.code for each in made if isinstance(each, Exception)} == {"slots-full"}
        assert len(at.names()) == 4 * 5

    run(tmp_path, work, queue=40)


def test_a_magnet_with_a_thousand_links_is_cut(tmp_path):
    links = "".join(
        f"&tr=udp%3A%2F%2Ft{n}.example%3A80%2Fannounce&ws=http://w{n}/&x.pe=10.0.0.1:{n + 1}"
        for n in range(1000)
    )

    async def work(at):
        job = await at.downloads.create(1, Wish(magnet=f"magnet:?xt=urn:btih:{'1' * 40}{links}"))
        (order,) = at.engine.orders.values()
        assert (len(order.trackers), len(order.web_seeds), len(order.peers)) == (20, 20, 20)
        assert len(job.magnet) < 4000

    run(tmp_path, work)


def test_trackers_are_asked(tmp_path):
    async def work(at):
        job = await at.create(1)
        await at.downloads.reannounce(1, job.id)
        assert at.engine.announced == [job.content.key]
        with refused("not-found"):
            await at.downloads.reannounce(2, job.id)

    run(tmp_path, work)
