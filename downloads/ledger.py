"""Hides who holds what right now: all content and jobs in memory, by every name that they are asked for by.

The rows here are those of the store; whoever changes one writes it there too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bittorrent.infohash import InfoHash
from downloads.model import ContentKey
from downloads.store import ContentRow, JobRow


@dataclass(slots=True, eq=False)
class Hold:
    """A job; `charged` tells that the content's size counts for its account."""

    row: JobRow
    load: "Load"
    charged: bool = False

    @property
    def active(self) -> bool:
        """Whether it neither waits in the queue nor rests by its account's wish."""
        return not self.row.queued and not self.row.paused


@dataclass(slots=True, eq=False)
class Load:
    """Content and its jobs by account. `orders` counts how often the engine was given it, `running` is what it was told last, `obstacle` why it stands still.

    `failure` is what the engine reported, until `retry` (unix seconds).
    """

    row: ContentRow
    holds: dict[int, Hold] = field(default_factory=dict)
    given: bool = False
    orders: int = 0
    running: bool = False
    obstacle: str = ""
    failure: str = ""
    retry: float = 0.0

    @property
    def names(self) -> tuple[InfoHash, ...]:
        """The 20-byte hashes that it goes by."""
        first = self.row.key.infohash
        return (first,) if self.row.v2 is None or self.row.v2.cut == first else (first, self.row.v2.cut)

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.row.complete


class Ledger:
    """All content and jobs."""

    def __init__(self) -> None:
        self.loads: dict[int, Load] = {}
        self.unfinished: dict[int, Load] = {}
        self._named: dict[InfoHash, dict[int | None, Load]] = {}
        self.last_place = 0
        self._accounts: dict[int, dict[int, Hold]] = {}
        self._unfinished: dict[int, dict[int, Hold]] = {}

    def enter(self, load: Load) -> None:
        """Take content in."""
        self.loads[load.row.id] = load
        self.renew(load, load.row)

    def renew(self, load: Load, row: ContentRow) -> None:
        """Put a new row in place of a content's old one."""
        self._unname(load)
        load.row = row
        for name in load.names:
            self._named.setdefault(name, {}).setdefault(row.key.account, load)
        if row.complete:
            self.unfinished.pop(row.id, None)
        else:
            self.unfinished[row.id] = load
        for hold in load.holds.values():
            self._sort(hold)

    def leave(self, load: Load) -> None:
        """Let content go, which nobody holds any more."""
        self._unname(load)
        self.loads.pop(load.row.id, None)
        self.unfinished.pop(load.row.id, None)

    def hold(self, load: Load, row: JobRow) -> Hold:
        """Take a job in."""
        hold = Hold(row, load)
        load.holds[row.account] = hold
        self.last_place = max(self.last_place, row.queued)
        self._accounts.setdefault(row.account, {})[row.id] = hold
        self._sort(hold)
        return hold

    def let_go(self, hold: Hold) -> None:
        """Let a job go."""
        hold.load.holds.pop(hold.row.account, None)
        for index in (self._accounts, self._unfinished):
            holds = index.get(hold.row.account, {})
            holds.pop(hold.row.id, None)
            if not holds:
                index.pop(hold.row.account, None)

    def find(self, account: int, names: Iterable[InfoHash], *, own: bool | None = None) -> Load | None:
        """Find content by a 20-byte hash as an account may see it: its own first; with `own` only that, or not."""
        owners = ([account] if own is not False else []) + ([] if own else [None])
        found = (self._named.get(name, {}).get(owner) for owner in owners for name in names)
        return next((load for load in found if load is not None), None)

    def named(self, names: Iterable[InfoHash]) -> list[Load]:
        """Return all content that goes by one of these hashes, whoever's it is."""
        found = (load for name in names for load in self._named.get(name.cut, {}).values())
        return list(dict.fromkeys(found))

    def by_key(self, key: ContentKey) -> Load | None:
        """Find content by its key."""
        return self._named.get(key.infohash, {}).get(key.account)

    def of(self, account: int) -> dict[int, Hold]:
        """Return an account's jobs by id."""
        return self._accounts.get(account, {})

    def unfinished_of(self, account: int) -> Iterator[Hold]:
        """Yield an account's jobs for content that is not complete."""
        yield from self._unfinished.get(account, {}).values()

    def queue(self) -> list[Hold]:
        """Return all jobs that wait for a slot, the next one first."""
        waiting = (hold for load in self.unfinished.values() for hold in load.holds.values())
        return sorted((hold for hold in waiting if hold.row.queued), key=lambda hold: hold.row.queued)

    def _sort(self, hold: Hold) -> None:
        holds = self._unfinished.setdefault(hold.row.account, {})
        if hold.load.complete:
            holds.pop(hold.row.id, None)
        else:
            holds[hold.row.id] = hold

    def _unname(self, load: Load) -> None:
        for name in load.names:
            owners = self._named.get(name, {})
            if owners.get(load.row.key.account) is load:
                del owners[load.row.key.account]
            if not owners:
                self._named.pop(name, None)
