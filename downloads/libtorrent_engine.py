"""Hides libtorrent: its sessions and threads on one side, calls and events in the event loop on the other.

Files lie on disk under their number in the torrent (`0`, `1`, …), never under a name that a stranger chose.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import libtorrent as lt
import structlog

from bittorrent.infohash import InfoHash
from downloads.engine import Event, Failed, Finished, MetadataArrived, Order, Peer
from downloads.model import ContentKey, State, Status
from downloads.outgoing import Outgoing
from downloads.resume import ResumeFiles
from downloads.session import Terms, open_session
from downloads.torrent_file import Layout, layout_of, torrent_of

log = structlog.get_logger()

_TICK: Final = 1.0  # seconds between two looks at every torrent
_SAVE_EVERY: Final = 30  # ticks between two writes of resume data
_STOP_TIME: Final = 10.0
_SESSIONS: Final = 8  # a private torrent that two accounts hold runs in two of them
_STATES: Final = {
    "checking_files": State.CHECKING,
    "checking_resume_data": State.CHECKING,
    "downloading_metadata": State.METADATA,
    "downloading": State.DOWNLOADING,
    "finished": State.UPLOADING,
    "seeding": State.UPLOADING,
}


@dataclass(slots=True)
class _Torrent:
    """A torrent in a session; `asked` waits for metadata alone, on behalf of a lookup."""

    key: ContentKey
    handle: Any
    session: Any
    has_metadata: bool
    by_hash: bool
    status: Any = None
    paused: bool = False
    done: bool = False
    error: str = ""
    tracker_message: str = ""
    asked: "asyncio.Future[bytes | None] | None" = None
    gone: "asyncio.Future[None] | None" = field(default=None)


class LibtorrentEngine:
    """An `Engine` over libtorrent. `outgoing` filters every address that it would connect to."""

    def __init__(self, terms: Terms, resume: ResumeFiles, outgoing: Outgoing) -> None:
        self._terms = terms
        self._resume = resume
        self._outgoing = outgoing
        self._sessions: list[Any] = []
        self._torrents: dict[tuple[int, str], _Torrent] = {}
        self._by_key: dict[ContentKey, _Torrent] = {}
        self._wake = asyncio.Event()
        self._heard: Callable[[Event], None] = lambda _event: None
        self._tasks: list[asyncio.Task[None]] = []
        self._unsaved = 0
        self._saved = asyncio.Event()

    @property
    def port(self) -> int | None:
        """The port that peers reach it by, None while it does not listen."""
        return (self._sessions[0].listen_port() or None) if self._sessions else None

    async def start(self, heard: Callable[[Event], None]) -> None:
        """Begin; resume data lies ready for `add`."""
        self._heard = heard
        await asyncio.to_thread(self._resume.prepare)
        self._open()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """Write resume data and end, within seconds."""
        if not self._sessions:
            return
        for session in self._sessions:
            session.pause()
        await self._save_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        sessions, self._sessions = self._sessions, []
        self._torrents.clear()
        self._by_key.clear()
        await asyncio.to_thread(_close, sessions)

    def add(self, order: Order) -> None:
        """Fetch or seed content; adding what is there changes its paused flag alone."""
        if (known := self._by_key.get(order.key)) is not None:
            (self.pause if order.paused else self.resume)(known.key)
            return
        try:
            params, layout = self._params(order)
            if order.paused:
                params.flags |= lt.torrent_flags.paused
            self._put(order.key, params, has_metadata=layout is not None, paused=order.paused)
        except ValueError as error:
            self._heard(Failed(order.key, str(error)))

    async def remove(self, key: ContentKey, *, files: bool) -> None:
        """Forget content, and its files with `files`; returns when they are gone."""
        torrent = self._by_key.pop(key, None)
        if torrent is not None:
            await self._drop(torrent, files=files)
        await asyncio.to_thread(self._resume.remove, key)

    def pause(self, key: ContentKey) -> None:
        """Let content rest."""
        if (torrent := self._by_key.get(key)) is not None:
            torrent.paused = True
            torrent.handle.pause()

    def resume(self, key: ContentKey) -> None:
        """Go on with content."""
        if (torrent := self._by_key.get(key)) is not None:
            torrent.paused, torrent.error = False, ""
            torrent.handle.clear_error()
            torrent.handle.resume()

    def reannounce(self, key: ContentKey) -> None:
        """Ask the trackers for peers now."""
        if (torrent := self._by_key.get(key)) is not None:
            torrent.handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)

    def connect(self, key: ContentKey, peers: Sequence[Peer]) -> None:
        """Tell of peers; those that the filter refuses are passed over."""
        if (torrent := self._by_key.get(key)) is not None:
            for peer in self._admitted(peers):
                torrent.handle.connect_peer(peer)

    def status(self, key: ContentKey) -> Status | None:
        """Return how content is doing as of the last second, None when the engine does not have it."""
        torrent = self._by_key.get(key)
        return _status(torrent) if torrent is not None else None

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
        params.info_hashes = _hashes(infohash)
        params.trackers = list(_dialable(trackers))
        params.peers = self._admitted(peers)
        params.save_path = "/nonexistent"
        params.flags = lt.torrent_flags.upload_mode | lt.torrent_flags.default_dont_download
        params.flags |= lt.torrent_flags.update_subscribe | lt.torrent_flags.apply_ip_filter
        if not (dht and self._terms.dht):
            params.flags |= lt.torrent_flags.disable_dht
        try:
            torrent = self._put(ContentKey(infohash), params, has_metadata=False, paused=False, named=False)
        except ValueError:
            return None
        torrent.asked = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(torrent.asked, seconds)
        except TimeoutError:
            return None
        finally:
            await self._drop(torrent, files=False)

    # What follows runs in the event loop; libtorrent's calls below only queue up work for its own thread.

    def _open(self) -> Any:  # noqa: ANN401 - libtorrent has no types
        loop = asyncio.get_running_loop()
        session = open_session(self._terms, self._outgoing, spare=bool(self._sessions))
        session.set_alert_notify(lambda: loop.call_soon_threadsafe(self._wake.set))
        self._sessions.append(session)
        return session

    def _params(self, order: Order) -> tuple[Any, Layout | None]:
        """Make libtorrent's own order, from resume data where there is some. ValueError: not to be fetched."""
        layout = layout_of(order.torrent) if order.torrent is not None else None
        params = None
        if layout is not None and (saved := self._resume.read(order.key)) is not None:
            params = _resumed(saved, layout)
        if params is None:
            params = layout.params() if layout is not None else lt.add_torrent_params()
        if layout is None:
            params.info_hashes = _asked(order)
        else:
            params.renamed_files = dict(layout.names)
        params.save_path = str(order.folder)
        params.trackers = list(_dialable(order.trackers))
        params.tracker_tiers = list(range(len(params.trackers)))
        params.url_seeds = list(order.web_seeds)
        params.peers = self._admitted(order.peers)
        params.flags = lt.torrent_flags.update_subscribe | lt.torrent_flags.apply_ip_filter
        if order.private or not self._terms.dht:
            params.flags |= lt.torrent_flags.disable_dht
        if order.private:
            params.flags |= lt.torrent_flags.disable_pex | lt.torrent_flags.disable_lsd
        if layout is None:
            params.flags |= lt.torrent_flags.upload_mode | lt.torrent_flags.default_dont_download
        return params, layout

    def _put(
        self,
        key: ContentKey,
        params: Any,  # noqa: ANN401
        *,
        has_metadata: bool,
        paused: bool,
        named: bool = True,
    ) -> _Torrent:
        session = self._session_for(key.infohash)
        try:
            handle = session.add_torrent(params)
        except RuntimeError as error:
            raise ValueError(f"the engine does not take the torrent: {error}") from None
        torrent = _Torrent(key, handle, session, has_metadata, not has_metadata, paused=paused)
        self._torrents[self._name(session, handle)] = torrent
        if named:
            self._by_key[key] = torrent
        return torrent

    def _session_for(self, infohash: InfoHash) -> Any:  # noqa: ANN401
        """Find a session without that torrent: libtorrent holds a hash once in each."""
        busy = {
            id(torrent.session) for torrent in self._torrents.values() if torrent.key.infohash == infohash
        }
        free = next((session for session in self._sessions if id(session) not in busy), None)
        if free is None and len(self._sessions) >= _SESSIONS:
            raise ValueError("too many accounts hold this private torrent")
        return free or self._open()

    def _name(self, session: Any, handle: Any) -> tuple[int, str]:  # noqa: ANN401
        return id(session), str(handle.info_hashes().get_best())

    def _admitted(self, peers: Sequence[Peer]) -> list[Peer]:
        return [peer for peer in peers if 0 < peer[1] < 65536 and self._outgoing.admits_text(peer[0])]

    async def _drop(self, torrent: _Torrent, *, files: bool) -> None:
        torrent.gone = asyncio.get_running_loop().create_future()
        flags = lt.session.delete_files if files else 0
        torrent.session.remove_torrent(torrent.handle, flags)
        try:
            await asyncio.wait_for(torrent.gone, _STOP_TIME)
        except TimeoutError:
            log.warning("engine.slow_removal", infohash=torrent.key.infohash.upper)
        finally:
            self._torrents = {name: each for name, each in self._torrents.items() if each is not torrent}

    async def _listen(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for session in tuple(self._sessions):
                for alert in session.pop_alerts():
                    await self._take(session, alert)

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK)
            ticks += 1
            for session in self._sessions:
                session.post_torrent_updates()
            if ticks % _SAVE_EVERY == 0:
                self._ask_to_save()

    async def _take(self, session: Any, alert: Any) -> None:  # noqa: ANN401
        if isinstance(alert, lt.state_update_alert):
            for status in alert.status:
                self._note(session, status)
            return
        torrent = self._find(session, alert)
        if torrent is None:
            if isinstance(alert, lt.save_resume_data_alert | lt.save_resume_data_failed_alert):
                self._one_saved()  # it was asked for before the torrent left
            return
        match alert:
            case lt.metadata_received_alert():
                self._metadata(torrent)
            case lt.torrent_finished_alert():
                self._finished(torrent)
            case lt.torrent_removed_alert() | lt.torrent_deleted_alert() | lt.torrent_delete_failed_alert():
                self._removed(torrent, alert)
            case lt.torrent_error_alert() | lt.file_error_alert():
                self._failed(torrent, alert.error.message())
            case lt.tracker_error_alert() | lt.tracker_warning_alert():
                torrent.tracker_message = (
                    alert.error_message()[:200] if hasattr(alert, "error_message") else ""
                )
            case lt.save_resume_data_alert():
                await self._save(torrent, alert)
            case lt.save_resume_data_failed_alert():
                self._one_saved()

    def _find(self, session: Any, alert: Any) -> _Torrent | None:  # noqa: ANN401
        hashes = getattr(alert, "info_hashes", None)
        if hashes is None and isinstance(alert, lt.torrent_alert) and alert.handle.is_valid():
            hashes = alert.handle.info_hashes()
        return self._named(session, hashes) if hashes is not None else None

    def _named(self, session: Any, hashes: Any) -> _Torrent | None:  # noqa: ANN401
        """Find a torrent by either hash: a hybrid that was added by one has both once its metadata came."""
        names = (hashes.get_best(), *((hashes.v1,) if hashes.has_v1() else ()))
        found = (self._torrents.get((id(session), str(name))) for name in names)
        return next((torrent for torrent in found if torrent is not None), None)

    def _note(self, session: Any, status: Any) -> None:  # noqa: ANN401
        torrent = self._named(session, status.info_hashes)
        if torrent is not None:
            torrent.status = status

    def _metadata(self, torrent: _Torrent) -> None:
        try:
            data = torrent_of(torrent.handle, torrent.key.infohash)
        except ValueError as error:
            self._failed(torrent, str(error))
            return
        torrent.has_metadata = True
        if torrent.asked is not None:
            if not torrent.asked.done():
                torrent.asked.set_result(data)
        else:
            self._heard(MetadataArrived(torrent.key, data))

    def _finished(self, torrent: _Torrent) -> None:
        # What was added by hash wants none of its files, so for libtorrent it is finished with its metadata.
        if not torrent.by_hash and not torrent.done:
            torrent.done = True
            torrent.handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
            self._unsaved += 1
            self._heard(Finished(torrent.key))

    def _removed(self, torrent: _Torrent, alert: Any) -> None:  # noqa: ANN401
        if torrent.gone is not None and not torrent.gone.done():
            torrent.gone.set_result(None)
        if isinstance(alert, lt.torrent_delete_failed_alert):
            log.warning("engine.files_stay", infohash=torrent.key.infohash.upper, error=alert.error.message())

    def _failed(self, torrent: _Torrent, reason: str) -> None:
        torrent.error = reason
        if torrent.asked is not None and not torrent.asked.done():
            torrent.asked.set_result(None)
        elif torrent.asked is None:
            self._heard(Failed(torrent.key, reason))

    def _ask_to_save(self) -> None:
        flags = lt.save_resume_flags_t.save_info_dict | lt.save_resume_flags_t.only_if_modified
        for torrent in self._by_key.values():
            if torrent.has_metadata and torrent.handle.is_valid():
                torrent.handle.save_resume_data(flags)
                self._unsaved += 1

    async def _save_all(self) -> None:
        self._saved.clear()
        self._ask_to_save()
        if self._unsaved:
            try:
                await asyncio.wait_for(self._saved.wait(), _STOP_TIME)
            except TimeoutError:
                log.warning("engine.unsaved", torrents=self._unsaved)

    async def _save(self, torrent: _Torrent, alert: Any) -> None:  # noqa: ANN401
        data = bytes(lt.write_resume_data_buf(alert.params))
        try:
            await asyncio.to_thread(self._resume.write, torrent.key, data)
        except OSError as error:
            log.warning("engine.resume_not_written", error=str(error))
        self._one_saved()

    def _one_saved(self) -> None:
        self._unsaved = max(0, self._unsaved - 1)
        if not self._unsaved:
            self._saved.set()


