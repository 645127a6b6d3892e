"""What each client of `sync/maindata` was told last, so that the next answer holds only what is another since."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from doors.json_encoding import encode_json

_MOST_CLIENTS = 64
_LAST = 1_000_000
# They change by themselves with each second.
_CLOCKS = frozenset({"seeding_time", "time_active"})

Client = tuple[int, int | None, int | None]
"""An account, and the key or session of the client."""


@dataclass(slots=True)
class _Told:
    number: int = 0
    torrents: dict[str, bytes] = field(default_factory=dict)
    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    server: bytes = b""


@dataclass(frozen=True, slots=True)
class MainData:
    """Everything that a client is told: torrents by hash, categories by name, tags, and the server's own numbers."""

    torrents: Mapping[str, Mapping[str, object]]
    categories: Mapping[str, Mapping[str, str]]
    tags: Sequence[str]
    server: Mapping[str, object]

    def whole(self) -> dict[str, object]:
        """Return all of it, as the answer has it."""
        return {
            "torrents": self.torrents,
            "categories": self.categories,
            "tags": self.tags,
            "server_state": self.server,
        }


class SyncStates:
    """Digests of what was told last, for the clients that asked last; the others get everything again."""

    def __init__(self) -> None:
        self._told: OrderedDict[Client, _Told] = OrderedDict()

    def answer(self, client: Client, number: int, data: MainData) -> dict[str, object]:
        """Return what is another since the answer of that number, or everything where that was not the last one."""
        before = self._told.pop(client, None) or _Told()
        told = _Told(
            before.number % _LAST + 1,
            {key: _digest(value, _CLOCKS) for key, value in data.torrents.items()},
            frozenset(data.categories),
            frozenset(data.tags),
            _digest(data.server),
        )
        self._told[client] = told
        if len(self._told) > _MOST_CLIENTS:
            self._told.popitem(last=False)
        if not number or before.number != number:
            return {"rid": told.number, "full_update": True, **data.whole()}
        return {"rid": told.number, **_changes(before, told, data)}


def _changes(before: _Told, told: _Told, data: MainData) -> dict[str, object]:
    """Return what is another than before; a torrent that is another is told whole."""
    torrents = {
        key: value for key, value in data.torrents.items() if before.torrents.get(key) != told.torrents[key]
    }
    parts: dict[str, object] = {
        "torrents": torrents,
        "torrents_removed": sorted(before.torrents.keys() - told.torrents.keys()),
        "categories": {name: each for name, each in data.categories.items() if name not in before.categories},
        "categories_removed": sorted(before.categories - told.categories),
        "tags": sorted(told.tags - before.tags),
        "tags_removed": sorted(before.tags - told.tags),
        "server_state": data.server if told.server != before.server else {},
    }
    return {name: part for name, part in parts.items() if part}


def _digest(value: Mapping[str, object], without: frozenset[str] = frozenset()) -> bytes:
    kept = {name: each for name, each in value.items() if name not in without}
    return blake2b(encode_json(kept), digest_size=12).digest()
