"""Cache quota: space is reserved for concurrent uploads, so that together they do not exceed it; how full it is."""

import math
from dataclasses import dataclass

from bittorrent.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of the cache: files, stored bytes, and the bytes of disk that must stay free."""

    max_files: int
    max_bytes: int
    min_free: int


@dataclass(frozen=True, slots=True)
class CacheFill:
    """How full the cache is: its files and their bytes, and how many of each there can be.

    `most_bytes` is what its disk has room for where that is less than the quota.
    """

    files: int
    stored: int
    most_files: int
    most_bytes: int

    @classmethod
    def of(cls, quota: Quota, files: int, stored: int, free: int) -> "CacheFill":
        """Return how full a cache is on whose disk so many bytes are `free`."""
        return cls(
            files, stored, quota.max_files, max(0, min(quota.max_bytes, stored + free - quota.min_free))
        )

    @property
    def files_share(self) -> float:
        """The part of the files that there can be."""
        return self.files / self.most_files

    @property
    def bytes_share(self) -> float:
        """The part of the bytes that there can be; infinite where the disk has less room than has to stay free."""
        return self.stored / self.most_bytes if self.most_bytes else math.inf

    @property
    def share(self) -> float:
        """The part that is taken, of files or of bytes, whichever is more."""
        return max(self.files_share, self.bytes_share)

    def excess(self, mark: float) -> tuple[int, int]:
        """Return how many files and how many bytes there are beyond a share of what there can be."""
        return (
            max(0, self.files - _part(mark, self.most_files)),
            max(0, self.stored - _part(mark, self.most_bytes)),
        )


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


def _part(mark: float, most: int) -> int:
    """Return the whole numbers of a share, of which 19 in 20 are 95 in 100 whatever binary fractions make of it."""
    return int(mark * most + 1e-6)
