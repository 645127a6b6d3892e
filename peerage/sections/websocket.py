"""Settings of the tracker over WebSocket."""

from pydantic import Field

from peerage.sections.section import Duration, Seconds, Section, Size


class WebsocketSection(Section):
    """Whether WebTorrent's clients are served, and the limits of their connections."""

    enabled: bool = Field(
        default=True, description="Serve the tracker over WebSocket, at `/announce` and at `/`."
    )
    interval: Seconds = Field(
        default=120,
        ge=10,
        le=86_400,
        description="Seconds between two announces of a client over WebSocket, give or take a tenth.",
    )
    max_offers: int = Field(
        default=10, ge=0, le=82, description="Offers of one announce that are passed on at most."
    )
    max_connections: int = Field(
        default=5000,
        ge=0,
        le=1_000_000,
        description="Connections over WebSocket at once, within `http.max_connections`; 0 is no limit of their own.",
    )
    connections_per_address: int = Field(
        default=256,
        ge=0,
        le=1_000_000,
        description="Connections over WebSocket at once per client address (IPv6: /64); 0 is no limit.",
    )
    torrents_per_connection: int = Field(
        default=1000, ge=1, le=1_000_000, description="Torrents that one connection may announce at once."
    )
    max_peers: int = Field(
        default=200_000,
        ge=1,
        le=100_000_000,
        description="Peers over WebSocket kept in memory, within `tracker.max_peers`.",
    )
    max_message: Size = Field(
        default=64 * 2**10,
        ge=2**10,
        le=2**24,
        description="Bytes of the largest message that is taken; a larger one ends the connection.",
    )
    queue: Size = Field(
        default=256 * 2**10,
        ge=2**12,
        le=2**26,
        description="Bytes that may wait for one connection to take them; beyond that it is ended.",
    )
    ping: Duration = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="Seconds of silence after which a connection is pinged, and after as many more ended.",
    )
    idle: Duration = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="Seconds that a connection over WebSocket may be without any torrent.",
    )