def _close(sessions: list[Any]) -> None:
    """End sessions; each waits for its goodbyes to trackers.

    The end of a session holds Python's lock while it waits for libtorrent's thread, which needs that lock to
    tell of an alert: so there must be none any more. The second call is answered by that thread, in turn.
    """
    while sessions:
        session = sessions.pop()
        session.apply_settings({"alert_mask": 0})
        session.get_settings()
        session.pop_alerts()
        del session


def _hashes(infohash: InfoHash) -> Any:  # noqa: ANN401
    digest = lt.sha256_hash(bytes(infohash)) if infohash.is_v2 else lt.sha1_hash(bytes(infohash))
    return lt.info_hash_t(digest)


def _asked(order: Order) -> Any:  # noqa: ANN401
    """Name what is known by hash alone, by version 1's where it has one: peers of both give the same metadata."""
    cut = order.v2.cut if order.v2 is not None else None
    return _hashes(order.v2 if order.v2 is not None and cut == order.key.infohash else order.key.infohash)


def _resumed(saved: bytes, layout: Layout) -> Any | None:  # noqa: ANN401
    """Read resume data that is of this very torrent; anything else is not trusted."""
    try:
        params = lt.read_resume_data(saved)
    except RuntimeError:
        return None
    if params.info_hashes != layout.params().info_hashes:
        return None
    params.ti = layout.params().ti
    return params


