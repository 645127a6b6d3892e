import asyncio

import pytest

from actions.metadata_sources import SourceKind
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from tests.actions.conftest import ActionServices
from tests.support.clock import Clock
from tests.support.lookups import FakeSource, make_lookups
from tests.support.tasks import begun, until
from tests.support.torrents import torrent

DATA = torrent("wanted")
HASH = Metainfo.parse(DATA).infohash
ACCOUNT = 7
TRACKERS = ("http://tracker.example/announce",)


def made(*sources, timer=None, **terms):
    services = ActionServices()
    lookups = make_lookups(
        services.uploads, services.cache, services.takedowns, sources, timer=timer or Clock(1000.0), **terms
    )
    return services, lookups


def find(lookups, infohash=HASH, *, seconds=5, account=ACCOUNT, trackers=()):
    return lookups.find(infohash, seconds=seconds, account=account, trackers=trackers)


async def test_what_is_found_is_kept_and_found_in_the_cache_the_next_time():
    source = FakeSource(answers={HASH: DATA})
    services, lookups = made(source)

    assert (await find(lookups)).source is SourceKind.SWARM
    assert (await find(lookups)).source is SourceKind.CACHE
    assert (await services.cache.get(HASH)).plain() == DATA
    assert len(source.asked) == 1


async def test_sources_are_asked_in_order_and_share_the_time():
    sources = [
        FakeSource(SourceKind.SWARM),
        FakeSource(SourceKind.DHT),
        FakeSource(SourceKind.UPSTREAM, {HASH: DATA}),
    ]
    _, lookups = made(*sources, seconds=30)
    assert (await find(lookups)).source is SourceKind.UPSTREAM
    assert [source.budgets for source in sources] == [[10.0], [15.0], [30.0]]


async def test_an_unavailable_source_is_not_asked():
    silent, trackers = (
        FakeSource(SourceKind.SWARM, {HASH: DATA}),
        FakeSource(SourceKind.TRACKERS, {HASH: DATA}),
    )
    silent.is_available = False
    _, lookups = made(silent, trackers)
    assert (await find(lookups)) is None
    assert (silent.asked, trackers.asked) == ([], [])


@pytest.mark.parametrize(
    "wrong", [b"", b"junk", torrent("another"), b"d4:infodee", b"\x1f\x8bbroken", bytes(11 << 20)]
)
async def test_what_is_not_the_torrent_is_not_kept_and_the_next_source_is_asked(wrong):
    services, lookups = made(FakeSource(answers={HASH: wrong}), FakeSource(SourceKind.UPSTREAM, {HASH: DATA}))

    found = await find(lookups)
    assert found.source is SourceKind.UPSTREAM
    assert (await services.cache.totals())[0] == 1


async def test_a_private_torrent_is_not_kept():
    info = Metainfo.parse(DATA).info[:-1] + b"7:privatei1ee"
    hidden = b"d4:info" + info + b"e"
    name = Metainfo.parse(hidden).infohash
    services, lookups = made(
        FakeSource(answers={name: hidden}), FakeSource(SourceKind.UPSTREAM, {name: hidden})
    )

    assert Metainfo.parse(hidden).private
    assert (await find(lookups, name), await services.cache.has(name)) == (None, False)


async def test_a_miss_is_remembered_for_its_time_and_for_those_who_were_asked():
    timer = Clock(1000.0)
    swarm, trackers = FakeSource(), FakeSource(SourceKind.TRACKERS)
    _, lookups = made(swarm, trackers, timer=timer, remember_misses=60)

    for asked in ((), (), TRACKERS, TRACKERS, ()):
        assert await find(lookups, trackers=asked) is None
    assert len(swarm.asked) == 2
    timer.now += 61
    await find(lookups)
    assert len(swarm.asked) == 3
    assert [each.trackers for each in trackers.asked] == [TRACKERS]


