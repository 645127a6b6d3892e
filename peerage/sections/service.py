"""Settings of the cache, HTTP connections, metrics and logs."""

from typing import Literal

from pydantic import Field

from peerage.sections.section import NETWORKS, RATE, Duration, Networks, Rate, Seconds, Section, Size


class CacheSection(Section):
    """Sizes and quotas of the cache, and who may upload how fast."""

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
    scrub_days: int = Field(
        default=7, ge=0, le=365, description="Days in which every stored file is read once; 0 is never."
    )
    memory: Size = Field(
        default=64 * 2**20,
        ge=0,
        le=2**40,
        description="Bytes of files that native threads answer with from memory; 0: every file comes from its disk.",
    )
    upload_rate: Rate = Field(
        default="60/minute", description="Uploads per client address (IPv6: /64).", json_schema_extra=RATE
    )
    anonymous_upload: bool = Field(
        default=True,
        description="Take uploads without an account at the cache's own doors: autoupload, the form and SOAP.",
    )
    anonymous_private: bool = Field(
        default=False,
        description="Give the file of a private torrent to everybody as it was uploaded, its announce URL too.",
    )


class HttpSection(Section):
    """Timeouts and caps of connections."""

    header_timeout: Duration = Field(
        default=10.0, ge=0.1, le=600, description="Seconds that a request's header may take."
    )
    body_timeout: Duration = Field(
        default=60.0, ge=0.1, le=3600, description="Seconds that a request's body may take."
    )
    keep_alive: Seconds = Field(
        default=60, ge=1, le=3600, description="Seconds that an idle connection is kept open."
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Connections open at once, as far as the process may have descriptors for them.",
    )
    connections_per_address: int = Field(
        default=256,
        ge=0,
        le=1_000_000,
        description="Connections open at once per address (IPv6: /64), binding near the cap; 0 is no limit.",
    )
    memory: Size = Field(
        default=80 * 2**20,
        ge=2**20,
        le=2**40,
        description="Bytes that requests and answers in flight may hold in all; near it the slowest connections end.",
    )
    memory_per_address: Size = Field(
        default=40 * 2**20,
        ge=2**20,
        le=2**40,
        description="The share of one address (IPv6: /64) in it, which binds where 80 % of it are held.",
    )


class MetricsSection(Section):
    """Who may read /metrics, beside loopback."""

    open: bool = Field(default=False, description="Let anyone read /metrics.")
    networks: Networks = Field(
        default=(), description="Networks that may read /metrics.", json_schema_extra=NETWORKS
    )


class RetentionSection(Section):
    """For how many days things are kept; 0 is for ever."""

    addresses: int = Field(
        default=7, ge=0, le=36_500, description="Days for which a session shows from which address it began."
    )
    logins: int = Field(
        default=30, ge=0, le=36_500, description="Days for which `peerage user log` has a log-in."
    )
    log: int = Field(default=0, ge=0, le=36_500, description="Days for which the moderators' log is kept.")
    reports: int = Field(
        default=0, ge=0, le=36_500, description="Days for which a report is kept after it was resolved."
    )
    deliveries: int = Field(
        default=30, ge=0, le=36_500, description="Days for which what was sent to webhooks is in their log."
    )


class LogSection(Section):
    """What is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least grave line that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="Lines for people, or JSON; auto is for people when stderr is a terminal."
    )
