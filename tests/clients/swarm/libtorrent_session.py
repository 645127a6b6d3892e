"""Hides libtorrent: a session of the library in this process, with everything but trackers switched off."""

from pathlib import Path

import libtorrent as lt

SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,  # a try by uTP first costs seconds with peers that speak TCP alone
    "allow_multiple_connections_per_ip": True,  # every peer here has the same address
    "min_reconnect_time": 1,
    "stop_tracker_timeout": 1,
    "alert_mask": lt.alert.category_t.tracker_notification
    | lt.alert.category_t.error_notification
    | lt.alert.category_t.status_notification,
}


class LibtorrentSession:
    """One libtorrent session."""

    dials = True

    def __init__(self) -> None:
        self._session = lt.session(SETTINGS)
        self._handles: list[lt.torrent_handle] = []
        self._alerts: list[str] = []

    def seed(self, torrent: Path, folder: Path) -> None:
        """Offer the content without checking it again."""
        self._add(self._loaded(torrent), folder, lt.torrent_flags.seed_mode)

    def leech(self, torrent: Path, folder: Path) -> None:
        """Fetch by the .torrent file."""
        self._add(self._loaded(torrent), folder)

    def leech_magnet(self, uri: str, folder: Path) -> None:
        """Fetch by a magnet link."""
        self._add(lt.parse_magnet_uri(uri), folder)

    def _loaded(self, torrent: Path) -> lt.add_torrent_params:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(str(torrent))
        return params

    def _add(self, params: lt.add_torrent_params, folder: Path, flags: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        params.save_path = str(folder)
        params.flags |= flags
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        self._handles.append(self._session.add_torrent(params))

    def nudge(self) -> None:
        """Announce again, the tracker's minimum interval notwithstanding."""
        for handle in self._handles:
            handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)

    @property
    def log(self) -> str:
        """The alerts so far."""
        self._alerts += [f"{alert.what()}: {alert.message()}" for alert in self._session.pop_alerts()]
        return "\n".join(self._alerts)

    def stop(self) -> None:
        """Drop the torrents; the session closes with its last reference."""
        for handle in self._handles:
            self._session.remove_torrent(handle)
        self._handles.clear()
