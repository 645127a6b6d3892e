import asyncio

import pytest

from actions.enrichment import Enriched, Enrichment
from bittorrent.refusal import Refusal
from catalogue.model import EVERYONE, File
from catalogue.shelf import ALL
from tests.actions.catalogued import office
from tests.actions.conftest import PlainReader, Rooms
from tests.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent


async def code_of(deed):
    with pytest.raises(Refusal) as caught:
        await deed
    return caught.value.code


@pytest.fixture
def at_office(tmp_path):
    def run(story, **given):
        async def told():
            async with office(tmp_path, **given) as rooms:
                return await story(rooms)

        return asyncio.run(told())

    return run


def test_an_upload_gets_a_record_with_what_it_lists(at_office):
    async def story(rooms):
        accepted = await rooms.uploads.accept(
            v1_torrent("one.txt", announce=b"http://t.example/a", comment=b"said"), "test", uploader=1
        )
        torrent = accepted.torrent
        assert (torrent.name, torrent.root, torrent.description) == ("one.txt", "", "said")
        assert torrent.uploader.id == 1
        contents = await rooms.library.catalogue.contents(torrent.id)
        assert contents.files == (File("one.txt", torrent.size),)
        assert contents.trackers == (("http://t.example/a",),)

    at_office(story)


def test_an_upload_without_an_account_takes_what_is_known(at_office):
    async def story(rooms):
        first = await rooms.uploads.accept(v1_torrent(), "test", uploader=1, details={"title": "Mine"})
        again = await rooms.uploads.accept(v1_torrent(), "test")
        assert (again.torrent, again.new) == (first.torrent, False)
        assert await code_of(rooms.uploads.accept(v1_torrent(), "test", uploader=2)) == "owned"

    at_office(story)


def test_uploads_of_one_torrent_at_once_all_end_well(at_office):
    async def story(rooms):
        ends = await asyncio.gather(
            *(rooms.uploads.accept(v1_torrent(), "test", uploader=1, patient=True) for _ in range(5)),
            *(rooms.uploads.accept(v1_torrent(), "test", patient=True) for _ in range(5)),
        )
        assert len({end.torrent.id for end in ends}) == 1
        assert sum(end.new for end in ends) == 1
        assert (await rooms.library.catalogue.torrent(ends[0].torrent.id, EVERYONE)).uploader.id == 1

    at_office(story)


def test_a_block_forgets_the_record_under_every_name_and_unblocking_does_not_bring_it_back(at_office):
    async def story(rooms):
        hybrid = parsed(hybrid_torrent())
        for name in (hybrid.v1, hybrid.v2, hybrid.v2.cut):
            accepted = await rooms.uploads.accept(hybrid_torrent(), "test")
            await rooms.takedowns.block(name, "illegal", "op")
            assert await rooms.library.catalogue.torrent(accepted.torrent.id, ALL) is None
            assert not await rooms.cache.has(hybrid.v1)
            assert await code_of(rooms.uploads.accept(hybrid_torrent(), "test", uploader=1)) == "blocked"
            assert await rooms.takedowns.unblock(hybrid.v1)
            assert await rooms.library.catalogue.torrent(hybrid.v1, ALL) is None

    at_office(story)


def test_a_block_covers_the_names_that_only_the_catalogue_knows(at_office):
    async def story(rooms):
        accepted = await rooms.uploads.accept(hybrid_torrent(), "test")
        await rooms.cache.remove(accepted.infohash)
        await rooms.takedowns.block(accepted.torrent.alias, "illegal", "op")
        assert accepted.torrent.infohash in rooms.policy.denied
        assert await rooms.library.catalogue.torrent(accepted.infohash, ALL) is None

    at_office(story)


