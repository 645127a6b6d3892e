"""Hides what each table of the settings holds: every value with its meaning, default and range."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from peerage.quantities import (
    Listen,
    Network,
    read_duration,
    read_items,
    read_listen,
    read_network,
    read_rate,
    read_size,
)

Size = Annotated[int, BeforeValidator(read_size)]
Duration = Annotated[float, BeforeValidator(read_duration)]
Seconds = Annotated[int, BeforeValidator(read_duration)]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(read_network)], ...], BeforeValidator(read_items)
]
Listens = Annotated[
    tuple[Annotated[Listen, BeforeValidator(read_listen)], ...],
    BeforeValidator(read_items),
    Field(min_length=1, max_length=64),
]

NETWORKS: dict[str, JsonValue] = {"takes": "addresses and networks, as 10.0.0.0/8 or fd00::/8"}


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class TrackerSection(Section):
    """Who may announce, how often, and how much is remembered."""

    policy: Literal["open", "listed"] = Field(
        default="open",
        description="Which torrents are tracked: any, or only those the cache holds or an operator allowed.",
    )
    interval: Seconds = Field(
        default=1800,
        ge=60,
        le=86_400,
        description="Seconds between two announces of a client, give or take a tenth.",
    )
    min_interval: Seconds = Field(
        default=900,
        ge=0,
        le=86_400,
        description="Seconds that a client should let pass before it asks again early.",
    )
    flush_every: Duration = Field(
        default=10.0,
        ge=0.1,
        le=3600,
        description="Seconds between two writes of the swarms to disk; what kill -9 can lose.",
    )
    max_torrents: int = Field(
        default=1_000_000,
        ge=1,
        le=100_000_000,
        description="Swarms kept in memory; a new one beyond that is put off.",
    )
    max_peers: int = Field(
        default=10_000_000, ge=1, le=1_000_000_000, description="Peers kept in memory, over all swarms."
    )
    peers_per_address: int = Field(
        default=256,
        ge=0,
        le=1_000_000,
        description="Peers stored per address (IPv6: /64) and torrent; 0 is no limit.",
    )
    refuse_private: bool = Field(
        default=False, description="Refuse announces from private and loopback addresses."
    )
    remember_completed: int = Field(
        default=30, ge=0, le=3650, description="Days for which the completed count of an empty swarm is kept."
    )
    store: Literal["auto", "native", "python"] = Field(
        default="auto",
        description="What keeps the swarms: the store in C, the one in Python, or the one in C where it was built.",
    )

    door: Literal["auto", "native", "uvicorn"] = Field(
        default="auto",
        description="Who owns the sockets: threads in C (native), or uvicorn; auto is native with the native store.",
    )
    threads: int = Field(
        default=1, ge=1, le=64, description="Threads of the native door; as many as cores are left for it."
    )

    @model_validator(mode="after")
    def _order(self) -> "TrackerSection":
        if self.min_interval > self.interval:
            raise ValueError("tracker.min_interval must not be longer than tracker.interval")
        return self


class CacheSection(Section):
    """How much is kept, and how fast it may come in."""

    max_torrent_size: Size = Field(
        default=10 * 2**20,
        ge=1024,
        le=2**30,
        description="Bytes of the largest .torrent that is taken, unpacked.",
    )
    max_files: int = Field(
        default=1_000_000, ge=1, le=10**9, description="Files that the cache holds at most."
    )
    max_bytes: Size = Field(
        default=50 * 2**30, ge=2**20, le=2**50, description="Bytes on disk that the cache takes at most."
    )
    min_free_disk: Size = Field(
        default=512 * 2**20,
        ge=0,
        le=2**50,
        description="Free bytes on its disk below which nothing more is taken.",
    )
    upload_rate: Annotated[str, AfterValidator(read_rate)] = Field(
        default="60/minute",
        description="Uploads per client address (IPv6: /64).",
        json_schema_extra={"takes": "a count per second, minute, hour or day"},
    )


class HttpSection(Section):
    """How long and how often a client may hold a connection."""

    header_timeout: Duration = Field(
        default=10.0, ge=0.1, le=600, description="Seconds that a request's header may take."
    )
    body_timeout: Duration = Field(
        default=60.0, ge=0.1, le=3600, description="Seconds that a request's body may take."
    )
    keep_alive: Seconds = Field(
        default=60, ge=1, le=3600, description="Seconds that an idle connection is kept open."
    )
    max_connections: int = Field(default=10_000, ge=1, le=1_000_000, description="Connections open at once.")
    connections_per_address: int = Field(
        default=256,
        ge=0,
        le=1_000_000,
        description="Connections open at once per address (IPv6: /64); 0 is no limit.",
    )


class MetricsSection(Section):
    """Who may read /metrics, beside loopback."""

    open: bool = Field(default=False, description="Let anyone read /metrics.")
    networks: Networks = Field(
        default=(), description="Networks that may read /metrics.", json_schema_extra=NETWORKS
    )


class LogSection(Section):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least grave line that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="Lines for people, or JSON; auto is for people when stderr is a terminal."
    )
