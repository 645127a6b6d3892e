import asyncio

import pytest

from actions.catalogue_sync import CatalogueSync, CatalogueSyncResult
from bittorrent.refusal import Refusal
from cache.compression import pack
from catalogue.fields import TorrentDetails
from catalogue.model import PUBLIC_VIEWER, CatalogueFile
from catalogue.store import UNRESTRICTED_VIEWER
from tests.actions.catalogue_services import open_services
from tests.actions.conftest import ActionServices, NameAsTitle
from tests.support.tasks import until
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent


async def code_of(operation):
    with pytest.raises(Refusal) as caught:
        await operation
    return caught.value.code


async def test_an_upload_gets_a_record_with_what_it_lists(tmp_path):
    async with open_services(tmp_path) as services:
        accepted = await services.uploads.accept(
            v1_torrent("one.txt", announce=b"http://t.example/a", comment=b"said"), "test", uploader=1
        )
        torrent = accepted.torrent
        assert (torrent.name, torrent.root, torrent.description) == ("one.txt", "", "said")
        assert torrent.uploader.id == 1
        contents = await services.library.catalogue.store.torrents.contents(torrent.id)
        assert contents.files == (CatalogueFile("one.txt", torrent.size),)
        assert contents.trackers == (("http://t.example/a",),)


async def test_an_upload_without_an_account_takes_what_is_known(tmp_path):
    async with open_services(tmp_path) as services:
        first = await services.uploads.accept(
            v1_torrent(), "test", uploader=1, details=TorrentDetails.read({"title": "Mine"})
        )
        again = await services.uploads.accept(v1_torrent(), "test")
        assert (await services.uploads.record(again.infohash), again.new) == (first.torrent, False)
        assert await code_of(services.uploads.accept(v1_torrent(), "test", uploader=2)) == "owned"


