"""One libtorrent session over one torrent: `seed|leech SOURCE FOLDER`, where SOURCE is a file or a magnet link.

It prints its alerts, announces again for every line that it reads, and ends at the end of its input.
"""

import sys
import threading

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


def open_torrent(session: lt.session, role: str, source: str, folder: str) -> lt.torrent_handle:
    """Add the torrent, running."""
    if source.startswith("magnet:"):
        params = lt.parse_magnet_uri(source)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(source)
    params.save_path = folder
    if role == "seed":
        params.flags |= lt.torrent_flags.seed_mode
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return session.add_torrent(params)


def announce_when_told(handle: lt.torrent_handle, ended: threading.Event) -> None:
    """Announce at every line of input, the tracker's minimum interval notwithstanding."""
    for _ in sys.stdin:
        handle.force_reannounce(0, -1, lt.reannounce_flags_t.ignore_min_interval)
    ended.set()


def main() -> None:
    """Run until the input ends."""
    session = lt.session(SETTINGS)
    handle = open_torrent(session, *sys.argv[1:4])
    ended = threading.Event()
    threading.Thread(target=announce_when_told, args=(handle, ended), daemon=True).start()
    while not ended.is_set():
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            print(f"{alert.what()}: {alert.message()}", flush=True)


if __name__ == "__main__":
    main()
