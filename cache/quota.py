"""Hides how room in the cache is promised to uploads that run at the same time, so that none overbooks it."""

from dataclasses import dataclass

from bittorrent.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Quota:
    """How much the cache may hold: files, stored bytes, and the bytes of disk that it must leave free."""

    max_files: int
    max_bytes: int
    min_free: int


@dataclass(slots=True)
class Room:
    """What is used and what is promised, in files and stored bytes."""

    quota: Quota
    files: int = 0
    stored: int = 0
    promised_files: int = 0
    promised_bytes: int = 0

    def promise(self, size: int, free: int) -> None:
        """Set `size` bytes and one file aside, given the bytes `free` on the disk.

        Refusal: `cache-full` beyond the quota, `disk-full` when the floor of free disk would be passed.
        """
        if self.files + self.promised_files >= self.quota.max_files:
            raise Refusal("cache-full", f"it holds {self.files} files")
        if self.stored + self.promised_bytes + size > self.quota.max_bytes:
            raise Refusal("cache-full", f"it holds {self.stored} bytes")
        if free - self.promised_bytes - size < self.quota.min_free:
            raise Refusal("disk-full")
        self.promised_files += 1
        self.promised_bytes += size

    def release(self, size: int) -> None:
        """Give a promise of `size` bytes back, kept or not."""
        self.promised_files -= 1
        self.promised_bytes -= size

    def fill(self, stored: int) -> None:
        """Count a file of `stored` bytes that lies in the cache now."""
        self.files += 1
        self.stored += stored

    def empty(self, stored: int) -> None:
        """Count a file of `stored` bytes no more."""
        self.files -= 1
        self.stored -= stored
