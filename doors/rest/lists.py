"""REST operations on the tracker: its statistics, its allowlist and the blocklist."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time
from lists.infohashes import ListEntry, ListKind

# Entries beyond the requested page up to which a list is counted.
_COUNT_BEYOND = 10_000

_Hash = Annotated[str, Meta(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")]


@dataclass(frozen=True, slots=True)
class EntryShape:
    """An entry of the blocklist or allowlist: the hash given, the torrent's other hashes, why, by whom, since when."""

    info_hash: _Hash
    names: list[_Hash]
    reason: str
    by: str
    created_at: Time


@dataclass(frozen=True, slots=True)
class TrackerShape:
    """The service in numbers: swarms and peers of this moment, files in the cache, records of the catalogue."""

    swarms: int
    peers: int
    seeders: int
    leechers: int
    files: int
    bytes_on_disk: int
    torrents: int
    groups: int
    authors: int
    content_size: int


def _shape(entry: ListEntry) -> EntryShape:
    names = [name.lower for name in entry.aliases]
    return EntryShape(entry.infohash.lower, names, entry.reason, entry.by, time(entry.since))


async def _page(context: RestContext, kind: ListKind) -> Listing:
    """Read a page of a list, and count the list some thousands of entries beyond it."""
    lists, most = context.services.moderation.lists.lists, context.offset + context.per_page + _COUNT_BEYOND
    entries = await lists.page(kind, context.offset, context.per_page)
    total = await lists.count(kind, most)
    return context.listing([_shape(each) for each in entries], total, exact=total < most)


def _infohash(context: RestContext) -> InfoHash:
    infohash = context.body["info_hash"]
    assert isinstance(infohash, InfoHash)
    return infohash


async def _block(context: RestContext) -> EntryShape:
    return _shape(
        await context.services.moderation.lists.block(
            context.principal, _infohash(context), context.body.text("reason")
        )
    )


async def _allow(context: RestContext) -> EntryShape:
    return _shape(
        await context.services.moderation.lists.allow(
            context.principal, _infohash(context), context.body.text("reason")
        )
    )


async def _unblock(context: RestContext) -> None:
    await context.services.moderation.lists.unblock(context.principal, context.infohash("infohash"))


async def _disallow(context: RestContext) -> None:
    await context.services.moderation.lists.disallow(context.principal, context.infohash("infohash"))


async def _blocked(context: RestContext) -> Listing:
    return await _page(context, ListKind.DENY)


async def _allowed(context: RestContext) -> Listing:
    return await _page(context, ListKind.ALLOW)


async def _statistics(context: RestContext) -> TrackerShape:
    swarms = context.services.swarms.totals()
    files, stored = await context.services.files.cache.totals()
    recorded = await context.services.catalogue.store.statistics.totals()
    return TrackerShape(
        swarms.torrents,
        swarms.peers,
        swarms.complete,
        swarms.incomplete,
        files,
        stored,
        recorded.torrents,
        recorded.groups,
        recorded.authors,
        recorded.size,
    )


OPERATIONS = (
    Operation(
        "GET",
        "/blocklist",
        "listBlocked",
        "List what is blocked, by infohash; the tracker's deny-list",
        "tracker",
        _blocked,
        Right.BLOCK,
        query=request_fields.PAGING,
        answers=EntryShape,
        many=True,
    ),
    Operation(
        "POST",
        "/blocklist",
        "block",
        "Block a torrent under every name known of it: no upload, no file, no record, no announce",
        "tracker",
        _block,
        Right.BLOCK,
        body=request_fields.LIST_ENTRY,
        required=("info_hash", "reason"),
        answers=EntryShape,
        status=201,
        refusals=("bad-reason",),
    ),
    Operation(
        "DELETE",
        "/blocklist/{infohash}",
        "unblock",
        "Lift a block; the file stays gone",
        "tracker",
        _unblock,
        Right.BLOCK,
    ),
    Operation(
        "GET",
        "/tracker",
        "showTracker",
        "Show the service in numbers",
        "tracker",
        _statistics,
        Right.OPERATE,
        answers=TrackerShape,
    ),
    Operation(
        "GET",
        "/tracker/allow",
        "listAllowed",
        "List what may be announced though it is not held, by infohash",
        "tracker",
        _allowed,
        Right.BLOCK,
        query=request_fields.PAGING,
        answers=EntryShape,
        many=True,
    ),
    Operation(
        "POST",
        "/tracker/allow",
        "allow",
        "Let a torrent be announced where only listed ones are tracked",
        "tracker",
        _allow,
        Right.BLOCK,
        body=request_fields.LIST_ENTRY,
        required=("info_hash", "reason"),
        answers=EntryShape,
        status=201,
        refusals=("bad-reason",),
    ),
    Operation(
        "DELETE",
        "/tracker/allow/{infohash}",
        "disallow",
        "Take an allowance back",
        "tracker",
        _disallow,
        Right.BLOCK,
    ),
)
