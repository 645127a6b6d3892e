"""Drafts as files `ACCOUNT/INFOHASH` of a folder in the data folder, which one process owns."""

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.drafts import Draft, DraftLimits
from storage.unavailable import disk_errors_refused

_ACCOUNT = re.compile(r"[1-9][0-9]{0,18}")
_NAME = re.compile(r"[0-9A-F]{40}")
_NEW = ".new"
_USUAL = DraftLimits()


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of a file: its bytes, and when it came, in unix seconds."""

    size: int
    time: float


class FileDrafts:
    """Drafts in files, written beside and renamed into place; `clock` gives unix seconds.

    What there is, is read from the folder once, and counted in memory from then on. All work runs in threads.
    """

    def __init__(self, root: Path, clock: Callable[[], float], limits: DraftLimits = _USUAL) -> None:
        self._root = root
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._accounts: dict[int, dict[str, _Kept]] | None = None

    async def put(self, account: int, draft: Draft) -> bool:
        """Keep a draft; return whether there was none of that infohash. Refusal: `full`, `disk-full`, `busy`."""
        with disk_errors_refused():
            return await asyncio.to_thread(self._put, account, draft)

    async def get(self, account: int, infohash: InfoHash) -> Draft | None:
        """Return a draft, None where there is none, or no more."""
        with disk_errors_refused():
            data = await asyncio.to_thread(self._get, account, infohash.upper)
        return None if data is None else Draft(infohash, data)

    async def waiting(self, account: int) -> list[InfoHash]:
        """Return the infohashes of an account's drafts, in the order in which they came."""
        with disk_errors_refused():
            names = await asyncio.to_thread(self._waiting, account)
        return [InfoHash.parse(name) for name in names]

    async def remove(self, account: int, infohash: InfoHash) -> None:
        """Let go of a draft; one that is not there is no error."""
        with disk_errors_refused():
            await asyncio.to_thread(self._remove, account, infohash.upper)

    async def sweep(self) -> int:
        """Delete what has waited too long, and what an interrupted write left; return how many files that were."""
        with disk_errors_refused():
            return await asyncio.to_thread(self._sweep)

    def _put(self, account: int, draft: Draft) -> bool:
        name, size = draft.infohash.upper, len(draft.data)
        with self._lock:
            self._forget_old(account)
            known = self._known()
            mine = known.get(account, {})
            if name in mine:
                return False
            self._refuse_beyond(mine, size)
            folder = self._root / str(account)
            for each in (self._root, folder):
                each.mkdir(mode=0o700, exist_ok=True)
            new, now = folder / _NEW, self._clock()
            new.write_bytes(draft.data)
            os.utime(new, (now, now))
            new.rename(folder / name)
            known.setdefault(account, {})[name] = _Kept(size, now)
            return True

    def _refuse_beyond(self, mine: dict[str, _Kept], size: int) -> None:
        limits = self._limits
        if len(mine) >= limits.drafts:
            raise Refusal("full", f"at most {limits.drafts}")
        if sum(each.size for each in mine.values()) + size > limits.account_bytes:
            raise Refusal("full", f"at most {limits.account_bytes} bytes")
        of_all = sum(each.size for files in self._known().values() for each in files.values())
        if of_all + size > limits.all_bytes:
            raise Refusal("busy")
        if limits.min_free and shutil.disk_usage(self._root.parent).free - size < limits.min_free:
            raise Refusal("disk-full")

    def _get(self, account: int, name: str) -> bytes | None:
        with self._lock:
            self._forget_old(account)
            if name not in self._known().get(account, {}):
                return None
        try:
            return (self._root / str(account) / name).read_bytes()
        except FileNotFoundError:
            return None

    def _waiting(self, account: int) -> list[str]:
        with self._lock:
            self._forget_old(account)
            return list(self._known().get(account, {}))

    def _remove(self, account: int, name: str) -> None:
        with self._lock:
            self._drop(account, name)

    def _sweep(self) -> int:
        with self._lock:
            known, dropped = self._known(), 0
            for account in list(known):
                dropped += self._forget_old(account)
            for folder in self._folders():
                for path in folder.iterdir():
                    if path.name not in known.get(int(folder.name), {}):
                        path.unlink()
                        dropped += 1
                if folder.name and not known.get(int(folder.name)):
                    folder.rmdir()
            return dropped

    def _forget_old(self, account: int) -> int:
        """Delete what of an account has waited too long."""
        ended = self._clock() - self._limits.seconds
        old = [name for name, each in self._known().get(account, {}).items() if each.time <= ended]
        for name in old:
            self._drop(account, name)
        return len(old)

    def _drop(self, account: int, name: str) -> None:
        if self._known().get(account, {}).pop(name, None) is not None:
            (self._root / str(account) / name).unlink(missing_ok=True)

    def _known(self) -> dict[int, dict[str, _Kept]]:
        if self._accounts is None:
            found: dict[int, dict[str, _Kept]] = {}
            for folder in self._folders():
                files = [(path.name, path.stat()) for path in folder.iterdir() if _NAME.fullmatch(path.name)]
                files.sort(key=lambda each: (each[1].st_mtime_ns, each[0]))
                found[int(folder.name)] = {name: _Kept(stat.st_size, stat.st_mtime) for name, stat in files}
            self._accounts = found
        return self._accounts

    def _folders(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        return [each for each in self._root.iterdir() if _ACCOUNT.fullmatch(each.name) and each.is_dir()]
