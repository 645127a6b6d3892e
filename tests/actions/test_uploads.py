import asyncio
import bz2
import gzip
import threading

import pytest

import actions.metainfo_reader
from bittorrent.refusal import Refusal
from tests.support.tasks import begun, begun_for
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent


async def code_of(operation):
    with pytest.raises(Refusal) as caught:
        await operation
    return caught.value.code


@pytest.mark.parametrize("make", [v1_torrent, v2_torrent, hybrid_torrent])
async def test_an_upload_is_kept_and_the_tracker_allows_all_its_short_hashes(services, make):
    data = make()
    metainfo = parsed(data)

    accepted = await services.uploads.accept(data, "test")
    assert (accepted.infohash, accepted.new, accepted.metainfo) == (metainfo.infohash, True, metainfo)
    assert (await services.cache.get(metainfo.infohash)).plain() == data
    assert services.policy.allowed == {name.truncated for name in metainfo.infohashes}
    joined = {metainfo.v2.truncated: metainfo.v1} if metainfo.v1 and metainfo.v2 else {}
    assert services.policy.joined == joined
    assert not (await services.uploads.accept(data, "test")).new


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
async def test_a_packed_upload_is_kept_unpacked(services, compress):
    accepted = await services.uploads.accept(compress(v1_torrent()), "test")
    assert (await services.cache.get(accepted.infohash)).plain() == v1_torrent()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (gzip.compress(b""), "empty"),
        (b"x" * 5001, "too-large"),
        (gzip.compress(b"\0" * 10_000_000), "too-large"),
        (gzip.compress(v1_torrent())[:-6], "bad-compression"),
        (gzip.compress(gzip.compress(v1_torrent())), "not-bencode"),
        (b"<html>", "not-bencode"),
        (b"de", "no-info"),
        (b"l" * 5000, "too-deep"),
    ],
    ids=[
        "nothing",
        "nothing in gzip",
        "long",
        "long in gzip",
        "cut gzip",
        "gzip in gzip",
        "html",
        "empty dictionary",
        "deep",
    ],
)
async def test_bad_input_gets_its_code_and_leaves_nothing(make_services, data, code):
    services = make_services(limit=5000)
    assert await code_of(services.uploads.accept(data, "test")) == code
    assert await services.cache.totals() == (0, 0)
    assert not services.policy.allowed


async def test_a_blocked_torrent_is_refused_with_its_reason_under_each_of_its_names(make_services):
    data = hybrid_torrent()
    for name in parsed(data).infohashes:

        async def run(name=name):
            services = make_services()
            await services.takedowns.block(name, "because", "me")
            with pytest.raises(Refusal) as caught:
                await services.uploads.accept(data, "test")
            assert (caught.value.code, caught.value.detail) == ("blocked", "because")
            assert await services.cache.totals() == (0, 0)
            # Only the upload showed that these hashes are of one torrent; from now on all are blocked.
            assert services.policy.denied == {known.truncated for known in parsed(data).infohashes}
            assert (await services.restarted()).policy.denied == services.policy.denied

        await run()


async def test_a_block_during_an_upload_wins_whenever_it_comes(make_services):
    data = hybrid_torrent()
    metainfo = parsed(data)

    async def run(turns):
        services = make_services()
        upload = await begun_for(services.uploads.accept(data, "test"), turns)
        await services.takedowns.block(metainfo.v1, "late", "me")
        assert not await services.cache.has(metainfo.v1)
        await asyncio.gather(upload, return_exceptions=True)
        assert not await services.cache.has(metainfo.v1)
        assert services.policy.denied >= {metainfo.v1}
        assert not services.policy.allowed & {metainfo.v1}
        assert services.blobs.files == {}

    for turns in range(0, 60, 3):
        await run(turns)


@pytest.fixture
def slow_read(monkeypatch):
    """Events of a read that has begun, and of one that may end."""
    began, go = threading.Event(), threading.Event()
    real = actions.metainfo_reader._read

    def slow(*given):
        began.set()
        go.wait(10)
        return real(*given)

    monkeypatch.setattr(actions.metainfo_reader, "_read", slow)
    return began, go


async def test_uploads_beyond_the_limit_are_refused_unless_they_skip_it(make_services, slow_read):
    began, go = slow_read
    services = make_services(parsers=1, under_way=2)
    waiting = [asyncio.create_task(services.uploads.accept(v1_torrent(f"t{n}"), "test")) for n in range(2)]
    assert await asyncio.to_thread(began.wait, 10)
    assert await code_of(services.uploads.accept(v1_torrent("late"), "test")) == "busy"
    patient = await begun(services.uploads.accept(v1_torrent("late"), "test", skip_limit=True))
    go.set()
    assert all(accepted.new for accepted in await asyncio.gather(*waiting, patient))
    assert (await services.uploads.accept(v1_torrent("after"), "test")).new


async def test_an_upload_whose_sender_leaves_is_announced_all_the_same(services, slow_read):
    began, go = slow_read
    sender = asyncio.create_task(services.uploads.accept(v1_torrent(), "test"))
    assert await asyncio.to_thread(began.wait, 10)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    go.set()
    await services.uploads.drain()
    assert services.policy.allowed == {parsed(v1_torrent()).infohash}
    assert await services.cache.has(parsed(v1_torrent()).infohash)


async def test_a_burst_of_uploads_is_bounded_before_any_of_them_starts(make_services):
    services = make_services(under_way=3)
    uploads = (services.uploads.accept(v1_torrent(f"t{n}"), "test") for n in range(10))
    outcomes = await asyncio.gather(*uploads, return_exceptions=True)
    assert [getattr(outcome, "code", "") for outcome in outcomes] == [""] * 3 + ["busy"] * 7
    assert (await services.uploads.accept(v1_torrent("after"), "test")).new


@pytest.mark.parametrize("packed", [False, True])
async def test_all_uploads_under_way_are_no_larger_than_sixteen_of_the_largest(
    make_services, slow_read, packed
):
    began, go = slow_read
    services = make_services(parsers=1, limit=1000)
    torrents = [v1_torrent(f"t{n}", comment=bytes(700)) for n in range(64)]
    sent = [gzip.compress(data) if packed else data for data in torrents]
    most = 16 if packed else 16_000 // max(map(len, sent))
    waiting = [await begun(services.uploads.accept(data, "test")) for data in sent[:most]]
    assert await asyncio.to_thread(began.wait, 10)
    assert await code_of(services.uploads.accept(sent[most], "test")) == "busy"
    go.set()
    assert all(accepted.new for accepted in await asyncio.gather(*waiting))
    assert (await services.uploads.accept(sent[most], "test")).new


async def test_what_an_import_stores_leaves_room_for_uploads(make_services):
    services = make_services(under_way=1)
    prepared = await services.uploads.prepare([v1_torrent(f"t{n}") for n in range(8)])
    storing = [await begun(services.uploads.accept_prepared(each, "import")) for each in prepared]
    assert (await services.uploads.accept(v1_torrent("sent"), "test")).new
    assert all(added.new for added in await asyncio.gather(*storing))
