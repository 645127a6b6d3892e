"""The REST operation that tells what became of torrents since a reader's position."""

from dataclasses import dataclass
from typing import Any

from accounts.rights import Right
from actions.changes import CatalogueChange, ChangeKind
from doors.rest import request_fields
from doors.rest.operation import Operation, RestContext
from doors.rest.shapes import Time, time


@dataclass(frozen=True, slots=True)
class ChangeShape:
    """A change: what became of a torrent, and its record and group as they are now, in the form of a catalogue dump.

    `held` tells whether its .torrent can be fetched; `reason` is why it is blocked.
    """

    kind: ChangeKind
    info_hash: str
    changed_at: Time
    held: bool
    torrent: dict[str, Any] | None
    group: dict[str, Any] | None
    reason: str


@dataclass(frozen=True, slots=True)
class ChangesShape:
    """A page of changes: `cursor` is the `after` of the next, `whole` tells that this one reaches the end.

    The reader stands at `position` of `newest`.
    """

    cursor: str
    whole: bool
    position: int
    newest: int
    changes: list[ChangeShape]


def _shape(change: CatalogueChange) -> ChangeShape:
    return ChangeShape(
        change.kind,
        change.infohash.lower,
        time(change.time),
        change.held,
        change.torrent,
        change.group,
        change.reason,
    )


async def _changes(context: RestContext) -> ChangesShape:
    services = context.services
    blocks = services.admission.rights.may(context.principal, Right.BLOCK)
    page = await services.moderation.changes.page(
        context.query.text("after"), context.viewer, blocks=blocks, limit=context.query.integer("limit", 100)
    )
    return ChangesShape(
        page.cursor, page.whole, page.position, page.newest, [_shape(each) for each in page.changes]
    )


OPERATIONS = (
    Operation(
        "GET",
        "/changes",
        "listChanges",
        "List what was added, changed, removed and blocked since a cursor; without one, everything that is there",
        "changes",
        _changes,
        Right.READ,
        query=request_fields.CHANGES,
        answers=ChangesShape,
        refusals=("bad-request", "changes-lost"),
    ),
)
