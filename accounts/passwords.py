"""Hides how a password is kept (argon2id), and what checking one may cost."""

import asyncio
import base64
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from accounts.fields import PASSWORD_LONGEST
from bittorrent.refusal import Refusal

T = TypeVar("T")

_WAITING = 64


class Passwords:
    """Hashes passwords in at most `at_once` threads; up to `waiting` more wait, the next are `busy`.

    A hash stands in for accounts that have none, so that a check costs the same whoever is named.
    """

    def __init__(
        self,
        at_once: int,
        random: Callable[[int], bytes],
        *,
        waiting: int = _WAITING,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._room = BoundedSemaphore(at_once + waiting)
        self._decoy = _decoy(self._hasher, random)

    async def hash(self, password: str) -> str:
        """Return what is kept of a password. Refusal: `busy`."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def check(self, kept: str | None, password: str) -> bool:
        """Tell whether a password is the one kept; the work is the same when there is none. Refusal: `busy`."""
        fits = len(password) <= PASSWORD_LONGEST
        secret = _normal(password if fits else "")
        found = await self._run(lambda: self._verify(kept or self._decoy, secret))
        return found and fits and kept is not None

    def close(self) -> None:
        """Wait for the hashing under way, and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _verify(self, kept: str, secret: bytes) -> bool:
        try:
            return self._hasher.verify(kept, secret)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._room.acquire(blocking=False):
            raise Refusal("busy")
        future: Future[T] = self._threads.submit(work)
        # The thread works on when its asker has left: room is given back when the work ends, not the wait.
        future.add_done_callback(lambda _: self._room.release())
        return await asyncio.wrap_future(future)


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _decoy(hasher: PasswordHasher, random: Callable[[int], bytes]) -> str:
    """Write a hash of nothing: its check costs what every check does, and no password passes it."""
    salt, digest = (_bare64(random(size)) for size in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _bare64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode("ascii")
