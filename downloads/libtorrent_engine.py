"""The BitTorrent engine over libtorrent: sessions and alerts become calls and events in the event loop.

Files are named on disk by their index in the torrent (`0`, `1`, …), never by a name from the .torrent.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import libtorrent as lt
import structlog

from bittorrent.infohash import InfoHash
from downloads.engine import AddTorrentRequest, EngineEvent, Failed, Finished, MetadataReceived, Peer
from downloads.folder import ResumeFiles
from downloads.libtorrent_session import EngineSettings, open_session
from downloads.libtorrent_torrent import (
    TorrentHandle,
    TorrentLayout,
    build_torrent,
    metadata_info_hash,
    read_layout,
    read_resume_params,
    short_hashes,
    status_of,
    supported_trackers,
    to_info_hash,
)
from downloads.model import ContentKey, ContentStatus
from downloads.outgoing_filter import OutgoingFilter

log = structlog.get_logger()

_TICK: Final = 1.0  # seconds between two status updates of every torrent
_SAVE_EVERY: Final = 30  # ticks between two writes of resume data
_STOP_TIME: Final = 10.0
_SESSIONS: Final = 8  # a private torrent of two accounts runs in two of them
_DUPLICATE: Final = 19  # libtorrent's errors.duplicate_torrent


class LibtorrentEngine:
    """An `Engine` over libtorrent. `outgoing` filters every address that it would connect to."""

    def __init__(self, settings: EngineSettings, resume: ResumeFiles, outgoing: OutgoingFilter) -> None:
        self._settings = settings
        self._resume = resume
        self._outgoing = outgoing
        self._sessions: list[Any] = []
        self._metadata_session: Any = None
        self._torrents: dict[tuple[int, str], TorrentHandle] = {}
        self._by_key: dict[ContentKey, TorrentHandle] = {}
        self._wake = asyncio.Event()
        self._on_event: Callable[[EngineEvent], None] = lambda _event: None
        self._tasks: list[asyncio.Task[None]] = []
        self._unsaved = 0
        self._saved = asyncio.Event()

    @property
    def port(self) -> int | None:
        """The port that peers reach it by, None while it does not listen."""
        return (self._sessions[0].listen_port() or None) if self._sessions else None

    async def start(self, on_event: Callable[[EngineEvent], None]) -> None:
        """Start; resume data on disk is used by `add`."""
        self._on_event = on_event
        await asyncio.to_thread(self._resume.prepare)
        self._open()
        self._tasks = [asyncio.create_task(self._read_alerts()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """Write resume data and stop, within seconds."""
        if not self._sessions:
            return
        for session in self._sessions:
            session.pause()
        await self._save_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        sessions, self._sessions, self._metadata_session = self._sessions, [], None
        self._torrents.clear()
        self._by_key.clear()
        await asyncio.to_thread(_close, sessions)

    def add(self, request: AddTorrentRequest) -> None:
        """Fetch or seed content; adding it again only sets its paused flag."""
        if (known := self._by_key.get(request.key)) is not None:
            (self.pause if request.paused else self.resume)(known.key)
            return
        try:
            params, layout = self._params(request)
            if request.paused:
                params.flags |= lt.torrent_flags.paused
            self._add_to_session(request.key, params, has_metadata=layout is not None, paused=request.paused)
        except ValueError as error:
            self._on_event(Failed(request.key, str(error)))

    async def remove(self, key: ContentKey, *, files: bool) -> None:
        """Remove content, and its files with `files`; returns when they are gone."""
        torrent = self._by_key.pop(key, None)
        if torrent is not None:
            await self._remove_from_session(torrent, files=files)
        await asyncio.to_thread(self._resume.remove, key)

    def pause(self, key: ContentKey) -> None:
        """Pause content."""
        if (torrent := self._by_key.get(key)) is not None:
            torrent.paused = True
            torrent.handle.pause()

    def resume(self, key: ContentKey) -> None:
        """Resume content."""
        if (torrent := self._by_key.get(key)) is not None:
            torrent.paused, torrent.error = False, ""
            torrent.handle.clear_error()
            torrent.handle.resume()

    def reannounce(self, key: ContentKey) -> None:
        """Ask the trackers for peers now."""
        if (torrent := self._by_key.get(key)) is not None:
            torrent.handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)

    def connect(self, key: ContentKey, peers: Sequence[Peer]) -> None:
        """Connect to peers; those that the address filter refuses are skipped."""
        if (torrent := self._by_key.get(key)) is not None:
            for peer in self._allowed(peers):
                torrent.handle.connect_peer(peer)

    def status(self, key: ContentKey) -> ContentStatus | None:
        """Return the status of content as of the last second, None when the engine does not have it."""
        torrent = self._by_key.get(key)
        return status_of(torrent) if torrent is not None else None

    async def fetch_metadata(
        self,
        infohash: InfoHash,
        *,
        peers: Sequence[Peer],
        trackers: Sequence[str],
        dht: bool,
        seconds: float,
    ) -> bytes | None:
        """Return a .torrent (BEP 9) whose `info` has that hash, None when nobody gave it in time."""
        params = lt.add_torrent_params()
        params.info_hashes = to_info_hash(infohash)
        params.trackers = list(supported_trackers(trackers))
        params.peers = self._allowed(peers)
        params.save_path = "/nonexistent"
        params.flags = lt.torrent_flags.upload_mode | lt.torrent_flags.default_dont_download
        params.flags |= lt.torrent_flags.duplicate_is_error | lt.torrent_flags.apply_ip_filter
        if not (dht and self._settings.dht):
            params.flags |= lt.torrent_flags.disable_dht
        try:
            torrent = self._add_to_session(
                ContentKey(infohash), params, has_metadata=False, paused=False, named=False
            )
        except ValueError:
            return None
        torrent.metadata_future = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(torrent.metadata_future, seconds)
        except TimeoutError:
            return None
        finally:
            await self._remove_from_session(torrent, files=False)

    # What follows runs in the event loop; libtorrent's calls below only queue up work for its own thread.

    def _open(self) -> Any:  # noqa: ANN401 - libtorrent has no types
        loop = asyncio.get_running_loop()
        session = open_session(self._settings, self._outgoing, spare=bool(self._sessions))
        session.set_alert_notify(lambda: loop.call_soon_threadsafe(self._wake.set))
        self._sessions.append(session)
        return session

    def _params(self, request: AddTorrentRequest) -> tuple[Any, TorrentLayout | None]:
        """Return libtorrent's parameters, from resume data where there is some. ValueError: not to be fetched."""
        layout = read_layout(request.torrent) if request.torrent is not None else None
        params = None
        if layout is not None and (saved := self._resume.read(request.key)) is not None:
            params = read_resume_params(saved, layout)
        if params is None:
            params = layout.params() if layout is not None else lt.add_torrent_params()
        if layout is None:
            params.info_hashes = metadata_info_hash(request)
        else:
            params.renamed_files = dict(layout.names)
        params.save_path = str(request.folder)
        params.trackers = list(supported_trackers(request.trackers))
        params.tracker_tiers = list(range(len(params.trackers)))
        params.url_seeds = list(request.web_seeds)
        params.peers = self._allowed(request.peers)
        params.flags = lt.torrent_flags.update_subscribe | lt.torrent_flags.apply_ip_filter
        if request.private or not self._settings.dht:
            params.flags |= lt.torrent_flags.disable_dht
        if request.private:
            params.flags |= lt.torrent_flags.disable_pex | lt.torrent_flags.disable_lsd
        if layout is None:
            params.flags |= lt.torrent_flags.upload_mode | lt.torrent_flags.default_dont_download
        return params, layout

    def _add_to_session(
        self,
        key: ContentKey,
        params: Any,  # noqa: ANN401
        *,
        has_metadata: bool,
        paused: bool,
        named: bool = True,
    ) -> TorrentHandle:
        session = self._session_for(key.infohash) if named else self._session_for_metadata()
        try:
            handle = session.add_torrent(params)
        except RuntimeError as error:
            raise ValueError(f"the engine does not take the torrent: {error}") from None
        torrent = TorrentHandle(key, handle, session, has_metadata, not has_metadata, paused=paused)
        self._torrents[self._id_of(session, handle)] = torrent
        if named:
            self._by_key[key] = torrent
        return torrent

    def _session_for(self, infohash: InfoHash) -> Any:  # noqa: ANN401
        """Find a session without that torrent: libtorrent holds a hash once in each."""
        busy = {
            id(torrent.session) for torrent in self._torrents.values() if torrent.key.infohash == infohash
        } | {id(self._metadata_session)}
        free = next((session for session in self._sessions if id(session) not in busy), None)
        if free is None and len(self._sessions) >= _SESSIONS:
            raise ValueError("too many accounts hold this private torrent")
        return free or self._open()

    def _session_for_metadata(self) -> Any:  # noqa: ANN401
        """Return the session for metadata lookups: its torrents must not collide with those of content."""
        if self._metadata_session is None:
            if not self._sessions:
                raise ValueError("the engine does not run")
            self._metadata_session = self._open()
        return self._metadata_session

    def _id_of(self, session: Any, handle: Any) -> tuple[int, str]:  # noqa: ANN401
        return id(session), short_hashes(handle.info_hashes())[0]

    def _by_hashes(self, session: Any, hashes: Any) -> TorrentHandle | None:  # noqa: ANN401
        """Find a torrent by the hash that it was added with; its metadata may have added a second one."""
        found = (self._torrents.get((id(session), name)) for name in short_hashes(hashes))
        return next((torrent for torrent in found if torrent is not None), None)

    def _allowed(self, peers: Sequence[Peer]) -> list[Peer]:
        return [peer for peer in peers if 0 < peer[1] < 65536 and self._outgoing.allows_text(peer[0])]

    async def _remove_from_session(self, torrent: TorrentHandle, *, files: bool) -> None:
        torrent.removed_future = asyncio.get_running_loop().create_future()
        flags = lt.session.delete_files if files else 0
        torrent.session.remove_torrent(torrent.handle, flags)
        try:
            await asyncio.wait_for(torrent.removed_future, _STOP_TIME)
        except TimeoutError:
            log.warning("engine.slow_removal", infohash=torrent.key.infohash.upper)
        finally:
            self._torrents = {name: each for name, each in self._torrents.items() if each is not torrent}

    async def _read_alerts(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for session in tuple(self._sessions):
                for alert in session.pop_alerts():
                    await self._handle(session, alert)

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK)
            ticks += 1
            for session in self._sessions:
                session.post_torrent_updates()
            if ticks % _SAVE_EVERY == 0:
                self._request_save()

    async def _handle(self, session: Any, alert: Any) -> None:  # noqa: ANN401
        if isinstance(alert, lt.state_update_alert):
            for status in alert.status:
                self._update_status(session, status)
            return
        torrent = self._find(session, alert)
        if torrent is None:
            if isinstance(alert, lt.save_resume_data_alert | lt.save_resume_data_failed_alert):
                self._count_saved()  # it was requested before the torrent was removed
            return
        match alert:
            case lt.metadata_received_alert():
                self._metadata(torrent, torrent.handle.torrent_file())
            case lt.torrent_conflict_alert():
                # Two lookups by the two hashes of a hybrid: the alert alone has what both of them wait for.
                for each in (torrent, self._by_hashes(session, alert.conflicting_torrent.info_hashes())):
                    if each is not None:
                        self._metadata(each, alert.metadata)
            case lt.torrent_finished_alert():
                self._flush(torrent)
            case lt.cache_flushed_alert():
                self._finished(torrent)
            case lt.torrent_removed_alert() | lt.torrent_deleted_alert() | lt.torrent_delete_failed_alert():
                self._removed(torrent, alert)
            case lt.torrent_error_alert() if (
                torrent.metadata_future is not None and alert.error.value() == _DUPLICATE
            ):
                pass  # the alert of the conflict follows
            case lt.torrent_error_alert() | lt.file_error_alert():
                self._failed(torrent, alert.error.message())
            case lt.tracker_error_alert() | lt.tracker_warning_alert():
                torrent.tracker_message = (
                    alert.error_message()[:200] if hasattr(alert, "error_message") else ""
                )
            case lt.save_resume_data_alert():
                await self._save(torrent, alert)
            case lt.save_resume_data_failed_alert():
                self._count_saved()

    def _find(self, session: Any, alert: Any) -> TorrentHandle | None:  # noqa: ANN401
        hashes = getattr(alert, "info_hashes", None)
        if hashes is None and isinstance(alert, lt.torrent_alert) and alert.handle.is_valid():
            hashes = alert.handle.info_hashes()
        return self._by_hashes(session, hashes) if hashes is not None else None

    def _update_status(self, session: Any, status: Any) -> None:  # noqa: ANN401
        torrent = self._by_hashes(session, status.info_hashes)
        if torrent is not None:
            torrent.status = status

    def _metadata(self, torrent: TorrentHandle, info: Any) -> None:  # noqa: ANN401
        try:
            data = build_torrent(info, torrent.key.infohash)
        except ValueError as error:
            self._failed(torrent, str(error))
            return
        torrent.has_metadata = True
        if torrent.metadata_future is not None:
            if not torrent.metadata_future.done():
                torrent.metadata_future.set_result(data)
        else:
            self._on_event(MetadataReceived(torrent.key, data))

    def _flush(self, torrent: TorrentHandle) -> None:
        # What was added by hash wants none of its files, so for libtorrent it is finished with its metadata.
        if not torrent.by_hash and not torrent.finished:
            # All pieces are checked, from memory: the last may not be in their files yet, where readers are next.
            torrent.flushing = True
            torrent.handle.flush_cache()

    def _finished(self, torrent: TorrentHandle) -> None:
        if torrent.flushing and not torrent.finished:
            torrent.finished = True
            torrent.handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
            self._unsaved += 1
            self._on_event(Finished(torrent.key))

    def _removed(self, torrent: TorrentHandle, alert: Any) -> None:  # noqa: ANN401
        if torrent.removed_future is not None and not torrent.removed_future.done():
            torrent.removed_future.set_result(None)
        if isinstance(alert, lt.torrent_delete_failed_alert):
            log.warning("engine.files_stay", infohash=torrent.key.infohash.upper, error=alert.error.message())

    def _failed(self, torrent: TorrentHandle, reason: str) -> None:
        torrent.error = reason
        if torrent.metadata_future is not None and not torrent.metadata_future.done():
            torrent.metadata_future.set_result(None)
        elif torrent.metadata_future is None:
            self._on_event(Failed(torrent.key, reason))

    def _request_save(self) -> None:
        flags = lt.save_resume_flags_t.save_info_dict | lt.save_resume_flags_t.only_if_modified
        for torrent in self._by_key.values():
            if torrent.has_metadata and torrent.handle.is_valid():
                torrent.handle.save_resume_data(flags)
                self._unsaved += 1

    async def _save_all(self) -> None:
        self._saved.clear()
        self._request_save()
        if self._unsaved:
            try:
                await asyncio.wait_for(self._saved.wait(), _STOP_TIME)
            except TimeoutError:
                log.warning("engine.unsaved", torrents=self._unsaved)

    async def _save(self, torrent: TorrentHandle, alert: Any) -> None:  # noqa: ANN401
        data = bytes(lt.write_resume_data_buf(alert.params))
        try:
            await asyncio.to_thread(self._resume.write, torrent.key, data)
        except OSError as error:
            log.warning("engine.resume_not_written", error=str(error))
        self._count_saved()

    def _count_saved(self) -> None:
        self._unsaved = max(0, self._unsaved - 1)
        if not self._unsaved:
            self._saved.set()


def _close(sessions: list[Any]) -> None:
    """Close sessions; each waits for its `stopped` announces.

    Destroying a session holds the GIL while it waits for libtorrent's thread, which needs the GIL to notify
    of an alert: so no alert may be left. `get_settings` returns once that thread has applied the settings.
    """
    while sessions:
        session = sessions.pop()
        session.apply_settings({"alert_mask": 0})
        session.get_settings()
        session.pop_alerts()
        del session
