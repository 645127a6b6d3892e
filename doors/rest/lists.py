"""Hides the operations on what the tracker does and may track: its figures, what it allows, what is blocked."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from doors.rest import requests
from doors.rest.operation import Call, Listing, Operation
from doors.rest.shapes import Time, time
from lists.infohashes import Entry, Verdict

# How far a list is counted beyond the page that is asked for.
_COUNTED = 10_000

_Hash = Annotated[str, Field(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")]


@dataclass(frozen=True, slots=True)
class EntryShape:
    """A verdict on a torrent: as it was named, its other names, why, by whom and since when."""

    info_hash: _Hash
    names: list[_Hash]
    reason: str
    by: str
    created_at: Time


@dataclass(frozen=True, slots=True)
class TrackerShape:
    """The service in numbers: swarms and peers of this moment, files that the cache has, what the catalogue knows."""

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


def _shape(entry: Entry) -> EntryShape:
    names = [name.lower for name in entry.spellings]
    return EntryShape(entry.infohash.lower, names, entry.reason, entry.by, time(entry.since))


async def _page(call: Call, verdict: Verdict) -> Listing:
    """Take a page out of a list that is walked, and count it that far and some thousands more."""
    first, last, seen = call.offset, call.offset + call.per_page, 0
    shapes: list[EntryShape] = []
    async for batch in call.office.takedowns.walk(verdict):
        shapes += [_shape(each) for each in batch[max(first - seen, 0) : max(last - seen, 0)]]
        seen += len(batch)
        if seen > last + _COUNTED:
            return call.listing(shapes, seen, exact=False)
    return call.listing(shapes, seen)


def _named(call: Call) -> InfoHash:
    infohash = call.body["info_hash"]
    assert isinstance(infohash, InfoHash)
    return infohash


async def _block(call: Call) -> EntryShape:
    return _shape(await call.office.verdicts.block(call.principal, _named(call), call.body.text("reason")))


async def _allow(call: Call) -> EntryShape:
    return _shape(await call.office.verdicts.allow(call.principal, _named(call), call.body.text("reason")))


async def _unblock(call: Call) -> None:
    await call.office.verdicts.unblock(call.principal, call.infohash("infohash"))


async def _disallow(call: Call) -> None:
    await call.office.verdicts.disallow(call.principal, call.infohash("infohash"))


async def _blocked(call: Call) -> Listing:
    return await _page(call, Verdict.DENY)


async def _allowed(call: Call) -> Listing:
    return await _page(call, Verdict.ALLOW)


async def _figures(call: Call) -> TrackerShape:
    swarms = call.office.swarms()
    files, stored = await call.office.cache.totals()
    known = await call.office.catalogue.totals()
    return TrackerShape(
        swarms.torrents,
        swarms.peers,
        swarms.complete,
        swarms.incomplete,
        files,
        stored,
        known.torrents,
        known.groups,
        known.authors,
        known.size,
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
        query=requests.PAGING,
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
        body=requests.LISTED,
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
        _figures,
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
        query=requests.PAGING,
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
        body=requests.LISTED,
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
