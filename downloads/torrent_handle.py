"""A torrent in a libtorrent session, and its libtorrent status converted to ours."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from downloads.model import ContentKey, ContentStatus, JobState

_STATES: Final = {
    "checking_files": JobState.CHECKING,
    "checking_resume_data": JobState.CHECKING,
    "downloading_metadata": JobState.METADATA,
    "downloading": JobState.DOWNLOADING,
    "finished": JobState.UPLOADING,
    "seeding": JobState.UPLOADING,
}


@dataclass(slots=True)
class TorrentHandle:
    """A torrent in a session; the futures wait for a lookup's metadata, and for its removal."""

    key: ContentKey
    handle: Any
    session: Any
    has_metadata: bool
    by_hash: bool
    status: Any = None
    paused: bool = False
    finished: bool = False
    error: str = ""
    tracker_message: str = ""
    metadata_future: "asyncio.Future[bytes | None] | None" = None
    removed_future: "asyncio.Future[None] | None" = field(default=None)


def status_of(torrent: TorrentHandle) -> ContentStatus:
    """Return the status of a torrent, by libtorrent's last report."""
    status = torrent.status
    if status is None:
        state = (
            JobState.PAUSED
            if torrent.paused
            else JobState.CHECKING
            if torrent.has_metadata
            else JobState.METADATA
        )
        return ContentStatus(
            state, 0.0, 0, 0, 0, 0, None, 0, 0, 0.0, "", torrent.tracker_message, torrent.error
        )
    left = status.total_wanted - status.total_wanted_done
    rate = status.download_payload_rate
    return ContentStatus(
        state=_state(torrent),
        progress=min(1.0, max(0.0, status.progress)) if torrent.has_metadata else 0.0,
        down_rate=rate,
        up_rate=status.upload_payload_rate,
        seeds=status.num_seeds,
        peers=status.num_peers,
        eta=0 if torrent.finished else left // rate if rate > 0 else None,
        downloaded=status.all_time_download,
        uploaded=status.all_time_upload,
        availability=max(0.0, status.distributed_copies),
        tracker=status.current_tracker,
        tracker_message=torrent.tracker_message,
        error=torrent.error or (status.errc.message() if status.errc.value() else ""),
    )


def _state(torrent: TorrentHandle) -> JobState:
    if torrent.paused:
        return JobState.PAUSED
    return _STATES.get(torrent.status.state.name, JobState.CHECKING)
