"""Settings of downloads and metadata lookups."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from peerage.sections.section import RATE, Duration, Listens, OptionalPath, Rate, Seconds, Section, Size
from peerage.setting_values import (
    ListenAddress,
    read_items,
    read_listen,
    read_own_addresses,
    read_public_url,
    read_template,
)

LookupSource = Literal["swarm", "trackers", "dht", "upstream"]


class DownloadsSection(Section):
    """Rates, quotas and seeding of downloads, and how content is served."""

    enabled: bool = Field(default=True, description="Fetch content where the extra `downloads` is installed.")
    folder: OptionalPath = Field(
        default=None,
        description="The folder of fetched content; unset: downloads in the data folder.",
        json_schema_extra={"takes": "a path"},
    )
    listen: Listens = Field(
        default=(ListenAddress("0.0.0.0", 6881), ListenAddress("::", 6881)),  # noqa: S104 - peers come from anywhere
        description="Addresses at which peers reach the engine, TCP and uTP.",
        json_schema_extra={"takes": "host:port or [v6]:port, one or more; port 0 is any free one"},
    )
    public_address: Annotated[
        tuple[str, ...], BeforeValidator(read_items), AfterValidator(read_own_addresses)
    ] = Field(
        default=(),
        description="The engine's addresses as peers see them, for announces in our own tracker's swarms.",
        json_schema_extra={"takes": "one IPv4 and one IPv6 address at most"},
    )
    dht: bool = Field(default=False, description="Use the DHT for public torrents.")
    lsd: bool = Field(default=False, description="Look for peers in the local network.")
    utp: bool = Field(default=True, description="Speak uTP beside TCP.")
    encryption: Literal["allowed", "required", "off"] = Field(
        default="allowed", description="Whether connections to peers are encrypted."
    )
    down_rate: Size = Field(
        default=0, ge=0, le=2**40, description="Bytes a second that are fetched; 0 is no limit."
    )
    up_rate: Size = Field(
        default=0, ge=0, le=2**40, description="Bytes a second that are sent; 0 is no limit."
    )
    connections: int = Field(default=500, ge=2, le=100_000, description="Connections to peers at once.")
    active: int = Field(
        default=50, ge=1, le=10_000, description="Downloads that run at once, of all accounts."
    )
    slots: int = Field(default=5, ge=1, le=10_000, description="Downloads that run at once per account.")
    queue: int = Field(default=100, ge=0, le=100_000, description="Downloads that wait per account.")
    held: int = Field(default=1000, ge=1, le=1_000_000, description="Torrents that an account holds at once.")
    max_size: Size = Field(
        default=200 * 2**30, ge=2**20, le=2**60, description="Bytes of the largest torrent that is fetched."
    )
    quota: Size = Field(
        default=2**40, ge=2**20, le=2**60, description="Bytes of content kept, of all accounts."
    )
    account_quota: Size = Field(
        default=2**39, ge=2**20, le=2**60, description="Bytes of content that an account holds."
    )
    min_free_disk: Size = Field(
        default=2 * 2**30, ge=0, le=2**60, description="Free bytes on its disk below which downloads pause."
    )
    seed: bool = Field(default=True, description="Seed what is complete, where the account does not say.")
    seed_ratio: float = Field(default=1.0, ge=0, le=10_000, description="Ratio at which seeding ends.")
    seed_time: Seconds = Field(
        default=86_400, ge=0, le=315_360_000, description="Seconds after which seeding ends."
    )
    create_rate: Rate = Field(
        default="60/hour",
        description="Torrents that an account adds; those that are here already do not count.",
        json_schema_extra=RATE,
    )
    link_lifetime: Seconds = Field(
        default=3600, ge=1, le=604_800, description="Seconds within which a download link must be started."
    )
    files_url: Annotated[str | None, BeforeValidator(read_public_url)] = Field(
        default=None,
        description="The address under which content is served, best a host of its own; unset: this service's.",
        json_schema_extra={"takes": "http://host or https://host"},
    )
    transfers: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Transfers of content that are open at once, of all accounts.",
    )
    transfers_per_account: int = Field(
        default=16, ge=1, le=100_000, description="Transfers of content that are open at once per account."
    )


class QbittorrentSection(Section):
    """Where qBittorrent's API is served beside `/qbittorrent/`, and where its programs see content."""

    listen: Annotated[
        tuple[Annotated[ListenAddress, BeforeValidator(read_listen)], ...], BeforeValidator(read_items)
    ] = Field(
        default=(),
        max_length=64,
        description="Addresses at whose root the API is served, beside those of the service.",
        json_schema_extra={"takes": "host:port or [v6]:port, any number; port 0 is any free one"},
    )
    url: Annotated[str | None, BeforeValidator(read_public_url)] = Field(
        default=None,
        description="A host at whose root the API is served, by the requests' Host.",
        json_schema_extra={"takes": "http://host or https://host"},
    )
    save_path: str = Field(
        default="/downloads",
        pattern="^(/[^/\\x00]+)+$",
        max_length=1000,
        description="The folder in which programs are told that content is, below it an account and an infohash.",
        json_schema_extra={"takes": "an absolute path"},
    )


class LookupsSection(Section):
    """How metadata is looked up for a torrent that is known by its infohash alone."""

    sources: Annotated[tuple[LookupSource, ...], BeforeValidator(read_items)] = Field(
        default=("swarm", "trackers"),
        description="Where metadata is looked for, in this order.",
        json_schema_extra={"takes": "any of swarm, trackers, dht and upstream"},
    )
    upstream: Annotated[
        tuple[Annotated[str, AfterValidator(read_template)], ...], BeforeValidator(read_items)
    ] = Field(
        default=(),
        description="Caches that are asked, as https://host/torrent/{HASH}.torrent; {hash} is lower case.",
        json_schema_extra={"takes": "URLs with {HASH} or {hash}"},
    )
    anonymous: bool = Field(default=False, description="Let anyone without an account cause lookups.")
    timeout: Duration = Field(default=30.0, ge=1, le=300, description="Seconds that a lookup takes at most.")
    concurrent: int = Field(default=4, ge=1, le=256, description="Lookups that run at once.")
    queue: int = Field(default=64, ge=0, le=10_000, description="Lookups that wait for their turn.")
    remember_misses: Seconds = Field(
        default=3600, ge=0, le=86_400, description="Seconds for which nobody is asked again after a miss."
    )
    fill: Literal["off", "announced"] = Field(
        default="off", description="Look up every announced torrent that the cache does not hold."
    )
    fill_rate: Rate = Field(
        default="10/minute",
        description="Lookups that automatic fetching starts at most.",
        json_schema_extra={"takes": "a count per second, minute, hour or day"},
    )
    private_peers: bool = Field(
        default=False,
        description="Dial private and loopback addresses; for tests and closed networks alone.",
    )
