"""A torrent as libtorrent holds it: its layout on disk, parameters, handle, metadata and status, from and to ours."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import libtorrent as lt

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from downloads.engine import AddTorrentRequest
from downloads.model import ContentKey, ContentStatus, JobState

_STATES: Final = {
    "checking_files": JobState.CHECKING,
    "checking_resume_data": JobState.CHECKING,
    "downloading_metadata": JobState.METADATA,
    "downloading": JobState.DOWNLOADING,
    "finished": JobState.UPLOADING,
    "seeding": JobState.UPLOADING,
}


@dataclass(frozen=True, slots=True)
class TorrentLayout:
    """A .torrent as libtorrent reads it; `names` maps libtorrent's file index to the name on disk."""

    torrent: bytes
    names: Mapping[int, str]

    def params(self) -> Any:  # noqa: ANN401 - libtorrent has no types
        """Return new `add_torrent_params` for this torrent."""
        return lt.load_torrent_buffer(self.torrent)


def read_layout(torrent: bytes) -> TorrentLayout:
    """Read a .torrent and number its files as `Metainfo.files` does, padding left out.

    ValueError: it holds symbolic links, or the engine cannot read it.
    """
    try:
        info = lt.load_torrent_buffer(torrent).ti
    except RuntimeError as error:
        raise ValueError(f"the engine cannot read the torrent: {error}") from None
    assert info is not None
    files = info.layout()
    flags = [files.file_flags(number) for number in range(files.num_files())]
    if any(flag & lt.file_flags_t.flag_symlink for flag in flags):
        raise ValueError("the torrent holds symbolic links")
    shown = [number for number, flag in enumerate(flags) if not flag & lt.file_flags_t.flag_pad_file]
    return TorrentLayout(torrent, {number: str(index) for index, number in enumerate(shown)})


def short_hashes(hashes: Any) -> list[str]:  # noqa: ANN401
    """Return the one or two 20-byte hashes of a torrent, in hex, version 1's first."""
    v1 = [str(hashes.v1)] if hashes.has_v1() else []
    return [*v1, hashes.v2.to_bytes()[:20].hex()] if hashes.has_v2() else v1


def build_torrent(info: Any, infohash: InfoHash) -> bytes:  # noqa: ANN401
    """Build the .torrent of metadata from peers. ValueError: it is invalid, or of another torrent."""
    data = b"d4:info" + bytes(info.info_section()) + b"e"
    try:
        metainfo = Metainfo.parse(data)
    except Refusal as refusal:
        raise ValueError(str(refusal)) from None
    if infohash not in metainfo.infohashes:
        raise ValueError("the metadata is of another torrent")
    return data


def to_info_hash(infohash: InfoHash) -> Any:  # noqa: ANN401 - libtorrent has no types
    """Convert an infohash to libtorrent's type."""
    digest = lt.sha256_hash(bytes(infohash)) if infohash.is_v2 else lt.sha1_hash(bytes(infohash))
    return lt.info_hash_t(digest)


def metadata_info_hash(request: AddTorrentRequest) -> Any:  # noqa: ANN401
    """Return the hash to fetch metadata by, v1 where there is one: peers of both give the same metadata."""
    cut = request.v2.truncated if request.v2 is not None else None
    return to_info_hash(
        request.v2 if request.v2 is not None and cut == request.key.infohash else request.key.infohash
    )


def read_resume_params(saved: bytes, layout: TorrentLayout) -> Any | None:  # noqa: ANN401
    """Read resume data; return None unless it is valid and of this torrent."""
    try:
        params = lt.read_resume_data(saved)
    except RuntimeError:
        return None
    if params.info_hashes != layout.params().info_hashes:
        return None
    params.ti = layout.params().ti
    return params


def supported_trackers(trackers: Sequence[str]) -> tuple[str, ...]:
    """Leave out WebSocket trackers: the address filter does not apply to WebRTC connections."""
    return tuple(url for url in trackers if url.lower().startswith(("http://", "https://", "udp://")))


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
    flushing: bool = False
    finished: bool = False
    error: str = ""
    tracker_message: str = ""
    metadata_future: "asyncio.Future[bytes | None] | None" = None
    removed_future: "asyncio.Future[None] | None" = None


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
        return ContentStatus(state, tracker_message=torrent.tracker_message, error=torrent.error)
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
