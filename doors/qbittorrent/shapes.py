"""qBittorrent's JSON objects, field by field, and the states of its torrents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from downloads.job_views import PAUSED_BY_ACCOUNT
from downloads.limits import DownloadLimits
from downloads.model import ContentFile, Job, JobState
from downloads.scheduler import ALL_ACTIVE

UNKNOWN_ETA = 8_640_000
"""The number of seconds for unknown."""
BY_SETTINGS = -2
"""A limit of a torrent that is left to the settings."""
MISSING = "missingFiles"
_TRACKER_WORKS = 2

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class TorrentShapes:
    """Builds the objects of an account's torrents; `save_path` is where programs see its content, `now` in seconds."""

    save_path: str
    limits: DownloadLimits
    now: int

    def torrent(self, job: Job, *, missing: bool) -> JsonObject:
        """Return a job as a torrent of the list."""
        content, labels = job.content, job.labels
        return {
            "added_on": job.created,
            "auto_tmm": False,
            "category": labels.category,
            "completion_on": self._finished(job),
            "content_path": self.content_path(job),
            "download_path": "",
            "f_l_piece_prio": False,
            "force_start": False,
            "hash": job_hash(job),
            **_infohashes(job),
            "last_activity": job.updated,
            "magnet_uri": job.magnet,
            "name": job.name or job_hash(job),
            "priority": 1 if job.queued else 0,
            "save_path": self.path(job),
            "seen_complete": self._finished(job),
            "seq_dl": False,
            "size": content.size,
            "state": MISSING if missing else state_of(job),
            "super_seeding": False,
            "tags": ", ".join(labels.tags),
            "time_active": max(0, self.now - job.created),
            "total_size": content.size,
            "tracker": job.status.tracker,
            "trackers_count": len(_trackers(job)),
            **self._numbers(job),
            **self._limits(job),
        }

    def _numbers(self, job: Job) -> JsonObject:
        content, status = job.content, job.status
        done = int(content.size * self._progress(job))
        leeches = max(0, status.peers - status.seeds)
        return {
            "amount_left": content.size - done,
            "availability": round(status.availability, 3),
            "completed": done,
            "dlspeed": 0 if content.complete else status.down_rate,
            "downloaded": max(status.downloaded, done),
            "downloaded_session": status.downloaded,
            "eta": self._eta(job),
            "num_complete": status.seeds,
            "num_incomplete": leeches,
            "num_leechs": leeches,
            "num_seeds": status.seeds,
            "progress": self._progress(job),
            "ratio": self._ratio(job),
            "seeding_time": self._seeding_time(job),
            "uploaded": status.uploaded,
            "uploaded_session": status.uploaded,
            "upspeed": status.up_rate,
        }

    def _limits(self, job: Job) -> JsonObject:
        ratio, seconds = job.labels.ratio, job.labels.seed_time
        most_ratio = self.limits.seed_ratio if self.limits.seed else 0.0
        most_seconds = self.limits.seed_time
        return {
            "dl_limit": -1,
            "inactive_seeding_time_limit": BY_SETTINGS,
            "max_ratio": most_ratio if ratio is None else min(most_ratio, ratio / 1000),
            "max_seeding_time": (most_seconds if seconds is None else min(most_seconds, seconds)) // 60,
            "ratio_limit": BY_SETTINGS if ratio is None else ratio / 1000,
            "seeding_time_limit": BY_SETTINGS if seconds is None else seconds // 60,
            "up_limit": -1,
        }

    def properties(self, job: Job) -> JsonObject:
        """Return a job's details."""
        content, status = job.content, job.status
        done = int(content.size * self._progress(job))
        return {
            "addition_date": job.created,
            "comment": "",
            "completion_date": self._finished(job),
            "created_by": "",
            "creation_date": -1,
            "dl_limit": -1,
            "dl_speed": 0 if content.complete else status.down_rate,
            "dl_speed_avg": 0,
            "download_path": "",
            "eta": self._eta(job),
            "hash": job_hash(job),
            **_infohashes(job),
            "is_private": content.private,
            "last_seen": self._finished(job),
            "name": job.name or job_hash(job),
            "nb_connections": status.peers,
            "nb_connections_limit": -1,
            "peers": max(0, status.peers - status.seeds),
            "peers_total": max(0, status.peers - status.seeds),
            "piece_size": -1,
            "pieces_have": -1,
            "pieces_num": -1,
            "reannounce": 0,
            "save_path": self.path(job),
            "seeding_time": self._seeding_time(job),
            "seeds": status.seeds,
            "seeds_total": status.seeds,
            "share_ratio": self._ratio(job),
            "time_elapsed": max(0, self.now - job.created),
            "total_downloaded": max(status.downloaded, done),
            "total_downloaded_session": status.downloaded,
            "total_size": content.size,
            "total_uploaded": status.uploaded,
            "total_uploaded_session": status.uploaded,
            "total_wasted": 0,
            "up_limit": -1,
            "up_speed": status.up_rate,
            "up_speed_avg": 0,
        }

    def file(self, job: Job, file: ContentFile) -> JsonObject:
        """Return a file of a job; its name begins with the torrent's folder."""
        progress = self._progress(job)
        return {
            "availability": round(job.status.availability, 3),
            "index": file.index,
            "is_seed": job.content.complete,
            "name": file.path,
            "piece_range": [0, 0],
            "priority": 1,
            "progress": progress,
            "size": file.size,
        }

    def path(self, job: Job) -> str:
        """Return the folder in which programs see a job's content: one for each torrent, so that no two names meet."""
        return f"{self.save_path}/{job_hash(job)}"

    def content_path(self, job: Job) -> str:
        """Return where programs see a job's content: its folder, or its file where it has but one."""
        files = job.content.files
        return f"{self.path(job)}/{files[0].path.partition('/')[0]}" if files else self.path(job)

    def _progress(self, job: Job) -> float:
        return 1.0 if job.content.complete else min(1.0, max(0.0, job.status.progress))

    def _eta(self, job: Job) -> int:
        eta = job.status.eta
        return UNKNOWN_ETA if job.content.complete or eta is None else max(0, min(eta, UNKNOWN_ETA))

    def _ratio(self, job: Job) -> float:
        size = job.content.size
        return round(job.status.uploaded / size, 3) if size else 0.0

    def _finished(self, job: Job) -> int:
        return -1 if job.content.finished is None else job.content.finished

    def _seeding_time(self, job: Job) -> int:
        return (
            0 if job.content.finished is None else max(0, self.now - max(job.content.finished, job.created))
        )


