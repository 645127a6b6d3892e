"""Protocols of what jobs ask of the rest of the service: a store of their rows, the blocklist, and publishing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from downloads.model import NO_LABELS, ContentFile, ContentKey, JobLabels, SeedPolicy


@dataclass(frozen=True, slots=True)
class ContentRow:
    """Content as stored, without its files and its .torrent; `id` 0 before it is stored.

    `v2` has 32 bytes. `known` tells that it has metadata, `begun` that it was started, so that its size counts
    against quotas, `rested` that its seeding has ended. `downloaded` and `uploaded` are the last counts, in bytes.
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
    """A job as stored, without its magnet link; `queued` is its position in the queue, 0 for none."""

    id: int
    account: int
    content: int
    name: str
    seed: SeedPolicy
    allow_zip: bool
    queued: int
    paused: bool
    cached: bool
    created: int
    updated: int
    labels: JobLabels = NO_LABELS


class LabelKind(StrEnum):
    """What a name that an account keeps for its jobs is."""

    CATEGORY = "category"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class ContentMetadata:
    """A .torrent and its files, stored beside the row of content."""

    torrent: bytes
    files: tuple[ContentFile, ...]


class JobStore(Protocol):
    """Stores content and jobs; each call is one transaction, durable when it returns."""

    def contents(self) -> AsyncIterator[list[ContentRow]]:
        """Yield all content in bounded batches, by id."""
        ...

    def jobs(self) -> AsyncIterator[list[JobRow]]:
        """Yield all jobs in bounded batches, by id."""
        ...

    async def add(
        self, content: ContentRow, metadata: ContentMetadata | None, job: JobRow, magnet: str
    ) -> tuple[int, int]:
        """Insert a job, and its content where that is new (id 0); return the ids of content and job."""
        ...

    async def save(self, contents: Sequence[ContentRow], jobs: Sequence[JobRow]) -> None:
        """Update the rows with the same ids."""
        ...

    async def set_metadata(self, content: ContentRow, metadata: ContentMetadata) -> None:
        """Update the row of content, with its metadata."""
        ...

    async def split(self, job: int, content: ContentRow, metadata: ContentMetadata) -> int:
        """Insert content of its own for a job, and return the content's id."""
        ...

    async def merge(self, source: int, target: int) -> None:
        """Move jobs from `source` to `target`, except of accounts that have one there; delete the source."""
        ...

    async def remove(self, jobs: Sequence[int], content: int | None) -> None:
        """Delete jobs, and content that has none left."""
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

    async def names(self, account: int, kind: LabelKind) -> list[str]:
        """Return the categories or tags that an account keeps, by name."""
        ...

    async def add_names(self, account: int, kind: LabelKind, names: Sequence[str]) -> None:
        """Keep categories or tags of an account; one that is there stays."""
        ...

    async def remove_names(
        self, account: int, kind: LabelKind, names: Sequence[str], jobs: Sequence[JobRow]
    ) -> None:
        """Delete categories or tags of an account, and update the rows of the jobs that had them."""
        ...


class JobHooks(Protocol):
    """What download jobs ask of blocklist and cache."""

    async def refuse_blocked(self, names: Sequence[InfoHash]) -> None:
        """Refuse a torrent that is blocked under one of its names. Refusal: `blocked`."""
        ...

    async def completed(self, infohash: InfoHash, name: str, size: int, accounts: Sequence[int]) -> None:
        """Tell that content is complete, and whose jobs that ends."""
        ...

    async def publish(self, torrent: bytes) -> None:
        """Publish a public .torrent that came with a download. Refusal: `blocked`, and no other."""
        ...


class UnaskedHooks:
    """The hooks of jobs that nobody creates and nothing fetches, as in a command. Refusal: `no-downloads`."""

    async def refuse_blocked(self, names: Sequence[InfoHash]) -> None:
        """Refuse: no job is created."""
        raise Refusal("no-downloads")

    async def completed(self, infohash: InfoHash, name: str, size: int, accounts: Sequence[int]) -> None:
        """Refuse: nothing is fetched."""
        raise Refusal("no-downloads")

    async def publish(self, torrent: bytes) -> None:
        """Refuse: nothing is fetched."""
        raise Refusal("no-downloads")
