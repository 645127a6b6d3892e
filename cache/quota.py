"""Cache quota: space is reserved for concurrent uploads, so that together they do not exceed it."""

from dataclasses import dataclass

from bittorrent.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of the cache: files, stored bytes, and the bytes of disk that must stay free."""

    max_files: int
    max_bytes: int
    min_free: int


@dataclass(slots=True)
class QuotaUsage:
    """Used and reserved files and stored bytes."""

    quota: Quota
    files: int = 0
    stored: int = 0
    reserved_files: int = 0
    reserved_bytes: int = 0

    def reserve(self, size: int, free: int) -> None:
        """Reserve `size` bytes and one file, given the bytes `free` on the disk.

        Refusal: `cache-full` beyond the quota, `disk-full` when too little free disk would be left.
        """
        if self.files + self.reserved_files >= self.quota.max_files:
            raise Refusal("cache-full", f"it holds {self.files} files")
        if self.stored + self.reserved_bytes + size > self.quota.max_bytes:
            raise Refusal("cache-full", f"it holds {self.stored} bytes")
        if free - self.reserved_bytes - size < self.quota.min_free:
            raise Refusal("disk-full")
        self.reserved_files += 1
        self.reserved_bytes += size

    def release(self, size: int) -> None:
        """Release a reservation of `size` bytes."""
        self.reserved_files -= 1
        self.reserved_bytes -= size

    def add(self, stored: int) -> None:
        """Count a file of `stored` bytes that was added."""
        self.files += 1
        self.stored += stored

    def subtract(self, stored: int) -> None:
        """Uncount a file of `stored` bytes that was removed."""
        self.files -= 1
        self.stored -= stored
