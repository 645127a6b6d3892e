"""Settings that are read again while the service runs: those that can change take effect, the others are named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from peerage.config import Settings, known_keys

Apply = Callable[[Settings], None]
"""Puts settings in force."""


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What another reading found: the keys that are in force now, and those that wait for a restart."""

    applied: tuple[str, ...]
    waiting: tuple[str, ...]


class LiveSettings:
    """The settings in force; `read` reads every source again, raising SettingsError.

    Parts of the service say which keys they can change, and how.
    """

    def __init__(self, settings: Settings, read: Callable[[], Settings]) -> None:
        self.read = read
        self._in_force = _values(settings)
        self._live: dict[str, Apply] = {}

    def on_change(self, keys: Mapping[str, Apply]) -> None:
        """Add keys that can change, each with what puts it in force."""
        assert not keys.keys() - self._in_force.keys()
        self._live.update(keys)

    @property
    def keys(self) -> frozenset[str]:
        """The keys that can change."""
        return frozenset(self._live)

    def apply(self, settings: Settings) -> SettingsChange:
        """Put what can change in force; each part once."""
        found = _values(settings)
        changed = [key for key, value in found.items() if value != self._in_force[key]]
        applied = tuple(key for key in changed if key in self._live)
        for apply in dict.fromkeys(self._live[key] for key in applied):
            apply(settings)
        self._in_force |= {key: found[key] for key in applied}
        return SettingsChange(applied, tuple(key for key in changed if key not in self._live))


def _values(settings: Settings) -> dict[str, object]:
    values: dict[str, object] = {}
    for key in known_keys():
        table, _, name = key.rpartition(".")
        values[key] = getattr(getattr(settings, table) if table else settings, name)
    return values
