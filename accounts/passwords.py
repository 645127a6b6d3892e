"""Password hashing with argon2id, in a bounded number of threads."""

import asyncio
import base64
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from accounts.fields import PASSWORD_LONGEST
from bittorrent.refusal import Refusal
from tasks.fair_executor import FairExecutor

T = TypeVar("T")

_WAITING = 64
# OWASP's choice for argon2id. More lanes are threads of their own, started and ended for each password, 48 of them for
# argon2-cffi's default: on one core they take the processor from everything else, and hold up what maps memory.
_TIMES = 2
_MEMORY_KIB = 19 * 1024


class Passwords:
    """Hashes passwords in at most `at_once` threads; up to `waiting` more wait, the next are `busy`.

    A decoy hash is checked for accounts without one, so that a check always costs the same.
    """

    def __init__(
        self,
        at_once: int,
        random: Callable[[int], bytes],
        *,
        waiting: int = _WAITING,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=_TIMES, memory_cost=_MEMORY_KIB, parallelism=1)
        self._threads = FairExecutor(at_once, thread_name_prefix="passwords")
        self._slots = BoundedSemaphore(at_once + waiting)
        self._decoy = _decoy(self._hasher, random)

    async def hash(self, password: str) -> str:
        """Return the hash of a password. Refusal: `busy`."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Return whether a password matches its hash; the cost is the same without one. Refusal: `busy`."""
        fits = len(password) <= PASSWORD_LONGEST
        secret = _normal(password if fits else "")
        found = await self._run(lambda: self._verify(password_hash or self._decoy, secret))
        return found and fits and password_hash is not None

    def close(self) -> None:
        """Wait for running hashes, and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    def _verify(self, password_hash: str, secret: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, secret)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._slots.acquire(blocking=False):
            raise Refusal("busy")
        future: Future[T] = self._threads.submit(work)
        # The thread works on when its caller was cancelled: the slot is released when the work ends, not the wait.
        future.add_done_callback(lambda _: self._slots.release())
        return await asyncio.wrap_future(future)


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _decoy(hasher: PasswordHasher, random: Callable[[int], bytes]) -> str:
    """Make a hash that no password matches; checking it costs what every check does."""
    salt, digest = (_bare64(random(size)) for size in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _bare64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode("ascii")
