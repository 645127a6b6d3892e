"""Hides what a download is made of: the values that pass between the doors, the jobs and the engine.

Times are unix seconds, sizes bytes, rates bytes a second.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from bittorrent.infohash import InfoHash


class State(StrEnum):
    """What a job is doing, in the only words that TorBox's clients know."""

    DOWNLOADING = "downloading"
    UPLOADING = "uploading"
    PAUSED = "paused"
    COMPLETED = "completed"
    CACHED = "cached"
    """Its content was here before the job came."""
    METADATA = "metaDL"
    CHECKING = "checkingResumeData"


class Seed(IntEnum):
    """What happens at completion: as the operator says, seed within the settings' ratio and time, or stop."""

    DEFAULT = 1
    SEED = 2
    STOP = 3


@dataclass(frozen=True, slots=True)
class ContentKey:
    """What names content: its hash, and for a private torrent the account that alone may know of it."""

    infohash: InfoHash
    account: int | None = None


@dataclass(frozen=True, slots=True)
class ContentFile:
    """A file of content; `path` begins with the torrent's root folder, `index` is its place in the torrent."""

    index: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """What is fetched or here, shared by all jobs for its key; without metadata `files` is empty and `size` 0."""

    key: ContentKey
    name: str
    size: int
    files: tuple[ContentFile, ...]
    complete: bool
    private: bool
    added: int
    finished: int | None


@dataclass(frozen=True, slots=True)
class Running:
    """Content that is fetched, or seeded once it is complete."""

    key: ContentKey
    complete: bool
    private: bool


@dataclass(frozen=True, slots=True)
class Status:
    """How content is doing right now; `eta` in seconds, None where unknown; `error` for people, "" for none."""

    state: State
    progress: float
    down_rate: int
    up_rate: int
    seeds: int
    peers: int
    eta: int | None
    downloaded: int
    uploaded: int
    availability: float
    tracker: str
    tracker_message: str
    error: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What an account asks for: one of a .torrent's bytes and a magnet link, and how."""

    torrent: bytes | None = None
    magnet: str | None = None
    name: str = ""
    seed: Seed = Seed.DEFAULT
    allow_zip: bool = True
    as_queued: bool = False
    only_if_cached: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """An account's hold on content; `queued` while it waits for a slot. `pause_reason` is "" unless paused."""

    id: int
    account: int
    content: Content
    name: str
    magnet: str
    seed: Seed
    allow_zip: bool
    queued: bool
    paused: bool
    pause_reason: str
    cached: bool
    has_torrent: bool
    created: int
    updated: int
    status: Status
