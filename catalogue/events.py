"""Events of the service: what happened, in a few words, for whoever is told of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EventKind(StrEnum):
    """What happened."""

    UPLOAD = "torrent.uploaded"
    EDIT = "record.edited"
    REPORT = "report.added"
    BLOCK = "torrent.blocked"
    DOWNLOAD = "download.completed"
    TEST = "webhook.test"
    """Nothing happened: an operator tries a webhook, which hears it whatever else it wants."""


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """Something that happened; `data` are JSON values."""

    kind: EventKind
    data: Mapping[str, object] = field(default_factory=dict)


Emit = Callable[[ServiceEvent], Awaitable[None]]
"""Tells of an event; it is noted durably where somebody is to be told, and never raises."""


async def tell_nobody(event: ServiceEvent) -> None:
    """Tell nobody."""