async def test_uploads_of_one_torrent_at_once_all_end_well(tmp_path):
    async with open_services(tmp_path) as services:
        answers = await asyncio.gather(
            *(services.uploads.accept(v1_torrent(), "test", uploader=1, skip_limit=True) for _ in range(5)),
            *(services.uploads.accept(v1_torrent(), "test", skip_limit=True) for _ in range(5)),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert {refusal.code for refusal in refused} <= {"owned"}
        ends = [answer for answer in answers if answer not in refused]
        record = await services.uploads.record(ends[0].infohash)
        assert {end.torrent.id for end in ends if end.torrent is not None} <= {record.id}
        assert sum(end.new for end in ends) == 1
        assert record.uploader.id == 1


async def test_a_block_forgets_the_record_under_every_name_and_unblocking_does_not_bring_it_back(tmp_path):
    async with open_services(tmp_path) as services:
        hybrid = parsed(hybrid_torrent())
        for name in (hybrid.v1, hybrid.v2, hybrid.v2.truncated):
            accepted = await services.uploads.accept(hybrid_torrent(), "test")
            record = await services.uploads.record(accepted.infohash)
            await services.takedowns.block(name, "illegal", "op")
            assert (
                await services.library.catalogue.store.torrents.torrent(record.id, UNRESTRICTED_VIEWER)
                is None
            )
            assert not await services.cache.has(hybrid.v1)
            assert await code_of(services.uploads.accept(hybrid_torrent(), "test", uploader=1)) == "blocked"
            assert await services.takedowns.unblock(hybrid.v1)
            assert (
                await services.library.catalogue.store.torrents.torrent(hybrid.v1, UNRESTRICTED_VIEWER)
                is None
            )


async def test_a_block_covers_the_names_that_only_the_catalogue_knows(tmp_path):
    async with open_services(tmp_path) as services:
        accepted = await services.uploads.accept(hybrid_torrent(), "test")
        record = await services.uploads.record(accepted.infohash)
        await services.cache.remove(accepted.infohash)
        await services.takedowns.block(record.alias, "illegal", "op")
        assert record.infohash in services.policy.denied
        assert (
            await services.library.catalogue.store.torrents.torrent(accepted.infohash, UNRESTRICTED_VIEWER)
            is None
        )


async def test_a_block_that_a_crash_cut_short_is_finished_at_the_next_start(tmp_path):
    async with open_services(tmp_path) as services:
        accepted = await services.uploads.accept(v1_torrent(), "test")
        before = ActionServices(services.blobs, services.records, services.entries)
        await before.takedowns.block(accepted.infohash, "illegal", "op")
        assert (
            await services.library.catalogue.store.torrents.torrent(accepted.infohash, UNRESTRICTED_VIEWER)
            is not None
        )
        await (await services.restarted()).cache.totals()
        assert (
            await services.library.catalogue.store.torrents.torrent(accepted.infohash, UNRESTRICTED_VIEWER)
            is None
        )


async def test_files_without_a_record_get_one_and_records_without_a_file_say_so(tmp_path):
    async with open_services(tmp_path) as services:
        before = ActionServices(services.blobs, services.records)
        for data in (v1_torrent(), v2_torrent(), hybrid_torrent()):
            await before.uploads.accept(data, "test")
        kept = await services.uploads.accept(v1_torrent("kept"), "test", uploader=1)
        gone = await services.uploads.accept(v1_torrent("gone"), "test", uploader=1)
        await services.cache.remove(gone.infohash)
        assert await services.catalogue_sync.run_once() == CatalogueSyncResult(
            added=3, missing=1, unreadable=0
        )
        for data in (v1_torrent(), v2_torrent(), hybrid_torrent()):
            torrent = await services.library.catalogue.store.torrents.torrent(
                parsed(data).infohash, PUBLIC_VIEWER
            )
            assert torrent.held
            assert torrent.uploader is None
        assert not (
            await services.library.catalogue.store.torrents.torrent(gone.infohash, PUBLIC_VIEWER)
        ).held
        assert (
            await services.library.catalogue.store.torrents.torrent(kept.infohash, PUBLIC_VIEWER)
            == kept.torrent
        )
        assert await services.catalogue_sync.run_once() == CatalogueSyncResult(0, 0, 0)
        again = await services.uploads.accept(v1_torrent("gone"), "test")
        record = await services.uploads.record(again.infohash)
        assert record.held
        assert record.uploader.id == 1


async def test_a_pass_takes_what_it_can_and_tells_what_it_cannot(tmp_path):
    async with open_services(tmp_path) as services:
        before = ActionServices(services.blobs, services.records)
        good = await before.uploads.accept(v1_torrent("good"), "test")
        bad = await before.uploads.accept(v1_torrent("bad"), "test")
        await services.blobs.remove(bad.infohash)
        await services.blobs.put(bad.infohash, pack(b"no torrent"))
        assert await services.catalogue_sync.run_once() == CatalogueSyncResult(
            added=1, missing=0, unreadable=1
        )
        assert (
            await services.library.catalogue.store.torrents.torrent(good.infohash, PUBLIC_VIEWER) is not None
        )


async def test_what_is_blocked_or_removed_while_it_is_read_does_not_come_back(tmp_path):
    async with open_services(tmp_path) as services:
        before = ActionServices(services.blobs, services.records)
        blocked = await before.uploads.accept(v1_torrent("blocked"), "test")
        removed = await before.uploads.accept(v1_torrent("removed"), "test")
        describe, blocks = services.catalogue_sync._release_parser.parse, []

        async def slow(summary):
            if summary.infohash == blocked.infohash:
                blocks.append(
                    asyncio.create_task(services.takedowns.block(summary.infohash, "illegal", "op"))
                )
                await until(services.takedowns.lists.entries)
            else:
                await services.takedowns.remove_file([summary.infohash])
            return await describe(summary)

        services.catalogue_sync._release_parser.parse = slow
        await services.catalogue_sync.run_once()
        await asyncio.gather(*blocks)
        for accepted in (blocked, removed):
            assert (
                await services.library.catalogue.store.torrents.torrent(
                    accepted.infohash, UNRESTRICTED_VIEWER
                )
                is None
            )
            assert accepted.infohash not in services.policy.allowed


async def test_passes_go_on_after_one_that_failed(tmp_path):
    async with open_services(tmp_path) as services:
        enrichment = CatalogueSync(
            services.cache,
            services.library.catalogue,
            services.takedowns,
            NameAsTitle(),
            reader=services.uploads.reader,
            every=0,
        )
        passes = asyncio.Queue()
        catch_up = enrichment.run_once

        async def failing():
            passes.put_nowait(1)
            if passes.qsize() == 1:
                raise OSError("the disk is tired")
            return await catch_up()

        enrichment.run_once = failing
        before = ActionServices(services.blobs, services.records)
        accepted = await before.uploads.accept(v1_torrent(), "test")
        running = asyncio.create_task(enrichment.run())
        torrents = services.library.catalogue.store.torrents
        await until(lambda: torrents.torrent(accepted.infohash, UNRESTRICTED_VIEWER))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
