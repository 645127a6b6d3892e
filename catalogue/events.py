"""Events of the service: what happened, in a few words, for whoever is told of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bittorrent.infohash import InfoHash


class EventKind(StrEnum):
    """What happened."""

    UPLOAD = "torrent.uploaded"
    EDIT = "record.edited"
    REPORT = "report.added"
    BLOCK = "torrent.blocked"
    DELETE = "torrent.deleted"
    DOWNLOAD = "download.completed"
    TEST = "webhook.test"
    """Nothing happened: an operator tries a webhook, which hears it whatever else it wants."""


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """Something that happened; `data` are JSON values."""

    kind: EventKind
    data: Mapping[str, object] = field(default_factory=dict)


def deleted(infohash: InfoHash, name: str, reason: str, by: str) -> ServiceEvent:
    """Return the event of a torrent whose record and file were deleted, though it is not blocked."""
    said = {"info_hash": infohash.lower, "name": name, "reason": reason, "by": by}
    return ServiceEvent(EventKind.DELETE, said)


Emit = Callable[[ServiceEvent], Awaitable[None]]
"""Tells of an event; it is noted durably where somebody is to be told, and never raises."""


async def tell_nobody(event: ServiceEvent) -> None:
    """Tell nobody."""
