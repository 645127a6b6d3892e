from collections.abc import Sequence
from typing import Literal, TypedDict

from tracker.model import Announce, SocketChange

Counted = tuple[int, int, int, int, int, int, int, bytes, bytes]

LastRow = tuple[int, int, int, bool, bool]
DeltaRow = tuple[int, bytes, bytes, int, int, int, int, int, LastRow, bytes]
SessionRow = tuple[int, bytes, bytes, LastRow]
ChangeRow = tuple[bytes, bytes, int, int] | tuple[bytes, int, int]

class Store:
    listed: bool
    private: bool
    restoring: bool

    def __new__(
        cls,
        interval: int,
        min_interval: int,
        jitter: int,
        timeout: int,
        remember_completed: int,
        max_torrents: int,
        max_peers: int,
        peers_per_address: int,
        node: int,
        session_timeout: int,
        max_sessions: int,
        max_changes: int,
        most_rate: int,
        announce_spacing: int,
        peers_per_account: int,
        download_slots: int,
        peers_per_hour: int,
        shares_bind: int,
        peers_bind: int,
        exempt: bytes,
        key: bytes,
        seed: int,
    ) -> Store: ...
    def announce(self, announce: Announce, now: int, /) -> tuple[int, int] | Counted: ...
    def note_session(self, announce: Announce, now: int, /) -> None: ...
    def count_socket(
        self, change: SocketChange, now: int, /
    ) -> tuple[int, int] | tuple[int, int, int, int, int, int, int]: ...
    def scrape(self, infohash: bytes, /) -> tuple[int, int, int, int]: ...
    def peers(self, infohash: bytes, numwant: int, /) -> tuple[bytes, bytes]: ...
    def totals(self) -> tuple[int, int, int]: ...
    def largest(self, count: int, /) -> list[tuple[bytes, int, int, int, int]]: ...
    def expire(self, now: int, budget: int, /) -> int: ...
    def join(self, alias: bytes, canonical: bytes, /) -> None: ...
    def remove(self, infohash: bytes, /) -> None: ...
    def allow(self, infohash: bytes, allowed: bool, /) -> None: ...
    def deny(self, infohash: bytes, denied: bool, told: int, /) -> int: ...
    def explain(self, infohashes: bytes, told: int, /) -> bytes: ...
    def set_denial_text(self, number: int, text: bytes, /) -> None: ...
    def allow_all(self, infohashes: bytes, /) -> None: ...
    def deny_all(self, infohashes: bytes, /) -> None: ...
    def publish(self, infohash: bytes, public: bool, /) -> None: ...
    def publish_all(self, infohashes: bytes, /) -> None: ...
    def is_public(self, infohash: bytes, /) -> bool: ...
    def verdict(self, infohash: bytes, /) -> int: ...
    def has_rules(self) -> bool: ...
    def remove_denied(self) -> None: ...
    def take_dirty(self) -> list[tuple[bytes, int, bytes | None]]: ...
    def put_back(self, rows: Sequence[tuple[bytes, int, bytes | None]], /) -> None: ...
    def restore(self, rows: Sequence[tuple[bytes, int, bytes | None]], /) -> None: ...
    def set_passkey(self, passkey: bytes, account: int, /) -> bool: ...
    def drop_passkey(self, passkey: bytes, /) -> None: ...
    def account_of(self, passkey: bytes, /) -> int: ...
    def set_access(
        self,
        texts: list[bytes],
        clients: bytes,
        starts4: bytes,
        numbers4: bytes,
        starts6: bytes,
        numbers6: bytes,
        /,
    ) -> None: ...
    def check_access(self, address: bytes, peer_id: bytes, /) -> tuple[bool, bytes] | None: ...
    def take_deltas(self) -> list[DeltaRow]: ...
    def restore_sessions(self, sessions: Sequence[SessionRow], /) -> None: ...
    def put_back_deltas(self, deltas: Sequence[DeltaRow], /) -> None: ...
    def session_totals(self) -> tuple[int, int, int]: ...
    def open_changes(self) -> int: ...
    def close_changes(self, consumer: int, /) -> None: ...
    def read_changes(
        self, consumer: int, limit: int, /
    ) -> tuple[list[ChangeRow], tuple[tuple[int, int], ...], bool]: ...
    def acknowledge_changes(self, consumer: int, position: tuple[tuple[int, int], ...], /) -> None: ...
    def snapshot(
        self, shard: int, swarm: int, pool: int, slot: int, /
    ) -> tuple[list[ChangeRow], tuple[int, int, int, int] | None]: ...
    def apply(self, changes: Sequence[ChangeRow], now: int, /) -> None: ...

REFUSALS: tuple[str, ...]

class Numbers(TypedDict):
    announces: list[list[int]]
    scrapes: list[int]
    refusals: list[int]
    warnings: int
    open: int
    turned_away: int
    timed_out: int
    made_room: int
    paused: int
    handed_over: int
    files: int
    file_bytes: int

class FileNumbers(TypedDict):
    count: int
    bytes: int
    stored: int
    evicted: int
    expired: int
    refused: int

