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
async def running(folder, *, allow_private=True, settings=LOOPBACK):
    engine = LibtorrentEngine(
        settings, ResumeFiles(folder / "resume"), OutgoingFilter(allow_private=allow_private)
    )
    events = asyncio.Queue()
    await engine.start(events.put_nowait)
    try:
        yield engine, events
    finally:
        await engine.stop()


async def received(events, kind, limit=20):
    async with asyncio.timeout(limit):
        while not isinstance(event := await events.get(), kind):
            pass
    return event


def make_request(seeder, folder, *, by_hash=False, private=False, paused=False, key=None, peers=None):
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
async def test_content_arrives_under_numbers(tmp_path, flags):
    seeder = Seeder(tmp_path / "seed", flags=flags)
    async with running(tmp_path) as (engine, events):
        engine.add(make_request(seeder, tmp_path / "content"))
        await received(events, Finished)
        assert engine.status(ContentKey(seeder.infohash)).error == ""
    found = sorted(path.name for path in (tmp_path / "content").iterdir())
    assert found == ["0", "1", "2"]
    names = [file.path[-1] for file in Metainfo.parse(seeder.torrent).files]
    for index, name in enumerate(names):
        assert (tmp_path / "content" / str(index)).read_bytes() == seeder.files[int(name[1])]


async def test_metadata_comes_first_where_only_a_hash_is_known(tmp_path):
    seeder = Seeder(tmp_path / "seed")
    async with running(tmp_path) as (engine, events):
        engine.add(make_request(seeder, tmp_path / "content", by_hash=True))
        arrived = await received(events, MetadataReceived)
        assert engine.status(arrived.key).state in {
            JobState.METADATA,
            JobState.CHECKING,
            JobState.DOWNLOADING,
        }
        await engine.remove(arrived.key, files=False)
    assert Metainfo.parse(arrived.torrent).info == Metainfo.parse(seeder.torrent).info
    assert not (tmp_path / "content" / "0").exists()


async def test_a_lookup_brings_metadata_and_leaves_nothing(tmp_path):
    seeder = Seeder(tmp_path / "seed")
    async with running(tmp_path) as (engine, _):
        data = await engine.fetch_metadata(
            seeder.infohash, peers=(seeder.peer,), trackers=(), dht=False, seconds=15
        )
    assert Metainfo.parse(data).infohash == seeder.infohash


async def test_both_hashes_of_a_hybrid_bring_its_metadata_at_once_beside_its_content(tmp_path):
    seeder = Seeder(tmp_path / "seed", flags=0)
    names = Metainfo.parse(seeder.torrent)

    async with running(tmp_path) as (engine, events):
        engine.add(make_request(seeder, tmp_path / "content"))
        await received(events, Finished)
        found = await asyncio.gather(
            *(
                engine.fetch_metadata(each, peers=(seeder.peer,), trackers=(), dht=False, seconds=15)
                for each in (names.v1, names.v2.truncated, names.v2)
            )
        )
        assert engine.status(ContentKey(seeder.infohash)).error == ""
    first = [each for each in found if each is not None]
    assert first
    assert all(Metainfo.parse(each).info == names.info for each in first)


async def test_the_first_hash_of_a_hybrid_brings_its_metadata(tmp_path):
    seeder = Seeder(tmp_path / "seed", flags=0)
    async with running(tmp_path) as (engine, _):
        found = await engine.fetch_metadata(
            seeder.infohash, peers=(seeder.peer,), trackers=(), dht=False, seconds=15
        )
    assert Metainfo.parse(found).infohash == seeder.infohash


@pytest.mark.parametrize("infohash", [bytes(20), b"n" * 20, b"n" * 32])
async def test_a_hash_that_nobody_has_ends_in_time(tmp_path, infohash):
    async with running(tmp_path) as (engine, _):
        found = await engine.fetch_metadata(
            InfoHash.of(infohash), peers=(), trackers=(), dht=False, seconds=0.2
        )
    assert found is None


async def test_peers_in_private_networks_are_not_dialled(tmp_path):
    seeder = Seeder(tmp_path / "seed")
    async with running(tmp_path, allow_private=False) as (engine, _):
        found = await engine.fetch_metadata(
            seeder.infohash, peers=(seeder.peer,), trackers=(), dht=False, seconds=2
        )
    assert found is None
    assert seeder.handle.status().num_peers == 0


async def test_a_restart_goes_on_where_it_was(tmp_path):
    seeder = Seeder(tmp_path / "seed")
    key = ContentKey(seeder.infohash)

    async with running(tmp_path) as (engine, events):
        engine.add(make_request(seeder, tmp_path / "content"))
        await received(events, Finished)
    seeder.session.remove_torrent(seeder.handle)
    async with running(tmp_path) as (engine, events):
        engine.add(make_request(seeder, tmp_path / "content", peers=()))
        await received(events, Finished)
        assert engine.status(key).error == ""


async def test_two_accounts_hold_a_private_torrent_apart(tmp_path):
    seeder = Seeder(tmp_path / "seed", private=True)
    one, two = ContentKey(seeder.infohash, 1), ContentKey(seeder.infohash, 2)

    async with running(tmp_path) as (engine, events):
        engine.add(make_request(seeder, tmp_path / "one", key=one, private=True))
        engine.add(make_request(seeder, tmp_path / "two", key=two, private=True))
        assert {(await received(events, Finished)).key, (await received(events, Finished)).key} == {one, two}
        await engine.remove(one, files=True)
        assert engine.status(one) is None
    assert not (tmp_path / "one" / "0").exists()
    first = Metainfo.parse(seeder.torrent).files[0].path[-1]
    assert (tmp_path / "two" / "0").read_bytes() == seeder.files[int(first[1])]


async def test_a_torrent_with_links_is_not_begun(tmp_path):
    files = b"ld4:attr1:l6:lengthi0e4:pathl1:ae12:symlink pathl1:bee"
    files += b"d6:lengthi5e4:pathl1:beee"
    info = b"d5:files" + files + b"4:name1:x12:piece lengthi16384e6:pieces20:" + bytes(20) + b"e"
    torrent = b"d4:info" + info + b"e"

    async with running(tmp_path) as (engine, events):
        key = ContentKey(InfoHash.of(bytes(20)))
        engine.add(
            AddTorrentRequest(key, tmp_path / "content", torrent, (), (), (), private=False, paused=False)
        )
        assert "links" in (await received(events, Failed)).reason
    assert not (tmp_path / "content").exists()
