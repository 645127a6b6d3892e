"""Cache records, and the protocols of the stores of files and records."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bittorrent.infohash import HashPage, InfoHash
from cache.compression import pack

if TYPE_CHECKING:  # the files of a folder are opened by commands that parse no torrent
    from bittorrent.metainfo import Metainfo

DAY = 86_400
"""Seconds."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """The metadata of a cached torrent.

    `infohash` is its 20-byte infohash (v1, or the truncated v2 of a v2-only torrent); `size` counts the
    bytes of its content, `stored` those of the gzip file on disk, `digest` is the SHA-1 of the .torrent file
    as it was uploaded, `packed` the `packed_digest` of the gzip file, None of one that an older version stored and
    that was not read since, `added` is in unix seconds.

    `private`, `hidden` and `uploader` (the id of its owner) are what the catalogue says of it at that moment; the
    first is None where it says nothing, and in pages of `walk`.
    """

    infohash: InfoHash
    v1: InfoHash | None
    v2: InfoHash | None
    name: str
    size: int
    stored: int
    digest: bytes
    added: int
    packed: bytes | None = None
    private: bool | None = None
    hidden: bool = False
    uploader: int | None = None

    @classmethod
    def of(cls, metainfo: "Metainfo", digest: bytes, stored: "StoredFile", added: int) -> "CacheRecord":
        """Create the record of a parsed torrent whose file is stored."""
        return cls(
            infohash=metainfo.infohash,
            v1=metainfo.v1,
            v2=metainfo.v2,
            name=metainfo.name.encode("utf-8", "replace").decode("utf-8"),
            size=min(metainfo.size, _LARGEST),
            stored=stored.size,
            digest=digest,
            added=added,
            packed=stored.digest,
        )

    @property
    def alias(self) -> InfoHash | None:
        """The second 20-byte infohash of a hybrid: its v2 hash, truncated."""
        return self.v2.truncated if self.v1 is not None and self.v2 is not None else None

    @property
    def infohashes(self) -> tuple[InfoHash, ...]:
        """Every infohash of the torrent: v1, v2 and truncated v2, as far as it has them."""
        full = (self.v2, self.v2.truncated) if self.v2 is not None else ()
        return (self.v1, *full) if self.v1 is not None else full


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A stored file: its bytes on disk, and their `packed_digest`; of one that was there before, `kept` is true."""

    size: int
    digest: bytes
    kept: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, packed: bytes, *, kept: bool = False) -> "StoredFile":
        """Describe a file by its bytes."""
        return cls(len(packed), packed_digest(packed), kept)


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What changes when a file is changed: inode, bytes, time of change in nanoseconds."""

    inode: int
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A .torrent file as it is stored: its gzip bytes, and the length and the SHA-1 of what was uploaded."""

    gzip: bytes
    plain_size: int
    digest: bytes

    @classmethod
    def of(cls, data: bytes) -> "PackedFile":
        """Pack a file; it takes milliseconds."""
        return cls(pack(data), len(data), digest_of(data))


class HybridNames(NamedTuple):
    """The two 20-byte infohashes of a hybrid: the one of its record, and its v2 hash, truncated."""

    infohash: InfoHash
    alias: InfoHash


class Blobs(Protocol):
    """The store of .torrent files, gzip-compressed, by 20-byte infohash."""

    async def put(self, infohash: InfoHash, packed: bytes) -> StoredFile:
        """Store gzip bytes, durable before it returns; an existing file is kept, and described."""

    async def get(
        self, infohash: InfoHash, digest: bytes | None = None, *, again: bool = False
    ) -> bytes | None:
        """Return the stored gzip bytes, or None, which with a `digest` is also said of bytes of another one.

        The digest is computed when the file has changed since it was found right, or when that is wished `again`.
        """

    async def set_aside(self, infohash: InfoHash) -> None:
        """Take a file that is not what it should be out of the store, and keep it for the operator."""

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the file; return whether there was one."""

    def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every file in ascending order, in bounded batches."""

    async def free(self) -> int:
        """Return the free bytes of the disk."""


class Records(Protocol):
    """The store of records; every change is durable before it returns."""

    async def add(self, record: CacheRecord) -> None:
        """Add a record, in place of an earlier one of the same infohash."""

    async def get(self, infohash: InfoHash) -> CacheRecord | None:
        """Find a record by its 20-byte infohash, or by the truncated v2 hash of a hybrid."""

    async def get_all(self, infohashes: Sequence[InfoHash]) -> dict[InfoHash, CacheRecord]:
        """Find the records of 20-byte infohashes at once; not by the second hash of a hybrid."""

    async def remove(self, infohash: InfoHash) -> CacheRecord | None:
        """Delete the record that `get` would find, and return it."""

    async def note_asked(self, infohashes: Sequence[InfoHash], day: int) -> None:
        """Note that the files of these infohashes, first ones, were asked for on a day, unless a later one is noted.

        Days are those of `day_of`. A new record has the day on which it was added.
        """

    async def totals(self) -> tuple[int, int]:
        """Return the number of records and the sum of their stored bytes."""

    async def walk(self, after: InfoHash | None, limit: int) -> list[CacheRecord]:
        """Return up to `limit` records with an infohash above `after`, ascending."""

    async def hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records, those next above `after`."""

    async def public_hashes(self, after: bytes, limit: int) -> HashPage:
        """Return the infohashes of up to `limit` records that the catalogue says are not private, as `hashes`."""

    async def hybrids(self, after: bytes, limit: int) -> list[HybridNames]:
        """Return the names of up to `limit` hybrids whose alias is above `after`, ascending by it."""

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the 20-byte infohashes, first or second, of the records of any of these."""

    async def healthy(self) -> bool:
        """Return whether the store answers."""


def day_of(time: float) -> int:
    """Return the day of a time in unix seconds, counted from 1970 (UTC)."""
    return int(time) // DAY


def packed_digest(packed: bytes) -> bytes:
    """Return the digest of a gzip file as stored, of 16 bytes: BLAKE2b, the fastest of the standard library."""
    return hashlib.blake2b(packed, digest_size=16).digest()


def digest_of(data: bytes) -> bytes:
    """Return the SHA-1 of a .torrent file, for integrity checks; no protection against forgery."""
    return hashlib.sha1(data, usedforsecurity=False).digest()