def state_of(job: Job) -> str:
    """Return the name of a job's state, in the words that every version of its clients knows."""
    done = "UP" if job.content.complete else "DL"
    if job.queued or job.pause_reason == ALL_ACTIVE:
        return "queuedDL"
    if job.pause_reason:
        return f"paused{done}" if job.pause_reason == PAUSED_BY_ACCOUNT else "error"
    match job.status.state:
        case JobState.METADATA:
            return "metaDL"
        case JobState.CHECKING:
            return f"checking{done}"
        case JobState.UPLOADING:
            return "uploading" if job.status.up_rate else "stalledUP"
        case JobState.COMPLETED | JobState.CACHED:
            return "pausedUP"
        case _:
            return "downloading" if job.status.down_rate else "stalledDL"


def job_hash(job: Job) -> str:
    """Return the hash by which clients know a job."""
    return job.content.key.infohash.truncated.lower


def trackers(job: Job) -> list[JsonObject]:
    """Return the trackers of a job: those that its account sent, and which of them answered."""
    message, current = job.status.tracker_message, job.status.tracker
    return [
        {
            "msg": message if url.startswith(current) and current else "",
            "num_downloaded": -1,
            "num_leeches": -1,
            "num_peers": job.status.peers,
            "num_seeds": job.status.seeds,
            "status": _TRACKER_WORKS if current and url.startswith(current) else 1,
            "tier": tier,
            "url": url,
        }
        for tier, url in enumerate(_trackers(job))
    ]


def category(name: str) -> Mapping[str, str]:
    """Return a category; where content lies is not an account's to choose."""
    return {"name": name, "savePath": ""}


def _trackers(job: Job) -> Sequence[str]:
    try:
        return Magnet.parse(job.magnet).trackers
    except Refusal:
        return ()


def _infohashes(job: Job) -> Mapping[str, str]:
    try:
        magnet = Magnet.parse(job.magnet)
    except Refusal:
        return {"infohash_v1": job_hash(job), "infohash_v2": ""}
    return {
        "infohash_v1": magnet.v1.lower if magnet.v1 is not None else "",
        "infohash_v2": magnet.v2.lower if magnet.v2 is not None else "",
    }
