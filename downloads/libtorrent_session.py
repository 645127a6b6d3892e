"""libtorrent sessions: settings from what the operator allows, and the filter for outgoing connections."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import libtorrent as lt

from downloads.outgoing_filter import OutgoingFilter

_BLOCKED: Final = 1
_ENCRYPTION: Final = {"off": (2, 3), "allowed": (1, 3), "required": (0, 2)}  # policy, level
_MASK: Final = (
    lt.alert.category_t.status_notification
    | lt.alert.category_t.error_notification
    | lt.alert.category_t.storage_notification
    | lt.alert.category_t.tracker_notification
)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of the engine; rates in bytes a second, 0 for none. `listen` as `host:port`, `[v6]:port`."""

    listen: tuple[str, ...]
    dht: bool = False
    lsd: bool = False
    utp: bool = True
    encryption: Literal["allowed", "required", "off"] = "allowed"
    down_rate: int = 0
    up_rate: int = 0
    connections: int = 500
    one_address: bool = False
    """Let several peers share an address, as in tests on one machine."""


def open_session(settings: EngineSettings, outgoing: OutgoingFilter, *, spare: bool) -> Any:  # noqa: ANN401 - libtorrent has no types
    """Open a session; a `spare` one listens on ports that the system chooses."""
    policy, level = _ENCRYPTION[settings.encryption]
    listen = [f"{each.rpartition(':')[0]}:0" for each in settings.listen] if spare else settings.listen
    options: Any = {
        "listen_interfaces": ",".join(listen),
        "enable_dht": settings.dht,
        "dht_bootstrap_nodes": "dht.libtorrent.org:25401" if settings.dht else "",
        "enable_lsd": settings.lsd,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": settings.utp,
        "enable_outgoing_utp": settings.utp,
        "in_enc_policy": policy,
        "out_enc_policy": policy,
        "allowed_enc_level": level,
        "download_rate_limit": settings.down_rate,
        "upload_rate_limit": settings.up_rate,
        "connections_limit": settings.connections,
        "allow_multiple_connections_per_ip": settings.one_address,
        "min_reconnect_time": 1 if settings.one_address else 60,
        "listen_system_port_fallback": False,
        "active_downloads": -1,
        "active_seeds": -1,
        "active_limit": -1,
        "active_checking": 4,
        "apply_ip_filter_to_trackers": True,
        "apply_filter_to_dht": True,
        "ssrf_mitigation": not outgoing.allow_private,
        "webtorrent_stun_server": "",
        "max_metadata_size": 10 * 2**20,
        "user_agent": "Peerage",
        "alert_mask": _MASK,
        "alert_queue_size": 20_000,
    }
    session = lt.session(options)
    rules = lt.ip_filter()
    for first, last, refused in outgoing.ranges():
        rules.add_rule(first, last, _BLOCKED if refused else 0)
    session.set_ip_filter(rules)
    return session
