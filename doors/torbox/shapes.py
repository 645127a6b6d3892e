"""TorBox's JSON objects, field by field."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from uuid import UUID

from msgspec import Raw

from bittorrent.infohash import InfoHash
from bittorrent.media_types import media_type
from bittorrent.metainfo import Metainfo
from doors.json_encoding import MEMBER, TRUTH, JsonTemplate, encode_json
from doors.kept_rows import KeptRows
from downloads.model import Content, ContentFile, Job, JobState, SeedPolicy
from tracker.model import Counts

UNKNOWN_ETA = 8_640_000
"""The number of seconds for unknown, as in qBittorrent."""
_INT_MAX = 2**31 - 1  # clients in C# read numbers other than sizes into an int
_ACTIVE_STATES = frozenset({JobState.DOWNLOADING, JobState.UPLOADING, JobState.METADATA, JobState.CHECKING})
_LAST_SECOND = 253_402_300_799

JsonObject = dict[str, object]


# What changes of a job by itself, in the order of the object.
_PLACES = {
    "active": b"%b", "download_state": b"%b", "seeds": b"%d", "peers": b"%d", "ratio": b"%b", "progress": b"%b",
    "download_speed": b"%d", "upload_speed": b"%d", "eta": b"%d", "availability": b"%b", "tracker": MEMBER,
    "tracker_message": MEMBER, "total_uploaded": b"%d", "total_downloaded": b"%d",
}  # fmt: skip
_KEPT_FILES = 100  # of a job whose row is kept


class TorboxShapes:
    """Builds TorBox's JSON objects; a key without a value is left out, never null."""

    def __init__(self) -> None:
        self._templates: KeptRows[JsonTemplate] = KeptRows()
        self._rows: KeptRows[bytes] = KeptRows()
        self._cached: KeptRows[bytes] = KeptRows()

    def row(self, job: Job) -> Raw:
        """Return a job as JSON, as `torrent` would."""
        if len(job.content.files) > _KEPT_FILES:
            return Raw(encode_json(self.torrent(job)))
        # All that the object says of a job but its status.
        of = (
            job.content, job.account, job.name, job.magnet, job.seed, job.allow_zip, job.has_torrent, job.created,
            job.updated,
        )  # fmt: skip
        record = of, job.status, job.paused, job.queued, job.pause_reason
        return Raw(self._rows.row_of(job.id, record, "torrent", partial(self._filled, job, of)))

    def _filled(self, job: Job, of: object) -> bytes:
        template = self._templates.row_of(job.id, of, "torrent", partial(self._template, job))
        now = self._changing(job)
        return template.fill(
            TRUTH[now["active"] is True],
            encode_json(now["download_state"]),
            now["seeds"],
            now["peers"],
            encode_json(now["ratio"]),
            encode_json(now["progress"]),
            now["download_speed"],
            now["upload_speed"],
            now["eta"],
            encode_json(now["availability"]),
            _member("tracker", now["tracker"]),
            _member("tracker_message", now["tracker_message"]),
            now["total_uploaded"],
            now["total_downloaded"],
        )

    def _template(self, job: Job) -> JsonTemplate:
        return JsonTemplate(encode_json(self._whole(job, dict.fromkeys(_PLACES, 0))), _PLACES)

    def torrent(self, job: Job) -> JsonObject:
        """Return a job as TorBox's torrent."""
        return self._whole(job, self._changing(job))

    def _changing(self, job: Job) -> JsonObject:
        """Return what changes of a job by itself."""
        content, status = job.content, job.status
        active = status.state in _ACTIVE_STATES and not job.paused and not job.queued
        return {
            "active": active,
            "download_state": status.state.value,
            "seeds": _int(status.seeds),
            "peers": _int(status.peers),
            "ratio": _ratio(status.uploaded, status.downloaded),
            "progress": 1.0 if content.complete else _clamp(status.progress, 1.0),
            "download_speed": _int(status.down_rate) if active and not content.complete else 0,
            "upload_speed": _int(status.up_rate) if active else 0,
            "eta": 0 if content.complete else eta(status.eta),
            "availability": _clamp(status.availability, 1e6),
            "tracker": status.tracker or None,
            "tracker_message": status.error or job.pause_reason or status.tracker_message or None,
            "total_uploaded": status.uploaded,
            "total_downloaded": _downloaded(job),
        }

    def _whole(self, job: Job, now: JsonObject) -> JsonObject:
        content = job.content
        hash_ = content.key.infohash.truncated.lower
        shape = {
            "id": job.id,
            "auth_id": auth_id(job.account),
            "server": 0,
            "hash": hash_,
            "name": name_of(job),
            "magnet": job.magnet or None,
            "size": content.size,
            "active": now["active"],
            "created_at": date(job.created),
            "updated_at": date(job.updated),
            "download_state": now["download_state"],
            "seeds": now["seeds"],
            "peers": now["peers"],
            "ratio": now["ratio"],
            "progress": now["progress"],
            "download_speed": now["download_speed"],
            "upload_speed": now["upload_speed"],
            "eta": now["eta"],
            "torrent_file": job.has_torrent,
            "download_present": content.complete,
            "files": [self.file(hash_, file) for file in content.files],
            "download_path": hash_,
            "inactive_check": 0,
            "availability": now["availability"],
            "download_finished": content.complete,
            "tracker": now["tracker"],
            "tracker_message": now["tracker_message"],
            "total_uploaded": now["total_uploaded"],
            "total_downloaded": now["total_downloaded"],
            "cached": content.complete,
            "cached_at": date(content.finished) if content.finished is not None else None,
            "owner": auth_id(job.account),
            "seed_torrent": job.seed is not SeedPolicy.STOP,
            "allow_zipped": job.allow_zip,
            "long_term_seeding": False,
            "private": content.private,
            "alternative_hashes": [],
            "tags": [],
        }
        return _present(shape)

    def file(self, hash_: str, file: ContentFile) -> JsonObject:
        """Return a file; its name begins with the torrent's folder, its id is its index in the torrent."""
        return {
            "id": file.index,
            "hash": hash_,
            "name": file.path,
            "size": file.size,
            "zipped": False,
            "s3_path": f"{hash_}/{file.path}",
            "infected": False,
            "mimetype": media_type(file.path),
            "short_name": _file_name(file.path),
            "absolute_path": f"/{hash_}/{file.path}",
        }

    def cached_row(self, hash_: str, content: Content, *, files: bool) -> Raw:
        """Return cached content as JSON, as `cached` would."""

        def render() -> bytes:
            return encode_json(self.cached(hash_, content, files=files))

        if len(content.files) > _KEPT_FILES:
            return Raw(render())
        return Raw(self._cached.row_of(content.key, content, (hash_, files), render))

    def cached(self, hash_: str, content: Content, *, files: bool) -> JsonObject:
        """Return cached content, under the requested hash."""
        shape: JsonObject = {"name": content.name or hash_, "size": content.size, "hash": hash_}
        return shape | {"files": [self._cached_file(file) for file in content.files]} if files else shape

    def _cached_file(self, file: ContentFile) -> JsonObject:
        return {
            "id": file.index,
            "name": file.path,
            "short_name": _file_name(file.path),
            "size": file.size,
            "mimetype": media_type(file.path),
        }