def test_a_block_that_a_crash_cut_short_is_finished_at_the_next_start(at_office):
    async def story(rooms):
        accepted = await rooms.uploads.accept(v1_torrent(), "test")
        before = Rooms(rooms.blobs, rooms.records, rooms.entries)
        await before.takedowns.block(accepted.infohash, "illegal", "op")
        assert await rooms.library.catalogue.torrent(accepted.infohash, ALL) is not None
        await (await rooms.restarted()).cache.totals()
        assert await rooms.library.catalogue.torrent(accepted.infohash, ALL) is None

    at_office(story)


def test_files_without_a_record_get_one_and_records_without_a_file_say_so(at_office):
    async def story(rooms):
        before = Rooms(rooms.blobs, rooms.records)
        for data in (v1_torrent(), v2_torrent(), hybrid_torrent()):
            await before.uploads.accept(data, "test")
        kept = await rooms.uploads.accept(v1_torrent("kept"), "test", uploader=1)
        gone = await rooms.uploads.accept(v1_torrent("gone"), "test", uploader=1)
        await rooms.cache.remove(gone.infohash)
        assert await rooms.enrichment.catch_up() == Enriched(entered=3, gone=1, unreadable=0)
        for data in (v1_torrent(), v2_torrent(), hybrid_torrent()):
            torrent = await rooms.library.catalogue.torrent(parsed(data).infohash, EVERYONE)
            assert torrent.held
            assert torrent.uploader is None
        assert not (await rooms.library.catalogue.torrent(gone.infohash, EVERYONE)).held
        assert await rooms.library.catalogue.torrent(kept.infohash, EVERYONE) == kept.torrent
        assert await rooms.enrichment.catch_up() == Enriched(0, 0, 0)
        again = await rooms.uploads.accept(v1_torrent("gone"), "test")
        assert again.torrent.held
        assert again.torrent.uploader.id == 1

    at_office(story)


def test_a_pass_takes_what_it_can_and_tells_what_it_cannot(at_office):
    async def story(rooms):
        before = Rooms(rooms.blobs, rooms.records)
        good = await before.uploads.accept(v1_torrent("good"), "test")
        bad = await before.uploads.accept(v1_torrent("bad"), "test")
        await rooms.blobs.remove(bad.infohash)
        await rooms.blobs.put(bad.infohash, b"no torrent")
        assert await rooms.enrichment.catch_up() == Enriched(entered=1, gone=0, unreadable=1)
        assert await rooms.library.catalogue.torrent(good.infohash, EVERYONE) is not None

    at_office(story)


def test_what_is_blocked_or_removed_while_it_is_read_does_not_come_back(at_office):
    async def story(rooms):
        before = Rooms(rooms.blobs, rooms.records)
        blocked = await before.uploads.accept(v1_torrent("blocked"), "test")
        removed = await before.uploads.accept(v1_torrent("removed"), "test")
        describe = rooms.enrichment._cataloguer.describe

        async def slow(sheet):
            if sheet.infohash == blocked.infohash:
                await rooms.takedowns.block(sheet.infohash, "illegal", "op")
            else:
                await rooms.takedowns.withdraw([sheet.infohash])
            return await describe(sheet)

        rooms.enrichment._cataloguer.describe = slow
        await rooms.enrichment.catch_up()
        for accepted in (blocked, removed):
            assert await rooms.library.catalogue.torrent(accepted.infohash, ALL) is None
            assert accepted.infohash not in rooms.policy.allowed

    at_office(story)


def test_passes_go_on_after_one_that_failed(at_office):
    async def story(rooms):
        enrichment = Enrichment(rooms.cache, rooms.library.catalogue, rooms.takedowns, PlainReader(), every=0)
        passes = asyncio.Queue()
        catch_up = enrichment.catch_up

        async def failing():
            passes.put_nowait(1)
            if passes.qsize() == 1:
                raise OSError("the disk is tired")
            return await catch_up()

        enrichment.catch_up = failing
        before = Rooms(rooms.blobs, rooms.records)
        accepted = await before.uploads.accept(v1_torrent(), "test")
        running = asyncio.create_task(enrichment.run())
        while await rooms.library.catalogue.torrent(accepted.infohash, ALL) is None:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    at_office(story)
