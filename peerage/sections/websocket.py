"""Settings of the tracker over WebSocket."""

from typing import Annotated

from peerage.sections.section import Duration, Seconds, Section, Setting, Size


class WebsocketSection(Section, frozen=True, kw_only=True):
    """Whether WebTorrent's clients are served, and the limits of their connections."""

    enabled: Annotated[bool, Setting("Serve the tracker over WebSocket, at `/announce` and at `/`.")] = True
    interval: Annotated[
        Seconds,
        Setting(
            "Seconds between two announces of a client over WebSocket, give or take a tenth.", 10, 86_400
        ),
    ] = 120
    max_offers: Annotated[int, Setting("Offers of one announce that are passed on at most.", 0, 82)] = 10
    max_connections: Annotated[
        int,
        Setting(
            "Connections over WebSocket at once, within `http.max_connections`; 0 is no limit of their own.",
            0,
            1_000_000,
        ),
    ] = 5000
    connections_per_address: Annotated[
        int,
        Setting(
            "Connections over WebSocket at once per client address (IPv6: /64); 0 is no limit.", 0, 1_000_000
        ),
    ] = 256
    torrents_per_connection: Annotated[
        int, Setting("Torrents that one connection may announce at once.", 1, 1_000_000)
    ] = 1000
    max_peers: Annotated[
        int, Setting("Peers over WebSocket kept in memory, within `tracker.max_peers`.", 1, 100_000_000)
    ] = 200_000
    max_message: Annotated[
        Size,
        Setting(
            "Bytes of the largest message that is taken; a larger one ends the connection.", 2**10, 2**24
        ),
    ] = 64 * 2**10
    queue: Annotated[
        Size,
        Setting(
            "Bytes that may wait for one connection to take them; beyond that it is ended.", 2**12, 2**26
        ),
    ] = 256 * 2**10
    ping: Annotated[
        Duration,
        Setting(
            "Seconds of silence after which a connection is pinged, and after as many more ended.", 1, 3600
        ),
    ] = 60.0
    idle: Annotated[
        Duration, Setting("Seconds that a connection over WebSocket may be without any torrent.", 1, 3600)
    ] = 60.0
