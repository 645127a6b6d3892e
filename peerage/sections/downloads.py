"""Settings of downloads and metadata lookups."""

from typing import Annotated, Literal

from peerage.sections.section import (
    Duration,
    Listens,
    OptionalPath,
    Rate,
    Reads,
    Seconds,
    Section,
    Setting,
    Size,
)
from peerage.setting_values import (
    ListenAddress,
    read_absolute_path,
    read_items,
    read_own_addresses,
    read_public_url,
    read_template,
)

LookupSource = Literal["swarm", "trackers", "dht", "upstream"]


class DownloadsSection(Section, frozen=True, kw_only=True):
    """Rates, quotas and seeding of downloads, and how content is served."""

    enabled: Annotated[bool, Setting("Fetch content where the extra `downloads` is installed.")] = True
    folder: Annotated[
        OptionalPath, Setting("The folder of fetched content; unset: downloads in the data folder.")
    ] = None
    listen: Annotated[Listens, Setting("Addresses at which peers reach the engine, TCP and uTP.", 1, 64)] = (
        ListenAddress("0.0.0.0", 6881),  # noqa: S104 - peers come from anywhere
        ListenAddress("::", 6881),
    )
    public_address: Annotated[
        Annotated[tuple[str, ...], Reads(read_items), Reads(read_own_addresses, after=True)],
        Setting(
            "The engine's addresses as peers see them, for announces in our own tracker's swarms.",
            takes="one IPv4 and one IPv6 address at most",
        ),
    ] = ()
    dht: Annotated[bool, Setting("Use the DHT for public torrents.")] = False
    lsd: Annotated[bool, Setting("Look for peers in the local network.")] = False
    utp: Annotated[bool, Setting("Speak uTP beside TCP.")] = True
    encryption: Annotated[
        Literal["allowed", "required", "off"], Setting("Whether connections to peers are encrypted.")
    ] = "allowed"
    down_rate: Annotated[Size, Setting("Bytes a second that are fetched; 0 is no limit.", 0, 2**40)] = 0
    up_rate: Annotated[Size, Setting("Bytes a second that are sent; 0 is no limit.", 0, 2**40)] = 0
    connections: Annotated[int, Setting("Connections to peers at once.", 2, 100_000)] = 500
    active: Annotated[int, Setting("Downloads that run at once, of all accounts.", 1, 10_000)] = 50
    slots: Annotated[int, Setting("Downloads that run at once per account.", 1, 10_000)] = 5
    queue: Annotated[int, Setting("Downloads that wait per account.", 0, 100_000)] = 100
    held: Annotated[int, Setting("Torrents that an account holds at once.", 1, 1_000_000)] = 1000
    max_size: Annotated[Size, Setting("Bytes of the largest torrent that is fetched.", 2**20, 2**60)] = (
        200 * 2**30
    )
    quota: Annotated[Size, Setting("Bytes of content kept, of all accounts.", 2**20, 2**60)] = 2**40
    account_quota: Annotated[Size, Setting("Bytes of content that an account holds.", 2**20, 2**60)] = 2**39
    min_free_disk: Annotated[
        Size, Setting("Free bytes on its disk below which downloads pause.", 0, 2**60)
    ] = 2 * 2**30
    seed: Annotated[bool, Setting("Seed what is complete, where the account does not say.")] = True
    seed_ratio: Annotated[float, Setting("Ratio at which seeding ends.", 0, 10_000)] = 1.0
    seed_time: Annotated[Seconds, Setting("Seconds after which seeding ends.", 0, 315_360_000)] = 86_400
    create_rate: Annotated[
        Rate, Setting("Torrents that an account adds; those that are here already do not count.")
    ] = "60/hour"
    link_lifetime: Annotated[
        Seconds, Setting("Seconds within which a download link must be started.", 1, 604_800)
    ] = 3600
    files_url: Annotated[
        Annotated[str | None, Reads(read_public_url)],
        Setting(
            "The address under which content is served, best a host of its own; unset: this service's.",
            takes="http://host or https://host",
        ),
    ] = None
    transfers: Annotated[
        int, Setting("Transfers of content that are open at once, of all accounts.", 1, 100_000)
    ] = 256
    transfers_per_account: Annotated[
        int, Setting("Transfers of content that are open at once per account.", 1, 100_000)
    ] = 16


class QbittorrentSection(Section, frozen=True, kw_only=True):
    """Where qBittorrent's API is served beside `/qbittorrent/`, and where its programs see content."""

    listen: Annotated[
        Listens,
        Setting(
            "Addresses at whose root the API is served, beside those of the service.",
            0,
            64,
            takes="host:port or [v6]:port, any number; port 0 is any free one",
        ),
    ] = ()
    url: Annotated[
        Annotated[str | None, Reads(read_public_url)],
        Setting(
            "A host at whose root the API is served, by the requests' Host.",
            takes="http://host or https://host",
        ),
    ] = None
    save_path: Annotated[
        Annotated[str, Reads(read_absolute_path, after=True)],
        Setting(
            "The folder in which programs are told that content is, below it an account and an infohash.",
            1,
            1000,
            takes="an absolute path",
        ),
    ] = "/downloads"


class LookupsSection(Section, frozen=True, kw_only=True):
    """How metadata is looked up for a torrent that is known by its infohash alone."""

    sources: Annotated[
        Annotated[tuple[LookupSource, ...], Reads(read_items)],
        Setting(
            "Where metadata is looked for, in this order.", takes="any of swarm, trackers, dht and upstream"
        ),
    ] = ("swarm", "trackers")
    upstream: Annotated[
        Annotated[tuple[Annotated[str, Reads(read_template, after=True)], ...], Reads(read_items)],
        Setting(
            "Caches that are asked, as https://host/torrent/{HASH}.torrent; {hash} is lower case.",
            takes="URLs with {HASH} or {hash}",
        ),
    ] = ()
    anonymous: Annotated[bool, Setting("Let anyone without an account cause lookups.")] = False
    timeout: Annotated[Duration, Setting("Seconds that a lookup takes at most.", 1, 300)] = 30.0
    concurrent: Annotated[int, Setting("Lookups that run at once.", 1, 256)] = 4
    queue: Annotated[int, Setting("Lookups that wait for their turn.", 0, 10_000)] = 64
    remember_misses: Annotated[
        Seconds, Setting("Seconds for which nobody is asked again after a miss.", 0, 86_400)
    ] = 3600
    fill: Annotated[
        Literal["off", "announced"], Setting("Look up every announced torrent that the cache does not hold.")
    ] = "off"
    fill_rate: Annotated[
        Rate,
        Setting(
            "Lookups that automatic fetching starts at most.", takes="a count per second, minute, hour or day"
        ),
    ] = "10/minute"
    private_peers: Annotated[
        bool, Setting("Dial private and loopback addresses; for tests and closed networks alone.")
    ] = False