def queued(job: Job) -> JsonObject:
    """Return a queued job."""
    shape = {
        "id": job.id,
        "auth_id": auth_id(job.account),
        "created_at": date(job.created),
        "magnet": job.magnet or None,
        "hash": job.content.key.infohash.truncated.lower,
        "name": name_of(job),
        "type": "torrent",
    }
    return _present(shape)


def torrent_info(metainfo: Metainfo, requested: InfoHash | None, counts: Counts) -> JsonObject:
    """Return the metadata of a .torrent, under the requested hash.

    The trackers of a private one are left out: their URLs often contain a passkey.
    """
    trackers = () if metainfo.private else (link for tier in metainfo.trackers for link in tier)
    return {
        "name": metainfo.name,
        "hash": (requested or metainfo.infohash).lower,
        "size": metainfo.size,
        "seeds": counts.complete,
        "peers": counts.incomplete,
        "trackers": list(trackers),
        "files": [{"name": path, "size": size} for path, size in _paths(metainfo)],
    }


def by_requested_hash(requested: Sequence[InfoHash], contents: Iterable[Content]) -> dict[str, Content]:
    """Return contents by the hash by which each was requested, in lower case, in the order of the request.

    Content with another of its hashes than the one requested is under its own.
    """
    cached = {content.key.infohash.truncated: content for content in contents}
    matched = {
        each.lower: content for each in requested if (content := cached.get(each.truncated)) is not None
    }
    known = {content.key for content in matched.values()}
    return matched | {key.lower: content for key, content in cached.items() if content.key not in known}


def name_of(job: Job) -> str:
    """Return a job's name: its account's, else its content's, else its hash."""
    return job.name or job.content.name or job.content.key.infohash.truncated.lower


@lru_cache(1024)
def auth_id(account: int) -> str:
    """Return an account's id as the UUID that TorBox has."""
    return str(UUID(int=account))


@lru_cache(4096)  # a list has the same times again and again
def date(seconds: int) -> str:
    """Return a time in UTC, as ISO 8601."""
    moment = datetime.fromtimestamp(max(0, min(seconds, _LAST_SECOND)), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def eta(seconds: int | None) -> int:
    """Return the seconds left, UNKNOWN_ETA at most and where they are unknown."""
    return UNKNOWN_ETA if seconds is None else max(0, min(seconds, UNKNOWN_ETA))


def _member(key: str, value: object) -> bytes:
    return b'"%b":%b,' % (key.encode(), encode_json(value)) if value is not None else b""


def _present(shape: JsonObject) -> JsonObject:
    # A client that checks answers by a schema takes a missing key for no value, and null for an error.
    return {name: value for name, value in shape.items() if value is not None}


def _downloaded(job: Job) -> int:
    # The engine's count is lost where complete content was checked and not fetched.
    return max(job.status.downloaded, job.content.size if job.content.complete else 0)


def _paths(metainfo: Metainfo) -> list[tuple[str, int]]:
    single_file = len(metainfo.files) == 1 and metainfo.files[0].path == (metainfo.name,)
    root = () if single_file else (metainfo.name,)
    return [("/".join((*root, *file.path)), file.length) for file in metainfo.files]


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _int(number: int) -> int:
    return max(0, min(number, _INT_MAX))


def _ratio(uploaded: int, downloaded: int) -> float:
    return round(uploaded / downloaded, 4) if downloaded > 0 else 0.0


def _clamp(number: float, largest: float) -> float:
    return round(max(0.0, min(number, largest)), 6) if math.isfinite(number) else 0.0
