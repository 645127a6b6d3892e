"""The engine over real swarms on loopback: another libtorrent session is at the other end."""

import asyncio
import contextlib

import libtorrent as lt
import pytest

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from downloads.engine import AddTorrentRequest, Failed, Finished, MetadataReceived
from downloads.folder import ResumeFiles
from downloads.libtorrent_engine import LibtorrentEngine
from downloads.libtorrent_session import EngineSettings
from downloads.model import ContentKey, JobState
from downloads.outgoing_filter import OutgoingFilter
from tests.support.seeder import Seeder

LOOPBACK = EngineSettings(("127.0.0.1:0",), utp=False, one_address=True)


@contextlib.asynccontextmanager
async def running(folder, *, allow_private=True, terms=LOOPBACK):
    engine = LibtorrentEngine(
        terms, ResumeFiles(folder / "resume"), OutgoingFilter(allow_private=allow_private)
    )
    events = asyncio.Queue()
    await engine.start(events.put_nowait)
    try:
        yield engine, events
    finally:
        await engine.stop()


async def heard(events, kind, limit=20):
    async def wait():
        while not isinstance(event := await events.get(), kind):
            pass
        return event

    return await asyncio.wait_for(wait(), limit)


def order(seeder, folder, *, by_hash=False, private=False, paused=False, key=None, peers=None):
    return AddTorrentRequest(
        key=key or ContentKey(seeder.infohash),
        folder=folder,
        torrent=None if by_hash else seeder.torrent,
        trackers=(),
        web_seeds=(),
        peers=(seeder.peer,) if peers is None else peers,
        private=private,
        paused=paused,
    )


@pytest.mark.parametrize("flags", [lt.create_torrent.v1_only, 0, lt.create_torrent.v2_only])
def test_content_arrives_under_numbers(tmp_path, flags):
    seeder = Seeder(tmp_path / "seed", flags=flags)

    async def fetch():
        async with running(tmp_path) as (engine, events):
            engine.add(order(seeder, tmp_path / "content"))
            await heard(events, Finished)
            return engine.status(ContentKey(seeder.infohash))

    status = asyncio.run(fetch())
    assert status.error == ""
    found = sorted(path.name for path in (tmp_path / "content").iterdir())
    assert found == ["0", "1", "2"]
    names = [file.path[-1] for file in Metainfo.parse(seeder.torrent).files]
    for index, name in enumerate(names):
        assert (tmp_path / "content" / str(index)).read_bytes() == seeder.files[int(name[1])]


def test_metadata_comes_first_where_only_a_hash_is_known(tmp_path):
    seeder = Seeder(tmp_path / "seed")

    async def fetch():
        async with running(tmp_path) as (engine, events):
            engine.add(order(seeder, tmp_path / "content", by_hash=True))
            arrived = await heard(events, MetadataReceived)
            assert engine.status(arrived.key).state in {
                JobState.METADATA,
                JobState.CHECKING,
                JobState.DOWNLOADING,
            }
            await engine.remove(arrived.key, files=False)
            return arrived

    arrived = asyncio.run(fetch())
    assert Metainfo.parse(arrived.torrent).info == Metainfo.parse(seeder.torrent).info
    assert not (tmp_path / "content" / "0").exists()


def test_a_lookup_brings_metadata_and_leaves_nothing(tmp_path):
    seeder = Seeder(tmp_path / "seed")

    async def find():
        async with running(tmp_path) as (engine, _):
            return await engine.fetch_metadata(
                seeder.infohash, peers=(seeder.peer,), trackers=(), dht=False, seconds=15
            )

    data = asyncio.run(find())
    assert Metainfo.parse(data).infohash == seeder.infohash


