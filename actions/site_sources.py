"""What another site's accounts and their traffic are read from: tables of CSV, or a dump of UNIT3D or of Gazelle."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar

from actions.archives import open_regular_file
from actions.mysql_dump import Value, read_dump
from bittorrent.infohash import V1_LENGTH
from bittorrent.refusal import Refusal

ACCOUNTS, TRAFFIC = "accounts.csv", "traffic.csv"
LARGEST = 2**62
_LONGEST_FIELD = 4096
_MILLI = 1000

N = TypeVar("N", int, float)


class SiteForm(StrEnum):
    """The form of what is imported."""

    CSV = "csv"
    UNIT3D = "unit3d"
    GAZELLE = "gazelle"


class SiteAccount(NamedTuple):
    """An account of the other site, by its number there; bytes are what counts for it, points thousandths."""

    number: int
    name: str
    passkey: str
    enabled: bool
    joined: int
    seen: int | None
    uploaded: int
    downloaded: int
    tokens: int
    points: int
    invites: int
    inviter: int | None


class SiteTraffic(NamedTuple):
    """What an account of the other site moved of a torrent, and what of it counts; `completed` is a time or None."""

    account: int
    infohash: bytes
    uploaded: int
    downloaded: int
    credited_up: int
    credited_down: int
    seeded: int
    begun: int
    seen: int
    completed: int | None


class SiteSource(Protocol):
    """Accounts, and then traffic, each with the bytes read so far. Refusal: `unreadable`. For one thread at a time."""

    def accounts(self) -> Iterator[tuple[int, SiteAccount]]:
        """Yield every account."""

    def traffic(self) -> Iterator[tuple[int, SiteTraffic]]:
        """Yield what accounts moved; after `accounts`."""


def open_source(form: SiteForm, path: Path) -> SiteSource:
    """Return the source at a path: a folder of two tables of CSV, or the file of a dump."""
    if form is SiteForm.CSV:
        return CsvSite(path)
    return (Unit3dDump if form is SiteForm.UNIT3D else GazelleDump)(path)


class CsvSite:
    """Two tables of CSV in UTF-8 with a row of names; columns that are left out are 0, or empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def accounts(self) -> Iterator[tuple[int, SiteAccount]]:
        """Yield every row of `accounts.csv`."""
        for position, row in self._rows(ACCOUNTS, {"id", "name"}):
            yield position, _account(row, row["name"])

    def traffic(self) -> Iterator[tuple[int, SiteTraffic]]:
        """Yield every row of `traffic.csv`."""
        for position, row in self._rows(TRAFFIC, {"account", "infohash"}):
            infohash = _hash(row["infohash"].encode())
            up, down = _number(row, "uploaded"), _number(row, "downloaded")
            completed, seen = _moment(row, "completed"), _moment(row, "seen")
            yield (
                position,
                SiteTraffic(
                    _number(row, "account"),
                    infohash,
                    up,
                    down,
                    _number(row, "credited_up") if row.get("credited_up") else up,
                    _number(row, "credited_down") if row.get("credited_down") else down,
                    _number(row, "seeded"),
                    _moment(row, "begun") or completed or seen or 0,
                    seen or completed or 0,
                    completed,
                ),
            )

    def _rows(self, name: str, needed: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
        with ExitStack() as stack:
            raw = stack.enter_context(_open(self._folder / name))
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            reader = csv.reader(_bounded(text))
            try:
                names = next(reader, [])
                if not needed <= set(names):
                    raise Refusal("unreadable", f"{name} has no columns {', '.join(sorted(needed))}")
                for row in reader:
                    if len(row) != len(names):
                        raise Refusal("unreadable", f"line {reader.line_num} of {name} has {len(row)} values")
                    yield raw.tell(), dict(zip(names, row, strict=True))
            except (csv.Error, UnicodeDecodeError) as error:
                raise Refusal("unreadable", f"{name}: {error}") from None


class _Dump:
    """A dump of MySQL, read twice: the tables of accounts and torrents, then those of traffic."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hashes: dict[int, bytes] = {}

    def _rows(self, *tables: str) -> Iterator[tuple[str, dict[str, str], dict[str, Value], int]]:
        with _open(self._path) as file:
            for row in read_dump(file, frozenset(tables)):
                texts = {name: _text(value) for name, value in row.values.items()}
                yield row.table, texts, row.values, row.position

    def _torrent(self, number: int, value: Value) -> None:
        if value is not None:
            self._hashes[number] = _hash(value)


class Unit3dDump(_Dump):
    """A dump of UNIT3D: `users`, `torrents` (id, info_hash), `history`."""

    def accounts(self) -> Iterator[tuple[int, SiteAccount]]:
        """Yield the rows of `users`; what is soft-deleted is disabled."""
        for table, row, values, position in self._rows("users", "torrents"):
            if table == "torrents":
                self._torrent(_number(row, "id"), values.get("info_hash"))
                continue
            renamed = {
                **row,
                "enabled": "0" if row.get("deleted_at") or row.get("disabled_at") else "1",
                "joined": row.get("created_at", ""),
                "seen": row.get("last_action", "") or row.get("last_login", ""),
                "tokens": row.get("fl_tokens", ""),
                "points": row.get("seedbonus", ""),
            }
            yield position, _account(renamed, row.get("username", ""))

    def traffic(self) -> Iterator[tuple[int, SiteTraffic]]:
        """Yield the rows of `history` whose torrent is there."""
        for _, row, _, position in self._rows("history"):
            infohash = self._hashes.get(_number(row, "torrent_id"))
            if infohash is None:
                continue
            begun, seen = _moment(row, "created_at") or 0, _moment(row, "updated_at")
            yield (
                position,
                SiteTraffic(
                    _number(row, "user_id"),
                    infohash,
                    _number(row, "actual_uploaded"),
                    _number(row, "actual_downloaded"),
                    _number(row, "uploaded"),
                    _number(row, "downloaded"),
                    _number(row, "seedtime"),
                    begun,
                    seen or begun,
                    _moment(row, "completed_at"),
                ),
            )


class GazelleDump(_Dump):
    """A dump of Gazelle: `users_main`, `users_info`, `torrents` (ID, info_hash), `xbt_snatched`.

    It keeps no traffic by torrent: that comes as snatches, and the accounts' sums as they are.
    """

    def accounts(self) -> Iterator[tuple[int, SiteAccount]]:
        """Yield the rows of `users_main`, with the time of joining and the inviter of `users_info`."""
        main: dict[int, dict[str, str]] = {}
        info: dict[int, dict[str, str]] = {}
        position = 0
        for table, row, values, read in self._rows("users_main", "users_info", "torrents"):
            position = read
            if table == "torrents":
                self._torrent(_number(row, "ID"), values.get("info_hash"))
            elif table == "users_info":
                kept = {"joined": row.get("JoinDate", ""), "inviter": row.get("Inviter", "")}
                info[_number(row, "UserID")] = kept
            else:
                main[_number(row, "ID")] = row
        for number, row in main.items():
            renamed = {
                "id": str(number),
                "passkey": row.get("torrent_pass", ""),
                "enabled": "1" if row.get("Enabled") == "1" else "0",
                "seen": row.get("LastAccess", ""),
                "uploaded": row.get("Uploaded", ""),
                "downloaded": row.get("Downloaded", ""),
                "points": row.get("BonusPoints", ""),
                "tokens": row.get("FLTokens", ""),
                "invites": row.get("Invites", ""),
                **info.get(number, {}),
            }
            yield position, _account(renamed, row.get("Username", ""))

    def traffic(self) -> Iterator[tuple[int, SiteTraffic]]:
        """Yield the rows of `xbt_snatched` whose torrent is there."""
        for _, row, _, position in self._rows("xbt_snatched"):
            infohash = self._hashes.get(_number(row, "fid"))
            if infohash is not None:
                time = _number(row, "tstamp")
                seeded = _number(row, "seedtime")
                yield (
                    position,
                    SiteTraffic(_number(row, "uid"), infohash, 0, 0, 0, 0, seeded, time, time, time),
                )


def _account(row: Mapping[str, str], name: str) -> SiteAccount:
    return SiteAccount(
        _number(row, "id"),
        name,
        row.get("passkey", ""),
        row.get("enabled", "1") not in {"0", "false", "no"},
        _moment(row, "joined") or 0,
        _moment(row, "seen"),
        _number(row, "uploaded"),
        _number(row, "downloaded"),
        _number(row, "tokens"),
        round(_real(row, "points") * _MILLI),
        _number(row, "invites"),
        _number(row, "inviter") or None,
    )


def _open(path: Path) -> IO[bytes]:
    try:
        return open_regular_file(path)
    except OSError as error:
        raise Refusal("unreadable", f"{path.name}: {error.strerror}") from None


def _bounded(text: io.TextIOBase) -> Iterator[str]:
    while line := text.readline(_LONGEST_FIELD * 16):
        yield line


def _hash(value: bytes) -> bytes:
    """Return an infohash of 20 bytes, that may be written in hexadecimal."""
    if len(value) == V1_LENGTH:
        return value
    try:
        raw = bytes.fromhex(value.decode("ascii"))
    except ValueError:
        raw = b""
    if len(raw) != V1_LENGTH:
        raise Refusal("unreadable", f"{value[:64]!r} is no infohash")
    return raw


def _text(value: Value) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def _number(row: Mapping[str, str], name: str) -> int:
    """Return a whole number of at least 0, 0 for an empty text."""
    return _read(row, name, int, 0)


def _real(row: Mapping[str, str], name: str) -> float:
    return _read(row, name, float, 0.0)


def _read(row: Mapping[str, str], name: str, read: Callable[[str], N], nothing: N) -> N:
    text = row.get(name, "").strip()
    if not text:
        return nothing
    try:
        number = read(text) if len(text) <= _LONGEST_FIELD else LARGEST + 1
    except ValueError:
        raise Refusal("unreadable", f"{name} is {text[:64]!r}, which is no number") from None
    if not number >= 0:
        return nothing
    if number > LARGEST:
        raise Refusal("unreadable", f"{name} is {text[:64]!r}, which is too large")
    return number


def _moment(row: Mapping[str, str], name: str) -> int | None:
    """Return a time, written in unix seconds or as `2026-01-31 12:00:00` in UTC; None for none."""
    text = row.get(name, "").strip()
    if not text or text.startswith("0000") or text == "0":
        return None
    if text.isdecimal():
        return _number(row, name)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("unreadable", f"{name} is {text[:64]!r}, which is no time") from None
    return max(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()), 0)
