"""Download jobs over a fake engine: limits, queue, sharing, quotas, seeding and restarts."""

import asyncio
import os

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from downloads.downloads import Downloads
from downloads.limits import DownloadLimits
from downloads.model import ContentKey, JobRequest, JobState, SeedPolicy
from tests.support.downloads import magnet, make_request, open_downloads, refused
from tests.support.torrents import ANNOUNCE, hybrid_torrent, torrent


async def test_a_torrent_is_fetched_and_opened(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1, "one", 1000, name="mine\u202e")
        assert (job.status.state, job.name, job.has_torrent) == (JobState.DOWNLOADING, "mine\ufffd", True)
        assert await setup.downloads.cached(1, [job.content.key.infohash]) == []
        await setup.finish(job)
        done = await setup.job(job)
        assert (done.status.state, done.status.progress, done.content.complete) == (
            JobState.UPLOADING,
            1.0,
            True,
        )
        file = await setup.downloads.open_file(done.content, done.content.files[0])
        assert os.pread(file, 9, 0) == bytes(9)
        os.close(file)
        assert [each.name for each in await setup.downloads.cached(2, [job.content.key.infohash])] == ["one"]
        assert await setup.downloads.torrent_of(1, job.id) == torrent("one", 1000)
        assert setup.hooks.published == [torrent("one", 1000)]


async def test_a_file_that_is_a_link_or_was_cut_is_not_opened(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1)
        await setup.finish(job)
        job = await setup.job(job)
        file = job.content.files[0]
        path = setup.folder.of(1) / "0"
        path.write_bytes(b"short")
        with refused("not-found"):
            await setup.downloads.open_file(job.content, file)
        path.unlink()
        path.symlink_to("/etc/passwd")
        with refused("not-found"):
            await setup.downloads.open_file(job.content, file)


@pytest.mark.parametrize(
    ("job_request", "code"),
    [
        (JobRequest(), "nothing-wished"),
        (JobRequest(torrent=b"x", magnet="magnet:?"), "two-wishes"),
        (JobRequest(torrent=b"x"), "not-bencode"),
        (JobRequest(magnet="http://x/"), "bad-magnet"),
        (JobRequest(magnet="magnet:?xt=urn:btih:" + "0" * 40, only_if_cached=True), "not-cached"),
        (make_request("huge", 2**20 + 1), "too-large-to-download"),
    ],
)
async def test_what_cannot_be_fetched_is_refused(tmp_path, job_request, code):
    async with open_downloads(tmp_path, max_size=2**20) as setup:
        with refused(code):
            await setup.downloads.create(1, job_request)
        assert await setup.downloads.jobs(1, 0, 10) == []