def _dialable(trackers: Sequence[str]) -> tuple[str, ...]:
    """Leave out trackers over WebSocket: what WebRTC then connects to passes no filter."""
    return tuple(url for url in trackers if url.lower().startswith(("http://", "https://", "udp://")))


def _status(torrent: _Torrent) -> Status:
    status = torrent.status
    if status is None:
        state = State.PAUSED if torrent.paused else State.CHECKING if torrent.has_metadata else State.METADATA
        return Status(state, 0.0, 0, 0, 0, 0, None, 0, 0, 0.0, "", torrent.tracker_message, torrent.error)
    left = status.total_wanted - status.total_wanted_done
    rate = status.download_payload_rate
    return Status(
        state=_state(torrent),
        progress=min(1.0, max(0.0, status.progress)) if torrent.has_metadata else 0.0,
        down_rate=rate,
        up_rate=status.upload_payload_rate,
        seeds=status.num_seeds,
        peers=status.num_peers,
        eta=0 if torrent.done else left // rate if rate > 0 else None,
        downloaded=status.all_time_download,
        uploaded=status.all_time_upload,
        availability=max(0.0, status.distributed_copies),
        tracker=status.current_tracker,
        tracker_message=torrent.tracker_message,
        error=torrent.error or (status.errc.message() if status.errc.value() else ""),
    )


def _state(torrent: _Torrent) -> State:
    if torrent.paused:
        return State.PAUSED
    return _STATES.get(torrent.status.state.name, State.CHECKING)
