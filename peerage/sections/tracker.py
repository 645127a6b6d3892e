"""Settings of the tracker."""

from typing import Annotated, Literal

from peerage.sections.section import Duration, Seconds, Section, Setting, Size
from tracker.account_bounds import MOST_CLIENTS, MOST_SLOTS
from tracker.mode import Mode


class TrackerSection(Section, frozen=True, kw_only=True):
    """Announce policy, intervals, caps, the swarm store and the door."""

    mode: Annotated[
        Mode,
        Setting(
            "Who may announce what: anybody any torrent (public), or only those that the cache holds or an "
            "operator allowed (listed), or those with a passkey alone (private).",
            takes="public, listed or private",
        ),
    ] = Mode.PUBLIC
    public_torrents: Annotated[
        bool,
        Setting(
            "In private mode: whether anybody may announce, without a passkey, a torrent that the cache holds and that "
            "is not marked as private; nothing of it counts for an account."
        ),
    ] = False
    interval: Annotated[
        Seconds, Setting("Seconds between two announces of a client, give or take a tenth.", 60, 86_400)
    ] = 1800
    min_interval: Annotated[
        Seconds, Setting("Seconds that a client should let pass before it asks again early.", 0, 86_400)
    ] = 900
    flush_every: Annotated[
        Duration,
        Setting("Seconds between two writes of the swarms to disk; what kill -9 can lose.", 0.1, 3600),
    ] = 10.0
    max_torrents: Annotated[
        int, Setting("Swarms kept in memory; a new one beyond that is put off.", 1, 100_000_000)
    ] = 1_000_000
    max_peers: Annotated[int, Setting("Peers kept in memory, over all swarms.", 1, 1_000_000_000)] = (
        10_000_000
    )
    peers_per_address: Annotated[
        int,
        Setting(
            "Peers stored per address (IPv6: /64) and torrent, fewer near `max_peers`; 0 is no limit.",
            0,
            1_000_000,
        ),
    ] = 256
    refuse_private: Annotated[bool, Setting("Refuse announces from private and loopback addresses.")] = False
    most_rate: Annotated[
        Size,
        Setting(
            "Bytes a second and direction that count for an account's client; what is more is told apart. "
            "0 is no limit.",
            0,
            2**40,
        ),
    ] = 2**30
    announce_spacing: Annotated[
        Seconds,
        Setting(
            "Seconds that a client of an account must let pass between two announces over one address family; "
            "one that comes earlier counts, and is given no peers. 0 is none.",
            0,
            3600,
        ),
    ] = 0
    peers_per_account: Annotated[
        int,
        Setting(
            "Clients of an account in one torrent; more are not stored, and given no peers. 0 is no limit.",
            0,
            MOST_CLIENTS,
        ),
    ] = 0
    download_slots: Annotated[
        int,
        Setting(
            "Torrents that an account downloads at once; more are not stored, and given no peers. 0: any.",
            0,
            MOST_SLOTS,
        ),
    ] = 0
    peers_per_hour: Annotated[
        int,
        Setting("Peers that an account is given in an hour, as many at once; 0 is no limit.", 0, 10_000_000),
    ] = 0
    remember_completed: Annotated[
        int, Setting("Days for which the completed count of an empty swarm is kept.", 0, 3650)
    ] = 30
    store: Annotated[
        Literal["auto", "native", "python"],
        Setting(
            "What keeps the swarms: the store in C, the one in Python, or the one in C where it was built."
        ),
    ] = "auto"

    door: Annotated[
        Literal["auto", "native", "uvicorn"],
        Setting(
            "Who owns the sockets: threads in C (native), or uvicorn; auto is native with the native store."
        ),
    ] = "auto"
    threads: Annotated[
        int, Setting("Threads of the native door; as many as cores are left for it.", 1, 64)
    ] = 1

    def check(self) -> None:
        """Check that a client may ask again early before it has to ask. ValueError."""
        if self.min_interval > self.interval:
            raise ValueError("tracker.min_interval must not be longer than tracker.interval")