async def test_without_an_engine_everything_is_refused():
    downloads = Downloads(DownloadLimits(), None)
    assert not downloads.available
    await downloads.load()
    await downloads.begin()
    calls = [
        downloads.create(1, make_request()),
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


async def test_slots_then_the_queue_then_a_refusal(tmp_path):
    async with open_downloads(tmp_path, slots=2, queue=2) as setup:
        jobs = [await setup.create(1, f"{n}") for n in range(4)]
        assert [job.queued for job in jobs] == [False, False, True, True]
        assert setup.downloads.queue_lengths() == (2, 2)
        assert jobs[2].status.state is JobState.PAUSED
        assert jobs[2].pause_reason == ""
        with refused("slots-full"):
            await setup.create(1, "4")
        assert [job.name for job in await setup.downloads.jobs(1, 0, 9, queued=True)] == ["3", "2"]
        assert [job.name for job in await setup.downloads.jobs(1, 0, 9)] == ["1", "0"]
        assert not (await setup.create(2, "other")).queued
        await setup.finish(jobs[0])
        assert setup.names() == ["0", "1", "2", "other"]
        await setup.downloads.delete(1, jobs[1].id)
        await setup.downloads.drain()
        assert setup.names() == ["0", "2", "3", "other"]


async def test_all_accounts_together_run_a_number_of_downloads(tmp_path):
    async with open_downloads(tmp_path, active=1) as setup:
        first = await setup.create(1, "a")
        second = await setup.create(2, "b")
        assert (first.queued, second.queued) == (False, True)
        third = await setup.create(3, "a")
        assert not third.queued, "what runs already takes no further place"
        await setup.downloads.pause(1, first.id)
        assert setup.names() == ["a"]
        await setup.downloads.pause(3, third.id)
        assert setup.names() == ["b"]
        held = await setup.downloads.resume(1, first.id)
        assert held.queued
        await setup.finish(await setup.job(second))
        assert setup.names() == ["a", "b"]


async def test_a_queued_job_is_taken_to_the_front(tmp_path):
    async with open_downloads(tmp_path, slots=2) as setup:
        waits = await setup.create(1, "waits", as_queued=True)
        assert waits.queued
        assert not (await setup.downloads.start(1, waits.id)).queued
        await setup.create(1, "b")
        late = [await setup.create(1, name) for name in "cd"]
        with refused("slots-full"):
            await setup.downloads.start(1, late[1].id)
        await setup.downloads.delete(1, waits.id)
        assert setup.names() == ["b", "c"]


async def test_the_front_of_the_queue_waits_for_all_accounts(tmp_path):
    async with open_downloads(tmp_path, active=1) as setup:
        runs = await setup.create(1, "runs")
        await setup.create(2, "first")
        second = await setup.create(2, "second")
        assert (await setup.downloads.start(2, second.id)).queued
        await setup.downloads.delete(1, runs.id)
        assert setup.names() == ["second"]


async def test_an_account_holds_a_number_of_torrents(tmp_path):
    async with open_downloads(tmp_path, held=2) as setup:
        for name in "ab":
            await setup.finish(await setup.create(1, name))
        with refused("downloads-full"):
            await setup.create(1, "c")


async def test_the_account_quota_pauses_until_there_is_room(tmp_path):
    async with open_downloads(tmp_path, account_quota=1000) as setup:
        first = await setup.create(1, "a", 600)
        second = await setup.create(1, "b", 600)
        assert second.paused
        assert "account's space" in second.pause_reason
        assert second.status.state is JobState.PAUSED
        assert setup.names() == ["a"]
        await setup.finish(await setup.create(2, "c", 600))
        with refused("downloads-full"):
            await setup.create(1, "c", 600)
        with refused("too-large-to-download"):
            await setup.create(1, "d", 1001)
        await setup.downloads.delete(1, first.id)
        second = await setup.job(second)
        assert (second.paused, second.pause_reason, setup.names()) == (False, "", ["b", "c"])


async def test_content_that_others_fetched_stays_shut_without_room(tmp_path):
    async with open_downloads(tmp_path, account_quota=1000) as setup:
        kept = await setup.create(2, "kept", 600)
        one, two = await setup.create(1, "x", 600), await setup.create(2, "x", 600)
        assert two.paused
        await setup.finish(one)
        assert (await setup.job(one)).content.complete
        assert not (await setup.job(two)).content.complete
        await setup.downloads.delete(2, kept.id)
        assert (await setup.job(two)).content.complete


async def test_the_quota_of_all_pauses_until_there_is_room(tmp_path):
    async with open_downloads(tmp_path, quota=1000) as setup:
        first = await setup.create(1, "a", 600)
        second = await setup.create(2, "b", 600)
        assert "space for downloads" in second.pause_reason
        await setup.finish(first)
        assert (await setup.job(second)).paused
        await setup.downloads.delete(1, first.id)
        assert not (await setup.job(second)).paused


async def test_a_disk_that_fills_up_pauses_and_goes_on(tmp_path):
    async with open_downloads(tmp_path, min_free_disk=1000) as setup:
        setup.folder.free_bytes = 1000 + 2**20
        first = await setup.create(1, "a", 2**20)
        second = await setup.create(1, "b", 1)
        assert not first.paused
        assert "disk" in second.pause_reason
        setup.change(first, progress=0.5)
        setup.folder.free_bytes = 999
        await setup.check()
        assert "disk" in (await setup.job(first)).pause_reason
        assert setup.names() == []
        setup.folder.free_bytes = 1000 + 2**19
        await setup.check()
        assert setup.names() == ["a"]
        setup.folder.free_bytes = 1001 + 2**19
        await setup.check()
        assert setup.names() == ["a", "b"]


async def test_what_the_engine_fails_with_is_tried_again(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1)
        await setup.fail(job, "No space left on device")
        failed = await setup.job(job)
        assert (failed.status.state, failed.pause_reason) == (JobState.PAUSED, "No space left on device")
        assert failed.status.error == "No space left on device"
        await setup.check()
        assert setup.names() == []
        setup.clock.now += 301
        await setup.check()
        assert setup.names() == ["one"]
        await setup.fail(job, "No space left on device")
        assert not (await setup.downloads.resume(1, job.id)).paused


async def test_two_accounts_share_one_download(tmp_path):
    async with open_downloads(tmp_path) as setup:
        one, two = await setup.create(1, "x"), await setup.create(2, "x", announce=b"http://other/a")
        assert len(setup.engine.requests) == 1
        with refused("already-held"):
            await setup.create(1, "x")
        await setup.downloads.pause(1, one.id)
        assert setup.names() == ["x"]
        assert (await setup.job(one)).status.state is JobState.PAUSED
        await setup.downloads.pause(2, two.id)
        assert setup.names() == []
        await setup.downloads.resume(1, one.id)
        await setup.finish(one)
        again = await setup.create(1, "x")
        assert (again.id, again.cached, again.status.state) == (one.id, False, JobState.UPLOADING)
        third = await setup.create(3, "x", only_if_cached=True)
        assert (third.cached, third.status.state) == (True, JobState.CACHED)
        for job in (one, two):
            await setup.downloads.delete(job.account, job.id)
        assert setup.folder.of(1).exists()
        await setup.downloads.delete(3, third.id)
        await setup.downloads.drain()
        assert not setup.folder.of(1).exists()
        assert setup.engine.removed == [(one.content.key, True)]
        assert await setup.database.rows("SELECT * FROM content UNION ALL SELECT * FROM content") == []
        with refused("not-found"):
            await setup.downloads.delete(3, third.id)


async def test_private_content_is_its_accounts_alone(tmp_path):
    async with open_downloads(tmp_path) as setup:
        one = await setup.create(1, "p", private=True)
        await setup.finish(one)
        assert await setup.downloads.cached(2, [one.content.key.infohash]) == []
        assert len(await setup.downloads.cached(1, [one.content.key.infohash])) == 1
        assert setup.hooks.published == []
        two = await setup.create(2, "p", private=True)
        assert (two.cached, two.status.state) == (False, JobState.DOWNLOADING)
        assert setup.engine.requests[two.content.key].private
        job_request = JobRequest(magnet=magnet(torrent("p", 1000, private=True)))
        assert (await setup.downloads.create(3, job_request)).content.name == "p"
        assert (await setup.downloads.create(1, job_request)).id == one.id
        with refused("not-found"):
            await setup.downloads.delete(2, one.id)


async def test_a_magnet_becomes_content(tmp_path):
    async with open_downloads(tmp_path) as setup:
        data = torrent("m", 700)
        job = await setup.downloads.create(1, JobRequest(magnet=magnet(data)))
        assert (job.status.state, job.has_torrent, job.content.files) == (JobState.METADATA, False, ())
        await setup.find_metadata(job, data)
        job = await setup.job(job)
        assert (job.content.size, job.has_torrent, job.content.files[0].path) == (700, True, "m")
        request = setup.engine.requests[job.content.key]
        assert (request.torrent, request.trackers) == (data, (ANNOUNCE.decode(),))
        assert setup.hooks.published == [data]


async def test_a_magnets_content_that_is_too_large_is_not_fetched(tmp_path):
    async with open_downloads(tmp_path, account_quota=1000, slots=1) as setup:
        data = torrent("m", 1001)
        job = await setup.downloads.create(1, JobRequest(magnet=magnet(data)))
        await setup.find_metadata(job, data)
        job = await setup.job(job)
        assert "larger" in job.pause_reason
        assert "larger" in job.status.error
        assert job.status.state is JobState.PAUSED
        assert setup.engine.requests == {}
        assert not (await setup.create(1, "next")).queued, "it keeps no slot"


async def test_magnets_that_turn_out_private_are_parted(tmp_path):
    async with open_downloads(tmp_path) as setup:
        data = torrent("p", private=True)
        jobs = [await setup.downloads.create(n, JobRequest(magnet=magnet(data))) for n in (1, 2, 3)]
        await setup.find_metadata(jobs[0], data)
        keys = {(await setup.job(job)).content.key for job in jobs}
        infohash = Metainfo.parse(data).infohash
        assert keys == {ContentKey(infohash, n) for n in (1, 2, 3)}
        assert setup.engine.running == keys
        assert setup.hooks.published == []


@pytest.mark.parametrize("by", ["v1", "v2"])
async def test_a_hybrid_goes_by_both_its_hashes(tmp_path, by):
    data = hybrid_torrent("both")
    metainfo = Metainfo.parse(data)
    topic = f"btih:{metainfo.v1.lower}" if by == "v1" else f"btmh:1220{metainfo.v2.lower}"

    async with open_downloads(tmp_path) as setup:
        job = await setup.downloads.create(1, JobRequest(magnet=f"magnet:?xt=urn:{topic}"))
        other = await setup.downloads.create(
            2, JobRequest(magnet=f"magnet:?xt=urn:btmh:1220{metainfo.v2.lower}")
        )
        await setup.find_metadata(other, data)
        await setup.downloads.drain()
        assert len(setup.engine.requests) == 1
        assert (await setup.job(job)).content.key == ContentKey(metainfo.infohash)
        assert (await setup.job(other)).content.key == ContentKey(metainfo.infohash)
        with refused("already-held"):
            await setup.downloads.create(1, JobRequest(magnet=f"magnet:?xt=urn:btmh:1220{metainfo.v2.lower}"))
        await setup.finish(await setup.job(job))
        for name in metainfo.infohashes:
            assert len(await setup.downloads.cached(3, [name])) == 1


async def test_a_file_tells_a_waiting_magnet_what_it_is(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.downloads.create(1, JobRequest(magnet=magnet(torrent("m", 1000))))
        await setup.create(2, "m")
        assert (await setup.job(job)).has_torrent
        assert setup.names() == ["m"]


async def test_blocked_torrents_are_refused_and_deleted(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job, other = await setup.create(1, "bad"), await setup.create(1, "bad too", private=True)
        setup.hooks.blocked = {job.content.key.infohash, other.content.key.infohash}
        await setup.downloads.forget(list(setup.hooks.blocked))
        await setup.downloads.drain()
        assert await setup.downloads.jobs(1, 0, 10) == []
        assert setup.engine.requests == {}
        with refused("blocked"):
            await setup.create(2, "bad")
        assert setup.hooks.published == [torrent("bad", 1000)]


async def test_a_block_that_is_enforced_before_the_engine_runs_starts_nothing(tmp_path):
    async with open_downloads(tmp_path) as setup:
        gone, kept = await setup.create(1, "bad"), await setup.create(1, "good")

    async def block(downloads, engine):
        await downloads.forget([InfoHash(b"x" * 20)])
        await downloads.forget([gone.content.key.infohash])
        assert engine.requests == {}

    async with open_downloads(tmp_path, before=block) as setup:
        assert [job.id for job in await setup.downloads.jobs(1, 0, 10)] == [kept.id]
        assert setup.names() == ["good"]


async def test_a_magnet_whose_torrent_is_blocked_under_another_name_is_deleted(tmp_path):
    async with open_downloads(tmp_path) as setup:
        data = hybrid_torrent("both")
        job = await setup.downloads.create(
            1, JobRequest(magnet=f"magnet:?xt=urn:btih:{Metainfo.parse(data).v1.lower}")
        )
        setup.hooks.blocked = {Metainfo.parse(data).v2.truncated}
        await setup.find_metadata(job, data)
        assert await setup.job(job) is None
        assert setup.engine.requests == {}


@pytest.mark.parametrize(
    ("limits", "policy", "seeds"),
    [
        ({}, SeedPolicy.DEFAULT, True),
        ({"seed": False}, SeedPolicy.DEFAULT, False),
        ({"seed": False}, SeedPolicy.SEED, True),
        ({}, SeedPolicy.STOP, False),
    ],
)
async def test_who_says_whether_content_is_seeded(tmp_path, limits, policy, seeds):
    async with open_downloads(tmp_path, **limits) as setup:
        job = await setup.create(1, seed=policy)
        await setup.finish(job)
        state = (await setup.job(job)).status.state
        assert state is (JobState.UPLOADING if seeds else JobState.COMPLETED)
        assert bool(setup.names()) is seeds


@pytest.mark.parametrize("ends_by", ["ratio", "time"])
async def test_seeding_ends(tmp_path, ends_by):
    async with open_downloads(tmp_path, seed_ratio=1.5, seed_time=100) as setup:
        job = await setup.create(1, "s", 1000)
        await setup.finish(job)
        setup.change(job, uploaded=1499)
        setup.clock.now += 99
        await setup.check()
        assert (await setup.job(job)).status.state is JobState.UPLOADING
        if ends_by == "ratio":
            setup.change(job, uploaded=1500)
        else:
            setup.clock.now += 1
        await setup.check()
        rested = await setup.job(job)
        assert rested.status.state is JobState.COMPLETED
        assert rested.status.uploaded >= 1499
        assert setup.engine.removed == [(job.content.key, False)]
        assert (setup.folder.of(1) / "0").exists()
        await setup.check()
        assert setup.names() == []


async def test_seeding_rests_while_its_account_wishes(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1)
        await setup.finish(job)
        assert (await setup.downloads.pause(1, job.id)).status.state is JobState.PAUSED
        assert setup.names() == []
        assert (await setup.downloads.resume(1, job.id)).status.state is JobState.UPLOADING


async def test_a_kill_loses_nothing_that_returned(tmp_path):
    async with open_downloads(tmp_path, stop=False, slots=3) as setup:
        done, half, paused = [await setup.create(1, name) for name in ("done", "half", "paused")]
        waits = await setup.create(1, "waits")
        await setup.create(1, "last")
        await setup.create(2, "secret", private=True)
        unresolved = await setup.downloads.create(3, JobRequest(magnet=magnet(torrent("asked"))))
        await setup.finish(done)
        await setup.downloads.pause(1, paused.id)
        gone = await setup.create(1, "gone")
        await setup.downloads.delete(1, gone.id)
    async with open_downloads(tmp_path, slots=3) as setup:
        assert setup.names() == ["?", "done", "half", "last", "secret", "waits"]
        assert (await setup.job(done)).status.state is JobState.UPLOADING
        assert (await setup.job(half)).content == half.content
        assert (await setup.job(paused)).paused
        assert not (await setup.job(waits)).queued
        assert await setup.job(gone) is None
        assert setup.engine.requests[unresolved.content.key].trackers == (ANNOUNCE.decode(),)


async def test_the_queue_outlives_a_kill_in_order(tmp_path):
    async with open_downloads(tmp_path, stop=False, slots=1) as setup:
        jobs = [await setup.create(1, name) for name in "abc"]
    async with open_downloads(tmp_path, slots=1) as setup:
        assert setup.names() == ["a"]
        await setup.downloads.delete(1, jobs[0].id)
        assert setup.names() == ["b"]


async def test_files_that_nobody_knows_are_gone_after_a_start(tmp_path):
    (tmp_path / "content" / "77").mkdir(parents=True)
    (tmp_path / "content" / "77" / "0").write_bytes(b"x")
    (tmp_path / "content" / "kept").mkdir()

    async with open_downloads(tmp_path):
        assert [each.name for each in (tmp_path / "content").iterdir()] == ["kept"]


async def test_content_comes_back_while_its_files_are_still_deleted(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1)
        await setup.finish(job)
        await setup.downloads.delete(1, job.id)
        again = await setup.create(1)
        await setup.downloads.drain()
        assert setup.engine.requests[again.content.key].folder == setup.folder.of(2)
        assert (again.cached, setup.names()) == (False, ["one"])


async def test_what_is_told_late_harms_nobody(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1)
        await setup.downloads.delete(1, job.id)
        await setup.fail(job, "late")
        assert await setup.downloads.jobs(1, 0, 10) == []


async def test_a_thousand_at_once_are_bounded(tmp_path):
    async with open_downloads(tmp_path, queue=40) as setup:
        creations = [setup.create(1 + n % 4, f"t{n}") for n in range(1000)]
        made = await asyncio.gather(*creations, return_exceptions=True)
        jobs = [each for each in made if not isinstance(each, Exception)]
        assert len(jobs) == 4 * 45
        assert {each.code for each in made if isinstance(each, Exception)} == {"slots-full"}
        assert len(setup.names()) == 4 * 5


async def test_a_magnet_with_a_thousand_links_is_cut(tmp_path):
    links = "".join(
        f"&tr=udp%3A%2F%2Ft{n}.example%3A80%2Fannounce&ws=http://w{n}/&x.pe=10.0.0.1:{n + 1}"
        for n in range(1000)
    )

    async with open_downloads(tmp_path) as setup:
        job = await setup.downloads.create(1, JobRequest(magnet=f"magnet:?xt=urn:btih:{'1' * 40}{links}"))
        (request,) = setup.engine.requests.values()
        assert (len(request.trackers), len(request.web_seeds), len(request.peers)) == (20, 20, 20)
        assert len(job.magnet) < 4000


async def test_trackers_are_asked(tmp_path):
    async with open_downloads(tmp_path) as setup:
        job = await setup.create(1)
        await setup.downloads.reannounce(1, job.id)
        assert setup.engine.announced == [job.content.key]
        with refused("not-found"):
            await setup.downloads.reannounce(2, job.id)
