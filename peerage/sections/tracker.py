"""Settings of the tracker."""

from typing import Literal

from pydantic import Field, model_validator

from peerage.sections.section import Duration, Seconds, Section, Size
from tracker.mode import Mode
from tracker.model import MOST_CLIENTS, MOST_SLOTS


class TrackerSection(Section):
    """Announce policy, intervals, caps, the swarm store and the door."""

    mode: Mode = Field(
        default=Mode.PUBLIC,
        json_schema_extra={"takes": "public, listed or private"},
        description="Who may announce what: anybody any torrent (public), or only those that the cache holds or an "
        "operator allowed (listed), or those with a passkey alone (private).",
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
        description="Peers stored per address (IPv6: /64) and torrent, fewer near `max_peers`; 0 is no limit.",
    )
    refuse_private: bool = Field(
        default=False, description="Refuse announces from private and loopback addresses."
    )
    most_rate: Size = Field(
        default=2**30,
        ge=0,
        le=2**40,
        description="Bytes a second and direction that count for an account's client; what is more is told apart. "
        "0 is no limit.",
    )
    announce_spacing: Seconds = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds that a client of an account must let pass between two announces over one address family; "
        "one that comes earlier counts, and is given no peers. 0 is none.",
    )
    peers_per_account: int = Field(
        default=0,
        ge=0,
        le=MOST_CLIENTS,
        description="Clients of an account in one torrent; more are not stored, and given no peers. 0 is no limit.",
    )
    download_slots: int = Field(
        default=0,
        ge=0,
        le=MOST_SLOTS,
        description="Torrents that an account downloads at once; more are not stored, and given no peers. 0: any.",
    )
    peers_per_hour: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="Peers that an account is given in an hour, as many at once; 0 is no limit.",
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