async def test_peers_that_came_after_a_miss_are_asked():
    swarm = FakeSource(answers={HASH: DATA})
    swarm.is_available = False
    _, lookups = made(swarm, FakeSource(SourceKind.DHT))

    assert await find(lookups) is None
    swarm.is_available = True
    assert (await find(lookups)).source is SourceKind.SWARM


async def test_concurrent_callers_share_a_search_that_outlives_them():
    gate = asyncio.Event()

    async def answer(_query):
        await gate.wait()
        return DATA

    source = FakeSource(answer=answer)
    _, lookups = made(source)

    assert await find(lookups, seconds=0) is None
    others = [asyncio.create_task(find(lookups)) for _ in range(20)]
    leaver = await begun(find(lookups))
    leaver.cancel()
    gate.set()
    found = await asyncio.gather(*others)
    assert {each.source for each in found} == {SourceKind.SWARM}
    assert len(source.asked) == 1


async def test_so_many_run_so_many_wait_and_the_rest_is_told():
    running = 0
    gate = asyncio.Event()

    async def answer(_query):
        nonlocal running
        running += 1
        await gate.wait()

    _, lookups = made(FakeSource(answer=answer), concurrent=2, queue=3)

    tasks = [asyncio.create_task(find(lookups, InfoHash(bytes([n]) * 20))) for n in range(5)]
    await until(lambda: lookups.under_way == 5 and running == 2)
    with pytest.raises(Refusal) as caught:
        await find(lookups)
    assert (caught.value.code, running) == ("busy", 2)
    gate.set()
    await asyncio.gather(*tasks)
    assert lookups.under_way == 0


async def test_without_an_account_only_what_is_held_is_found():
    services, lookups = made(FakeSource(answers={HASH: DATA}))

    with pytest.raises(Refusal) as caught:
        await find(lookups, account=None)
    assert caught.value.code == "lookups-closed"
    await services.uploads.accept(DATA, "test")
    assert (await find(lookups, account=None)).source is SourceKind.CACHE


async def test_the_operator_may_let_everybody_look():
    _, lookups = made(FakeSource(answers={HASH: DATA}), anonymous=True)
    assert (await find(lookups, account=None)).source is SourceKind.SWARM


async def test_a_blocked_torrent_is_neither_looked_for_nor_kept():
    async def block_meanwhile(_query):
        await services.takedowns.block(HASH, "no", "test")
        return DATA

    source = FakeSource(answer=block_meanwhile)
    services, lookups = made(source)

    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            await find(lookups)
        assert caught.value.code == "blocked"
    assert not await services.cache.has(HASH)
    assert len(source.asked) == 1


async def test_a_source_that_fails_is_a_miss():
    async def answer(_query):
        raise RuntimeError("broken")

    _, lookups = made(FakeSource(answer=answer))
    assert (await find(lookups)) is None
    assert lookups.under_way == 0


async def test_a_swarm_lookup_asks_the_swarm_alone_and_a_find_widens_it():
    gate = asyncio.Event()

    async def answer(_query):
        await gate.wait()

    swarm, upstream = FakeSource(answer=answer), FakeSource(SourceKind.UPSTREAM, {HASH: DATA})
    _, lookups = made(swarm, upstream)
    tasks = [asyncio.create_task(lookups.find_in_swarm(each)) for each in (InfoHash(bytes(20)), HASH)]
    await until(lambda: len(swarm.asked) == 2)
    tasks.append(asyncio.create_task(find(lookups)))
    await until(lambda: lookups._searches[HASH].wide)
    gate.set()
    alone, widened, both = await asyncio.gather(*tasks)
    assert alone is None
    assert widened.source is both.source is SourceKind.UPSTREAM
    assert [each.infohash for each in upstream.asked] == [HASH]


async def test_searches_end_with_the_service():
    asked = asyncio.Event()

    async def answer(_query):
        asked.set()
        await asyncio.Event().wait()

    _, lookups = made(FakeSource(answer=answer))

    waiting = asyncio.create_task(find(lookups))
    await asked.wait()
    await lookups.close()
    assert (await waiting, lookups.under_way) == (None, 0)
