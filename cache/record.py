"""Hides what is remembered of a torrent beside its bytes, and what the cache asks of the stores under it."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a held torrent without opening its file.

    `infohash` is the 20-byte hash that names it (v1, or the cut v2 of a v2-only torrent); `size` counts the
    bytes of its content, `stored` those of the gzip file on disk, `digest` is the SHA-1 of the .torrent file
    as it was uploaded, `added` is in seconds since 1970.
    """

    infohash: InfoHash
    v1: InfoHash | None
    v2: InfoHash | None
    name: str
    size: int
    stored: int
    digest: bytes
    added: int

    @classmethod
    def of(cls, metainfo: Metainfo, digest: bytes, stored: int, added: int) -> "Record":
        """Make the record of a parsed torrent whose file is stored."""
        return cls(
            infohash=metainfo.infohash,
            v1=metainfo.v1,
            v2=metainfo.v2,
            name=metainfo.name.encode("utf-8", "replace").decode("utf-8"),
            size=min(metainfo.size, _LARGEST),
            stored=stored,
            digest=digest,
            added=added,
        )

    @property
    def alias(self) -> InfoHash | None:
        """The second 20-byte hash of a hybrid: its v2 hash, cut."""
        return self.v2.cut if self.v1 is not None and self.v2 is not None else None

    @property
    def spellings(self) -> tuple[InfoHash, ...]:
        """Every hash that names the torrent: v1, v2 and cut v2, as far as it has them."""
        full = (self.v2, self.v2.cut) if self.v2 is not None else ()
        return (self.v1, *full) if self.v1 is not None else full


class Blobs(Protocol):
    """Where the .torrent files lie, gzip-packed, by their 20-byte infohash."""

    async def put(self, infohash: InfoHash, data: bytes) -> int:
        """Pack and keep `data`, durable before it returns the packed size; a file that is there is kept."""

    async def get(self, infohash: InfoHash) -> bytes | None:
        """Return the gzip bytes as they lie, or None."""

    async def remove(self, infohash: InfoHash) -> bool:
        """Delete the file for good; tell whether it was there."""

    def walk(self) -> AsyncIterator[list[InfoHash]]:
        """Yield the infohash of every file in ascending order, in bounded batches."""

    async def free(self) -> int:
        """Return the bytes that the disk has left for files."""


class Records(Protocol):
    """Where the records lie; every change is durable before it returns."""

    async def add(self, record: Record) -> None:
        """Keep a record, in place of an earlier one of the same infohash."""

    async def get(self, infohash: InfoHash) -> Record | None:
        """Find a record by the 20-byte hash that names it, or by the cut v2 hash of a hybrid."""

    async def remove(self, infohash: InfoHash) -> Record | None:
        """Drop the record that `get` would find, and return it."""

    async def totals(self) -> tuple[int, int]:
        """Return the number of records and the sum of their stored bytes."""

    async def walk(self, after: InfoHash | None, limit: int) -> list[Record]:
        """Return up to `limit` records whose infohash lies above `after`, ascending."""

    async def healthy(self) -> bool:
        """Tell whether the store answers."""


def digest_of(data: bytes) -> bytes:
    """Return the SHA-1 of a .torrent file, by which downloads are compared; no protection against forgery."""
    return hashlib.sha1(data, usedforsecurity=False).digest()
