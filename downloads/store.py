"""Hides how jobs and content are kept: what the jobs ask of any store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bittorrent.infohash import InfoHash
from downloads.model import ContentFile, ContentKey, Seed


@dataclass(frozen=True, slots=True)
class ContentRow:
    """What is kept of content, without its files and its .torrent; `id` 0 before it is stored.

    `v2` has 32 bytes. `known` tells that its metadata is, `begun` that the engine was given it, so that its size
    counts, `rested` that its seeding has ended. `downloaded` and `uploaded` are the engine's last counts, in bytes.
    """

    id: int
    key: ContentKey
    v2: InfoHash | None
    name: str
    size: int
    known: bool
    private: bool
    added: int
    begun: bool = False
    complete: bool = False
    rested: bool = False
    downloaded: int = 0
    uploaded: int = 0
    finished: int | None = None


@dataclass(frozen=True, slots=True)
class JobRow:
    """What is kept of a job, without its magnet link; `queued` is its place in the queue, 0 for none."""

    id: int
    account: int
    content: int
    name: str
    seed: Seed
    allow_zip: bool
    queued: int
    paused: bool
    cached: bool
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a .torrent adds to a content's row."""

    torrent: bytes
    files: tuple[ContentFile, ...]


class JobStore(Protocol):
    """Keeps content and jobs; what returned is durable, and each call is done whole or not at all."""

    def contents(self) -> AsyncIterator[list[ContentRow]]:
        """Yield all content in bounded batches, by id."""
        ...

    def jobs(self) -> AsyncIterator[list[JobRow]]:
        """Yield all jobs in bounded batches, by id."""
        ...

    async def add(
        self, content: ContentRow, metadata: Metadata | None, job: JobRow, magnet: str
    ) -> tuple[int, int]:
        """Keep a job, and its content where that is new (its id is 0); return the ids of content and job."""
        ...

    async def keep(self, contents: Sequence[ContentRow], jobs: Sequence[JobRow]) -> None:
        """Write rows in place of those with the same ids."""
        ...

    async def learn(self, content: ContentRow, metadata: Metadata) -> None:
        """Write a content's row with its metadata."""
        ...

    async def part(self, job: int, content: ContentRow, metadata: Metadata) -> int:
        """Give a job new content of its own, and return that content's id."""
        ...

    async def merge(self, source: int, target: int) -> None:
        """Move jobs to other content, but for accounts that hold that already; drop what is left of the source."""
        ...

    async def remove(self, jobs: Sequence[int], content: int | None) -> None:
        """Drop jobs, and content that nobody holds any more."""
        ...

    async def files(self, contents: Sequence[int]) -> Mapping[int, tuple[ContentFile, ...]]:
        """Return the files of content by its id."""
        ...

    async def torrent(self, content: int) -> bytes | None:
        """Return the .torrent of content."""
        ...

    async def magnets(self, jobs: Sequence[int]) -> Mapping[int, str]:
        """Return the magnet links of jobs by their ids."""
        ...
