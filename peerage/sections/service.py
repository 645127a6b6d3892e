"""Settings of the cache, HTTP connections, metrics and logs."""

from typing import Annotated, Literal

from peerage.sections.section import Duration, Networks, Rate, Seconds, Section, Setting, Size


class CacheSection(Section, frozen=True, kw_only=True):
    """Sizes and quotas of the cache, and who may upload how fast."""

    max_torrent_size: Annotated[
        Size, Setting("Bytes of the largest .torrent that is taken, unpacked.", 1024, 2**30)
    ] = 10 * 2**20
    max_files: Annotated[int, Setting("Files that the cache holds at most.", 1, 10**9)] = 1_000_000
    max_bytes: Annotated[Size, Setting("Bytes on disk that the cache takes at most.", 2**20, 2**50)] = (
        50 * 2**30
    )
    min_free_disk: Annotated[
        Size, Setting("Free bytes on its disk below which nothing more is taken.", 0, 2**50)
    ] = 512 * 2**20
    when_full: Annotated[
        Literal["refuse", "unasked"],
        Setting(
            "What goes when 98 % of the files, the bytes or the disk are taken: nothing, so that uploads are refused "
            "in the end; or torrents that nobody asked for in `unasked_days` and nobody cares for."
        ),
    ] = "refuse"
    unasked_days: Annotated[
        int,
        Setting("Days in which nobody asked for a torrent that may go when the cache is full.", 1, 36_500),
    ] = 365
    scrub_days: Annotated[
        int, Setting("Days in which every stored file is read once; 0 is never.", 0, 365)
    ] = 7
    memory: Annotated[
        Size,
        Setting(
            "Bytes of files that native threads answer with from memory; 0: every file comes from its disk.",
            0,
            2**40,
        ),
    ] = 64 * 2**20
    local_copies: Annotated[
        Size,
        Setting(
            "Bytes of files on the own disk that were asked for last, where `blobs` names a bucket.", 0, 2**50
        ),
    ] = 10 * 2**30
    upload_rate: Annotated[Rate, Setting("Uploads per client address (IPv6: /64).")] = "60/minute"
    anonymous_upload: Annotated[
        bool,
        Setting("Take uploads without an account at the cache's own doors: autoupload, the form and SOAP."),
    ] = True
    anonymous_private: Annotated[
        bool,
        Setting("Give the file of a private torrent to everybody as it was uploaded, its announce URL too."),
    ] = False


class HttpSection(Section, frozen=True, kw_only=True):
    """Timeouts and caps of connections."""

    header_timeout: Annotated[Duration, Setting("Seconds that a request's header may take.", 0.1, 600)] = 10.0
    body_timeout: Annotated[Duration, Setting("Seconds that a request's body may take.", 0.1, 3600)] = 60.0
    keep_alive: Annotated[Seconds, Setting("Seconds that an idle connection is kept open.", 1, 3600)] = 60
    max_connections: Annotated[
        int,
        Setting(
            "Connections open at once, as far as the process may have descriptors for them.", 1, 1_000_000
        ),
    ] = 10_000
    connections_per_address: Annotated[
        int,
        Setting(
            "Connections open at once per address (IPv6: /64), binding near the cap; 0 is no limit.",
            0,
            1_000_000,
        ),
    ] = 256
    memory: Annotated[
        Size,
        Setting(
            "Bytes that requests and answers in flight may hold in all; near it the slowest connections end.",
            2**20,
            2**40,
        ),
    ] = 80 * 2**20
    memory_per_address: Annotated[
        Size,
        Setting(
            "The share of one address (IPv6: /64) in it, which binds where 80 % of it are held.", 2**20, 2**40
        ),
    ] = 40 * 2**20


class MetricsSection(Section, frozen=True, kw_only=True):
    """Who may read /metrics, beside loopback."""

    open: Annotated[bool, Setting("Let anyone read /metrics.")] = False
    networks: Annotated[Networks, Setting("Networks that may read /metrics.")] = ()


class RetentionSection(Section, frozen=True, kw_only=True):
    """For how many days things are kept; 0 is for ever."""

    addresses: Annotated[
        int, Setting("Days for which a session shows from which address it began.", 0, 36_500)
    ] = 7
    logins: Annotated[int, Setting("Days for which `peerage user log` has a log-in.", 0, 36_500)] = 30
    log: Annotated[int, Setting("Days for which the moderators' log is kept.", 0, 36_500)] = 0
    reports: Annotated[int, Setting("Days for which a report is kept after it was resolved.", 0, 36_500)] = 0
    deliveries: Annotated[
        int, Setting("Days for which what was sent to webhooks is in their log.", 0, 36_500)
    ] = 30


class LogSection(Section, frozen=True, kw_only=True):
    """What is logged, and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Setting("The least grave line that is logged.")
    ] = "info"
    format: Annotated[
        Literal["auto", "console", "json"],
        Setting("Lines for people, or JSON; auto is for people when stderr is a terminal."),
    ] = "auto"
    access: Annotated[
        Literal["off", "routes", "addresses"],
        Setting(
            "Log each request but announces, scrapes and files from memory; addresses: with the client's."
        ),
    ] = "off"
