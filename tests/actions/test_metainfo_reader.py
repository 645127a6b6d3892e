import pytest

from actions.metainfo_reader import FILES_KEPT, MetainfoReader
from bittorrent import bencode
from bittorrent.refusal import Refusal
from cache.record import PackedFile
from catalogue.contents_encoding import decode_contents
from catalogue.release_names import parse_release
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting

LIMIT = 10 * 2**20


def torrent(files: int) -> bytes:
    listed = [{b"length": 1, b"path": [b"folder", b"file-%d.mkv" % number]} for number in range(files)]
    pieces = bytes(20 * -(-files // 16384))
    return bencode.encode(
        {b"info": {b"files": listed, b"name": b"many", b"piece length": 16384, b"pieces": pieces}}
    )


@pytest.fixture
def reader() -> MetainfoReader:
    return MetainfoReader(ChildProcesses(), LIMIT, 2)


async def test_a_large_torrent_is_read_as_a_small_one_is(reader):
    data = torrent(3000)
    apart = await reader.read(data, 7)
    here = await MetainfoReader(ChildProcesses(), LIMIT, 2, light_items=10**6).read(data, 7)

    assert apart.plain == here.plain == data
    assert apart.metainfo.infohashes == here.metainfo.infohashes
    assert apart.metainfo.size == here.metainfo.size == 3000
    assert apart.metainfo.files == here.metainfo.files[:FILES_KEPT]
    assert decode_contents(apart.summary.contents.packed) == here.summary.contents
    assert apart.summary.contents.file_count == 3000
    assert apart.summary.release == parse_release("many", here.summary.contents.files)


async def test_a_large_damaged_torrent_is_refused_as_a_small_one_is(reader):
    with pytest.raises(Refusal) as refused:
        await reader.read(torrent(3000)[:-40])

    assert refused.value.code == "not-bencode"


@pytest.mark.parametrize(
    ("failure", "code"), [(TooManyWaiting(), "busy"), (ChildFailure("too long"), "too-many-items")]
)
async def test_what_cannot_be_read_within_the_limits_is_refused(failure, code):
    class Failing(ChildProcesses):
        async def run(self, *_, **__):
            raise failure

    with pytest.raises(Refusal) as refused:
        await MetainfoReader(Failing(), LIMIT, 2).read(torrent(3000))

    assert refused.value.code == code


def many(count: int) -> list[bytes]:
    return [bencode.encode({b"info": info}) for number in range(count) if (info := single(number))]


def single(number: int) -> dict[bytes, object]:
    return {b"length": 1, b"name": b"%d.mkv" % number, b"piece length": 16384, b"pieces": bytes(20)}


@pytest.mark.parametrize("count", [3, 40])
async def test_many_are_prepared_as_each_is_read_and_a_bad_one_is_refused_alone(reader, count):
    files = many(count)
    files[1] = b"d4:infoe"
    prepared = await reader.prepare(files, 7)

    assert [isinstance(each, Refusal) for each in prepared] == [number == 1 for number in range(count)]
    for data, each in zip(files[2:], prepared[2:], strict=True):
        read = await reader.read(data, 7)
        assert each.file == PackedFile.of(data)
        assert each.metainfo.infohashes == read.metainfo.infohashes
        assert each.summary.infohash == read.summary.infohash
        assert contents_of(each.summary) == read.summary.contents


def contents_of(summary):
    packed = summary.contents.packed
    return decode_contents(packed) if packed else summary.contents


async def test_where_a_child_fails_each_is_read_by_itself():
    class Failing(ChildProcesses):
        async def run(self, *_, **__):
            raise ChildFailure("too much memory")

    reader = MetainfoReader(ChildProcesses(), LIMIT, 2, preparing=Failing())
    prepared = await reader.prepare([*many(20), b"junk"], 7)
    assert [isinstance(each, Refusal) for each in prepared] == [False] * 20 + [True]
