import asyncio
import threading

import pytest
from argon2 import PasswordHasher

from accounts.passwords import Passwords
from bittorrent.refusal import Refusal
from tests.support.accounts import PASSWORD, Random, cheap_passwords


class BlockingHasher(PasswordHasher):
    """A hasher that blocks until it is released, and records what it verifies."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.open = threading.Event()
        self.began = threading.Semaphore(0)
        self.at_once = self.most = 0
        self.asked = []
        self._lock = threading.Lock()

    def verify(self, hash, password):  # noqa: A002
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.asked.append((hash, password))
        self.began.release()
        assert self.open.wait(20)
        with self._lock:
            self.at_once -= 1
        return super().verify(hash, password)


async def test_what_is_kept_is_argon2id_and_differs_each_time():
    passwords = Passwords(1, Random())
    first, second = [await passwords.hash(PASSWORD) for _ in range(2)]
    passwords.close()
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_a_check_without_a_hash_is_one_of_the_same_cost():
    hasher = BlockingHasher()
    hasher.open.set()
    passwords = Passwords(1, Random(), hasher=hasher)
    kept = await passwords.hash(PASSWORD)
    results = [await passwords.check(each, PASSWORD) for each in (kept, None)]
    results.append(await passwords.check(kept, "x" * 1025))
    passwords.close()
    assert results == [True, False, False]
    # Timing is equal by construction: the same function over hashes of the same parameters and sizes.
    heads = {kept.rsplit("$", 2)[0] for kept, _ in hasher.asked}
    sizes = {tuple(map(len, kept.rsplit("$", 2)[1:])) for kept, _ in hasher.asked}
    assert len(hasher.asked) == 3
    assert (len(heads), len(sizes)) == (1, 1)


def test_the_stand_in_has_the_cost_of_real_hashes():
    hasher = PasswordHasher()
    passwords = Passwords(1, Random(), hasher=hasher)
    assert not hasher.check_needs_rehash(passwords._decoy)
    passwords.close()


@pytest.mark.parametrize(
    "kept", ["", "garbage", "$argon2id$v=19$m=8,t=1,p=1$AA$AA", "$2b$12$abcdefghijklmnopqrstuv"]
)
async def test_a_damaged_hash_is_no_password(kept):
    passwords = cheap_passwords()
    assert await passwords.check(kept, PASSWORD) is False
    passwords.close()


async def test_so_many_at_once_and_so_many_wait_then_it_is_busy():
    hasher = BlockingHasher()
    passwords = Passwords(2, Random(), waiting=3, hasher=hasher)
    tasks = [asyncio.create_task(passwords.check(None, PASSWORD)) for _ in range(5)]
    await asyncio.to_thread(hasher.began.acquire)
    with pytest.raises(Refusal) as refused:
        await passwords.check(None, PASSWORD)
    assert refused.value.code == "busy"
    hasher.open.set()
    assert await asyncio.gather(*tasks) == [False] * 5
    assert await passwords.check(None, PASSWORD) is False
    passwords.close()
    assert hasher.most <= 2


async def test_who_leaves_gives_no_room_before_the_work_is_done():
    hasher = BlockingHasher()
    passwords = Passwords(1, Random(), waiting=0, hasher=hasher)
    task = asyncio.create_task(passwords.check(None, PASSWORD))
    await asyncio.to_thread(hasher.began.acquire)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(Refusal):
        await passwords.check(None, PASSWORD)
    hasher.open.set()
    await asyncio.to_thread(passwords.close)
    assert hasher.at_once == 0
