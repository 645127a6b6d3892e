"""Drafts in files: bounded in number, bytes and time, and whole after a crash."""

import asyncio
import errno

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.drafts import Draft, DraftLimits
from storage.drafts import FileDrafts
from tests.support.clock import Clock

LIMITS = DraftLimits(drafts=3, account_bytes=1000, all_bytes=1500, seconds=60)


def draft(number, size=10):
    return Draft(InfoHash.of(bytes(19) + bytes([number])), bytes([number]) * size)


def over(folder, clock, **limits):
    return FileDrafts(folder / "drafts", clock, LIMITS if not limits else DraftLimits(**limits))


@pytest.fixture
def clock():
    return Clock(1_700_000_000)


@pytest.fixture
def drafts(tmp_path, clock):
    return over(tmp_path, clock)


async def test_a_draft_is_one_accounts_and_the_first_of_its_hash(drafts):
    assert await drafts.put(1, draft(5))
    assert not await drafts.put(1, Draft(draft(5).infohash, b"another"))
    assert await drafts.put(2, draft(5, 20))
    assert await drafts.get(1, draft(5).infohash) == draft(5)
    assert await drafts.get(2, draft(5).infohash) == draft(5, 20)
    assert await drafts.get(3, draft(5).infohash) is None
    await drafts.remove(1, draft(5).infohash)
    await drafts.remove(1, draft(5).infohash)
    assert await drafts.get(1, draft(5).infohash) is None
    assert await drafts.waiting(2) == [draft(5).infohash]


async def test_drafts_come_back_in_their_order_after_a_restart(tmp_path, clock, drafts):
    for number in (3, 1, 2):
        clock.now += 1
        await drafts.put(1, draft(number))
    assert not [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077 and path.is_dir()]
    again = over(tmp_path, clock)
    assert await again.waiting(1) == [draft(number).infohash for number in (3, 1, 2)]


@pytest.mark.parametrize(
    ("account", "size", "code"), [(1, 10, "full"), (2, 600, "full"), (3, 600, "busy"), (3, 500, None)]
)
async def test_drafts_are_bounded_by_account_and_in_all(drafts, account, size, code):
    for number in range(3):
        await drafts.put(1, draft(number))
    await drafts.put(2, draft(1, 900))
    new = draft(9, size)
    if code is None:
        assert await drafts.put(account, new)
        return
    with pytest.raises(Refusal) as refused:
        await drafts.put(account, new)
    assert refused.value.code == code
    assert await drafts.get(account, new.infohash) is None


async def test_a_disk_that_is_nearly_full_takes_none(tmp_path, clock):
    with pytest.raises(Refusal) as refused:
        await over(tmp_path, clock, min_free=2**62).put(1, draft(1))
    assert refused.value.code == "disk-full"


async def test_a_disk_that_is_full_is_told_and_nothing_is_there(drafts, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("storage.drafts.Path.write_bytes", fail)
    with pytest.raises(Refusal) as refused:
        await drafts.put(1, draft(1))
    assert refused.value.code == "disk-full"
    assert await drafts.waiting(1) == []


async def test_what_has_waited_too_long_is_gone_and_swept(tmp_path, clock, drafts):
    await drafts.put(1, draft(1))
    clock.now += 30
    await drafts.put(1, draft(2))
    await drafts.put(2, draft(1))
    (tmp_path / "drafts/2/.new").write_bytes(b"interrupted")
    clock.now += 30
    assert await drafts.get(1, draft(1).infohash) is None
    assert await drafts.waiting(1) == [draft(2).infohash]
    clock.now += 30
    again = over(tmp_path, clock)
    assert await again.sweep() == 3
    assert list((tmp_path / "drafts").iterdir()) == []
    assert await again.sweep() == 0


async def test_a_file_that_vanished_is_not_there(tmp_path, drafts):
    await drafts.put(1, draft(1))
    (tmp_path / "drafts/1" / draft(1).infohash.upper).unlink()
    assert await drafts.get(1, draft(1).infohash) is None
    await drafts.remove(1, draft(1).infohash)


async def test_many_at_once_stay_within_the_bounds(drafts):
    outcomes = await asyncio.gather(
        *(drafts.put(1, draft(number)) for number in range(9)), return_exceptions=True
    )
    assert outcomes.count(True) == 3