def test_both_hashes_of_a_hybrid_bring_its_metadata_at_once_beside_its_content(tmp_path):
    seeder = Seeder(tmp_path / "seed", flags=0)
    names = Metainfo.parse(seeder.torrent)

    async def find():
        async with running(tmp_path) as (engine, events):
            engine.add(order(seeder, tmp_path / "content"))
            await heard(events, Finished)
            found = await asyncio.gather(
                *(
                    engine.fetch_metadata(each, peers=(seeder.peer,), trackers=(), dht=False, seconds=15)
                    for each in (names.v1, names.v2.truncated, names.v2)
                )
            )
            assert engine.status(ContentKey(seeder.infohash)).error == ""
            return found

    first = [each for each in asyncio.run(find()) if each is not None]
    assert first
    assert all(Metainfo.parse(each).info == names.info for each in first)


def test_the_first_hash_of_a_hybrid_brings_its_metadata(tmp_path):
    seeder = Seeder(tmp_path / "seed", flags=0)

    async def find():
        async with running(tmp_path) as (engine, _):
            return await engine.fetch_metadata(
                seeder.infohash, peers=(seeder.peer,), trackers=(), dht=False, seconds=15
            )

    assert Metainfo.parse(asyncio.run(find())).infohash == seeder.infohash


@pytest.mark.parametrize("infohash", [bytes(20), b"n" * 20, b"n" * 32])
def test_a_hash_that_nobody_has_ends_in_time(tmp_path, infohash):
    async def find():
        async with running(tmp_path) as (engine, _):
            return await engine.fetch_metadata(
                InfoHash.of(infohash), peers=(), trackers=(), dht=False, seconds=0.2
            )

    assert asyncio.run(find()) is None


def test_peers_in_private_networks_are_not_dialled(tmp_path):
    seeder = Seeder(tmp_path / "seed")

    async def find():
        async with running(tmp_path, allow_private=False) as (engine, _):
            return await engine.fetch_metadata(
                seeder.infohash, peers=(seeder.peer,), trackers=(), dht=False, seconds=2
            )

    assert asyncio.run(find()) is None
    assert seeder.handle.status().num_peers == 0


def test_a_restart_goes_on_where_it_was(tmp_path):
    seeder = Seeder(tmp_path / "seed")
    key = ContentKey(seeder.infohash)

    async def fetch():
        async with running(tmp_path) as (engine, events):
            engine.add(order(seeder, tmp_path / "content"))
            await heard(events, Finished)
        seeder.session.remove_torrent(seeder.handle)
        async with running(tmp_path) as (engine, events):
            engine.add(order(seeder, tmp_path / "content", peers=()))
            await heard(events, Finished)
            return engine.status(key)

    assert asyncio.run(fetch()).error == ""


def test_two_accounts_hold_a_private_torrent_apart(tmp_path):
    seeder = Seeder(tmp_path / "seed", private=True)
    one, two = ContentKey(seeder.infohash, 1), ContentKey(seeder.infohash, 2)

    async def fetch():
        async with running(tmp_path) as (engine, events):
            engine.add(order(seeder, tmp_path / "one", key=one, private=True))
            engine.add(order(seeder, tmp_path / "two", key=two, private=True))
            finished = {(await heard(events, Finished)).key, (await heard(events, Finished)).key}
            await engine.remove(one, files=True)
            assert engine.status(one) is None
            return finished

    assert asyncio.run(fetch()) == {one, two}
    assert not (tmp_path / "one" / "0").exists()
    first = Metainfo.parse(seeder.torrent).files[0].path[-1]
    assert (tmp_path / "two" / "0").read_bytes() == seeder.files[int(first[1])]


def test_a_torrent_with_links_is_not_begun(tmp_path):
    files = b"ld4:attr1:l6:lengthi0e4:pathl1:ae12:symlink pathl1:bee"
    files += b"d6:lengthi5e4:pathl1:beee"
    info = b"d5:files" + files + b"4:name1:x12:piece lengthi16384e6:pieces20:" + bytes(20) + b"e"
    torrent = b"d4:info" + info + b"e"

    async def fetch():
        async with running(tmp_path) as (engine, events):
            key = ContentKey(InfoHash.of(bytes(20)))
            engine.add(
                AddTorrentRequest(key, tmp_path / "content", torrent, (), (), (), private=False, paused=False)
            )
            return await heard(events, Failed)

    assert "links" in asyncio.run(fetch()).reason
    assert not (tmp_path / "content").exists()