class Files:
    def __new__(cls, capacity: int, secret: bytes, root: int = -1) -> Files: ...
    def generation(self, infohash: bytes, /) -> int: ...
    def put(
        self,
        infohash: bytes,
        packed: bool,
        generation: int,
        head: bytes,
        unchanged: bytes,
        etag: bytes,
        body: bytes,
        until: int,
        inode: int = 0,
        changed: int = 0,
        apart: bool = False,
        /,
    ) -> bool: ...
    def drop(self, infohash: bytes, /) -> None: ...
    def clear(self) -> None: ...
    def ending(self, shard: int, until: int, most: int, /) -> list[tuple[bytes, bool]]: ...
    def most(self) -> int: ...
    def numbers(self) -> FileNumbers: ...

class Door:
    def __new__(
        cls,
        store: Store,
        *,
        refusals: tuple[bytes, ...],
        full: bytes,
        restoring: bytes,
        limits: tuple[bytes, ...],
        bad_connection: bytes,
        too_late: bytes,
        header: bytes,
        trusted: Sequence[tuple[bytes, int, bool]],
        routed: Sequence[tuple[bytes, int, bool]],
        proxied: Sequence[tuple[bytes, int, bool]],
        key: bytes,
        interval: int,
        min_interval: int,
        retry_soon: int,
        numwant: int,
        numwant_most: int,
        numwant_most6: int,
        refuse_private: bool,
        seed: int,
        clock: tuple[int, int],
        root: bytes,
        files: Files | None,
        files_host: bytes,
        redirect: bytes,
        redirect_end: bytes,
    ) -> Door: ...
    def answer(self, data: bytes, address: bytes, skip: int = 0, /) -> tuple[bytes, int, int]: ...
    def answer_stops(self, data: bytes, address: bytes, skip: int = 0, /) -> tuple[bytes, int, int]: ...
    def serve(self, descriptor: int, data: bytes, address: bytes, /) -> tuple[bytes, int, int] | None: ...
    def answer_packet(self, packet: bytes, address: bytes, /) -> bytes | None: ...
    def start(
        self,
        *,
        listeners: Sequence[int],
        datagrams: Sequence[int],
        threads: int,
        secret: bytes,
        header_ms: int,
        write_ms: int,
        keep_alive_ms: int,
        max_connections: int,
        per_address: int,
        binds_at: int,
        exempt: Sequence[tuple[bytes, int, bool]],
        busy: bytes,
    ) -> int: ...
    def stop(self) -> None: ...
    def take(self) -> list[tuple[int, bytes, bytes]]: ...
    def roll(self, current: bytes, previous: bytes, /) -> None: ...
    def leave(self, address: bytes, /) -> None: ...
    def numbers(self) -> Numbers: ...
    def times(self) -> tuple[list[int], list[int], list[int], list[int]]: ...
    def clients(self) -> bytes: ...

class SocketNumbers(TypedDict):
    open: int
    messages: int
    turned_away: int
    timed_out: int
    cut_off: int
    broken: int
    offers: int
    answers: int
    peers: int
    held: int
    pinged: int
    stalled: int
    asked: int

class Sockets:
    def __new__(
        cls,
        door: Door,
        *,
        refusals: tuple[bytes, ...],
        full: bytes,
        restoring: bytes,
        interval: int,
        offers: int,
        torrents: int,
        peers: int,
        peers_bind: int,
        message: int,
        queue: int,
        memory: int,
        ping_ms: int,
        idle_ms: int,
        gather_us: int,
        connections: int,
        per_address: int,
        exempt: Sequence[tuple[bytes, int, bool]],
        exempt_shares: bytes,
        seed: int,
        secret: bytes,
    ) -> Sockets: ...
    def start(self) -> int: ...
    def stop(self) -> None: ...
    def adopt(
        self,
        descriptor: int,
        address: bytes,
        passkey: bytes,
        key: bytes,
        early: bytes,
        counted: bytes | None,
        /,
    ) -> int: ...
    def take(self) -> list[tuple[int, bytes, bytes]]: ...
    def carry_out(self, serial: int, message: bytes, /) -> bool: ...
    def answer(self, serial: int, answer: bytes, /) -> None: ...
    def forget(self, infohash: bytes, /) -> None: ...
    def sweep(self) -> None: ...
    def share(self, held: int, /) -> None: ...
    def held(self) -> int: ...
    def set_clock(self, milliseconds: int, /) -> None: ...
    def waiting(self, infohash: bytes, peer_id: bytes, /) -> int: ...
    def numbers(self) -> SocketNumbers: ...

ReadOffer = tuple[bytes, bytes, bytes]
ReadAnnounce = tuple[
    bytes, bytes, int, int, int, list[ReadOffer], tuple[bytes, bytes, bytes, bytes] | None, int, int
]

def read_message(data: bytes, /) -> ReadAnnounce | tuple[bytes] | None: ...
def read_announce(query: bytes, /) -> int | tuple[bytes, int, int, bool, int, bool, int, int, bytes]: ...
def read_scrape(query: bytes, /) -> int | bytes: ...
def read_head(
    data: bytes, header: bytes, seen: int = 0, root: bytes = b"", /
) -> (
    tuple[int, int]
    | tuple[int, int, bytes, bytes, bool]
    | tuple[int, int, bytes, bool, bool, bool, bool, bytes]
): ...
def accepts_gzip(accept_encoding: bytes, /) -> bool: ...
def etag_matches(if_none_match: bytes, etag: bytes, /) -> bool: ...
def path_passkey(path: bytes, root: bytes = b"", /) -> bytes | None: ...
def read_proxy_header(data: bytes, packet: bool, /) -> tuple[bytes, int] | Literal[False] | None: ...
def parse_address(text: bytes, /) -> bytes | None: ...
