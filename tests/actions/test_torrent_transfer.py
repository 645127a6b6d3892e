import bz2
import gzip
import io
import os
import struct
import tarfile
import zipfile
from contextlib import aclosing

import pytest

from actions.archives import candidates
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from tasks.recent_work import RecentWork, current
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent, v2_torrent

TORRENTS = {
    "one.torrent": v1_torrent(),
    "deep/two.torrent": v2_torrent(),
    "deep/er/both.torrent": hybrid_torrent(),
}


async def imported(services, *paths):
    return [outcome async for outcome in services.torrent_import.import_paths(paths)]


async def outcomes(services, *paths):
    return sorted(outcome.outcome for outcome in await imported(services, *paths))


def tar(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


ARCHIVES = {
    "all.tar": tar(TORRENTS),
    "all.tar.gz": tar(TORRENTS, "w:gz"),
    "all.tgz": tar(TORRENTS, "w:gz"),
    "all.tar.bz2": tar(TORRENTS, "w:bz2"),
    "all.tar.xz": tar(TORRENTS, "w:xz"),
    "all.zip": zipped(TORRENTS),
    "ALL.ZIP": zipped(TORRENTS, zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("name", ARCHIVES)
async def test_every_torrent_of_an_archive_comes_in_and_again_is_known(services, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(ARCHIVES[name])
    assert (await outcomes(services, path)) == ["new"] * 3
    assert (await outcomes(services, path)) == ["known"] * 3
    for data in TORRENTS.values():
        assert (await services.cache.get(parsed(data).infohash)).plain() == data


async def test_a_folder_is_read_to_its_depth_and_other_files_are_left(services, tmp_path):
    for name, data in TORRENTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "packed.torrent.gz").write_bytes(gzip.compress(v1_torrent("packed")))
    (tmp_path / "packed.torrent.bz2").write_bytes(bz2.compress(v1_torrent("packed too")))
    (tmp_path / "more.zip").write_bytes(zipped({"in.torrent": v1_torrent("in zip"), "other.txt": b"?"}))
    (tmp_path / "notes.txt").write_bytes(b"not a torrent")
    assert (await outcomes(services, tmp_path)) == ["new"] * 6


async def test_links_inside_a_folder_are_not_followed(services, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "one.torrent").write_bytes(v1_torrent())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / "file.torrent").symlink_to(outside / "one.torrent")
    (inside / "loop").symlink_to(inside)
    assert (await imported(services, inside)) == []
    assert (await outcomes(services, inside / "file.torrent")) == ["new"]


async def test_links_and_devices_inside_a_tar_are_not_followed(services, tmp_path):
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("evil.torrent")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert (await imported(services, path)) == []


async def test_each_refusal_is_told_and_the_rest_goes_on(make_services, tmp_path):
    services = make_services(limit=2000)
    (tmp_path / "a.torrent").write_bytes(b"")
    (tmp_path / "b.torrent").write_bytes(b"x" * 2001)
    (tmp_path / "c.torrent").write_bytes(b"junk")
    (tmp_path / "d.torrent").write_bytes(v1_torrent())
    (tmp_path / "e.zip").write_bytes(b"no zip")
    (tmp_path / "f.tar.gz").write_bytes(ARCHIVES["all.tar.gz"][:300])
    os.mkfifo(tmp_path / "g.torrent")
    found = {outcome.name.rsplit("/")[-1]: outcome for outcome in (await imported(services, tmp_path))}
    assert {name: found[name].outcome for name in found if name[1] == "."} == {
        "a.torrent": "empty",
        "b.torrent": "too-large",
        "c.torrent": "not-bencode",
        "d.torrent": "new",
        "e.zip": "unreadable",
        "f.tar.gz": "unreadable",
        "g.torrent": "unreadable",
    }
    assert found["c.torrent"].text.startswith(Refusal("not-bencode").reason.sentence)
    assert found["d.torrent"].text == parsed(v1_torrent()).infohash.upper


async def test_a_missing_path_is_told(services, tmp_path):
    assert (await outcomes(services, tmp_path / "nowhere.torrent")) == ["unreadable"]


async def test_a_large_member_is_skipped_and_the_next_is_read(make_services, tmp_path):
    members = {"big.torrent": b"0" * 100_000, "one.torrent": v1_torrent()}
    for name, data in {"a.tar.gz": tar(members, "w:gz"), "a.zip": zipped(members)}.items():
        (tmp_path / name).write_bytes(data)
        assert (await outcomes(make_services(limit=5000), tmp_path / name)) == ["new", "too-large"]


def test_an_archive_that_inflates_far_beyond_its_size_is_stopped(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(tar({"zeros.bin": b"\0" * 30_000_000, "one.torrent": v1_torrent()}, "w:gz"))
    [found] = candidates([path], 10_000, inflate_base=1000)
    assert isinstance(found.data, Refusal)
    assert found.data.code == "too-large"


async def test_a_zip_member_that_lies_or_is_damaged_is_told_and_the_next_is_read(services, tmp_path):
    packed = bytearray(
        zipped({"a.torrent": v1_torrent("a"), "b.torrent": v1_torrent("b")}, zipfile.ZIP_STORED)
    )
    packed[packed.index(b"pieces20") + 12] ^= 1
    path = tmp_path / "damaged.zip"
    path.write_bytes(packed)
    assert (await outcomes(services, path)) == ["new", "unreadable"]


async def test_a_zip_member_without_a_name_is_left(services, tmp_path):
    path = tmp_path / "a.zip"
    listed = b"PK\x01\x02" + bytes(42)
    path.write_bytes(listed + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 1, 1, len(listed), 0, 0))
    assert (await outcomes(services, path)) == []


async def test_names_from_archives_are_safe_to_print(services, tmp_path):
    path = tmp_path / "names.tar"
    path.write_bytes(tar({"\x1b[2Jred\n.torrent": v1_torrent()}))
    (outcome,) = await imported(services, path)
    assert outcome.outcome == "new"
    assert outcome.name.isprintable()


async def test_progress_reaches_the_total(services, tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.torrent").write_bytes(v1_torrent(str(number)))

    total = await services.torrent_import.total([tmp_path])
    done = [outcome.done async for outcome in services.torrent_import.import_paths([tmp_path])]
    assert done == sorted(done)
    assert done[-1] == total == sum(path.stat().st_size for path in tmp_path.iterdir())


async def test_an_import_that_is_left_early_cleans_up(services, tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.torrent").write_bytes(v1_torrent(str(number)))

    source = services.torrent_import.import_paths([tmp_path])
    await anext(source)
    await source.aclose()
    await services.uploads.drain()
    assert [problem async for problem in services.cache.check()] == []


async def test_an_export_writes_every_torrent_and_a_second_one_nothing(services, tmp_path):
    for data in TORRENTS.values():
        await services.uploads.accept(data, "test")
    first = [exported.outcome async for exported in services.torrent_export.write(tmp_path / "out")]
    again = [exported.outcome async for exported in services.torrent_export.write(tmp_path / "out")]
    assert (first, again) == (["written"] * 3, ["same"] * 3)
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert written == {f"{parsed(data).infohash.upper}.torrent": data for data in TORRENTS.values()}


async def test_an_export_replaces_what_was_cut_off_and_follows_no_link(services, tmp_path):
    target = tmp_path / f"{parsed(v1_torrent()).infohash.upper}.torrent"
    other = tmp_path / f"{parsed(v2_torrent()).infohash.upper}.torrent"
    target.write_bytes(v1_torrent()[:10])
    (tmp_path / "precious").write_bytes(v2_torrent())
    other.symlink_to(tmp_path / "precious")

    await services.uploads.accept(v1_torrent(), "test")
    await services.uploads.accept(v2_torrent(), "test")
    assert [one.outcome async for one in services.torrent_export.write(tmp_path)] == ["written"] * 2
    assert target.read_bytes() == v1_torrent()
    assert not other.is_symlink()


async def test_an_export_goes_on_past_a_damaged_file(services, tmp_path):
    await services.uploads.accept(v1_torrent(), "test")
    accepted = await services.uploads.accept(v2_torrent(), "test")
    services.blobs.files[accepted.infohash] = b"\x1f\x8bdamaged"
    found = {one.infohash: one.outcome async for one in services.torrent_export.write(tmp_path)}
    assert sorted(found.values()) == ["not-found", "written"]
    assert found[accepted.infohash] == "not-found"


async def test_more_than_are_stored_at_once_are_told_each_in_their_order(services, tmp_path):
    count = 300
    for number in range(count):
        data = b"junk" if number % 100 == 50 else v1_torrent(f"torrent {number}")
        (tmp_path / f"{number:03}.torrent").write_bytes(data)
    found = await imported(services, tmp_path)
    assert [outcome.name.rsplit("/")[-1] for outcome in found] == [f"{n:03}.torrent" for n in range(count)]
    assert [outcome.outcome for outcome in found if outcome.outcome != "new"] == ["not-bencode"] * 3
    assert [outcome.done for outcome in found] == sorted(outcome.done for outcome in found)
    assert len(services.blobs.files) == count - 3


async def test_an_import_that_is_left_has_stored_what_it_told_and_goes_on(services, tmp_path):
    for number in range(100):
        (tmp_path / f"{number:03}.torrent").write_bytes(v1_torrent(f"torrent {number}"))
    told = []
    async with aclosing(services.torrent_import.import_paths([tmp_path])) as outcomes:
        async for outcome in outcomes:
            told.append(outcome)
            if len(told) == 30:
                break
    assert {InfoHash.parse(outcome.text) for outcome in told} <= services.blobs.files.keys()
    again = await imported(services, tmp_path)
    assert [outcome.outcome for outcome in again[:30]] == ["known"] * 30
    assert len(again) == len(services.blobs.files) == 100


async def test_an_import_makes_way_as_a_client_of_its_own(services, tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / f"{number}.torrent").write_bytes(v1_torrent(f"torrent {number}"))
    clients, real = [], services.blobs.put

    async def put(infohash, packed):
        clients.append(current.get())
        return await real(infohash, packed)

    monkeypatch.setattr(services.blobs, "put", put)
    await imported(services, tmp_path)
    assert len(clients) == 3
    assert {type(each) for each in clients} == {RecentWork}
    assert len(set(map(id, clients))) == 1
    assert current.get() is None
