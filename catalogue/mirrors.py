"""Mirrors: other services that this one follows, up to where each was read, and what was taken from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bittorrent.infohash import InfoHash


@dataclass(frozen=True, slots=True)
class MirrorState:
    """How far a service was read: `cursor` is its own word for where, `position` of `newest` tells people.

    `round` counts how often everything was taken anew; while `whole` is False that has not ended yet. `asked` is when
    it answered last, in unix seconds, `problem` why it does not, "" where it does.
    """

    id: int
    url: str
    cursor: str = ""
    round: int = 1
    whole: bool = False
    position: int = 0
    newest: int = 0
    asked: int | None = None
    problem: str = ""


class MirrorStore(Protocol):
    """Stores how far each service was read; each call is durable when it returns."""

    async def open(self, url: str) -> MirrorState:
        """Return the state of a service, of a new one at the beginning."""
        ...

    async def states(self) -> list[MirrorState]:
        """Return the states of all services, oldest first."""
        ...

    async def save(
        self, state: MirrorState, taken: Sequence[InfoHash] = (), dropped: Sequence[InfoHash] = ()
    ) -> None:
        """Save a state, what was taken from the service in its round, and what is no longer."""
        ...

    async def taken(self, mirror: int, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return those of the infohashes that were taken from a service."""
        ...

    async def stale(self, state: MirrorState, limit: int) -> list[InfoHash]:
        """Return up to `limit` infohashes that were taken in earlier rounds than the state's."""
        ...
