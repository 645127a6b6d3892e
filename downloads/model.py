"""Values of the download jobs: content, files, jobs, statuses and requests.

Times are unix seconds, sizes bytes, rates bytes a second.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from bittorrent.infohash import InfoHash


class JobState(StrEnum):
    """The state of a job, by the names that TorBox's clients know."""

    DOWNLOADING = "downloading"
    UPLOADING = "uploading"
    PAUSED = "paused"
    COMPLETED = "completed"
    CACHED = "cached"
    """Its content was complete before the job was created."""
    METADATA = "metaDL"
    CHECKING = "checkingResumeData"


class SeedPolicy(IntEnum):
    """What happens at completion: the operator's default, seed within the ratio and time of the settings, or stop."""

    DEFAULT = 1
    SEED = 2
    STOP = 3


@dataclass(frozen=True, slots=True)
class ContentKey:
    """What identifies content: its infohash, and for a private torrent the account that it belongs to."""

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
    """Content, complete or not, shared by all jobs for its key; without metadata `files` is empty and `size` 0."""

    key: ContentKey
    name: str
    size: int
    files: tuple[ContentFile, ...]
    complete: bool
    private: bool
    added: int
    finished: int | None


@dataclass(frozen=True, slots=True)
class RunningContent:
    """Content that the engine fetches, or seeds once it is complete."""

    key: ContentKey
    complete: bool
    private: bool


@dataclass(frozen=True, slots=True)
class ContentStatus:
    """The current status of content; `eta` in seconds, None where unknown; `error` for people, "" for none."""

    state: JobState
    progress: float = 0.0
    down_rate: int = 0
    up_rate: int = 0
    seeds: int = 0
    peers: int = 0
    eta: int | None = None
    downloaded: int = 0
    uploaded: int = 0
    availability: float = 0.0
    tracker: str = ""
    tracker_message: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobLabels:
    """What an account wrote on a job: a category, tags, and when the job has seeded enough.

    `ratio` is in thousandths of the content's size, `seed_time` in seconds; None leaves both to the operator's
    settings, which end seeding in any case.
    """

    category: str = ""
    tags: tuple[str, ...] = ()
    ratio: int | None = None
    seed_time: int | None = None


NO_LABELS = JobLabels()


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What an account asks to download: either a .torrent's bytes or a magnet link, with options."""

    torrent: bytes | None = None
    magnet: str | None = None
    name: str = ""
    seed: SeedPolicy = SeedPolicy.DEFAULT
    allow_zip: bool = True
    as_queued: bool = False
    only_if_cached: bool = False
    paused: bool = False
    labels: JobLabels = NO_LABELS


@dataclass(frozen=True, slots=True)
class Job:
    """An account's download of content; `queued` while it waits for a slot. `pause_reason` is "" unless paused."""

    id: int
    account: int
    content: Content
    name: str
    magnet: str
    seed: SeedPolicy
    allow_zip: bool
    queued: bool
    paused: bool
    pause_reason: str
    cached: bool
    has_torrent: bool
    created: int
    updated: int
    status: ContentStatus
    labels: JobLabels = NO_LABELS
