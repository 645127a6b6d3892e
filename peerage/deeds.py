"""Administration commands: the same functions in the server and on a folder that no server owns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, Protocol, cast

from accounts.accounts import Accounts
from actions.health import Health
from actions.takedowns import Takedowns
from actions.title_import import TitleImport
from actions.transcript import Transcript, transcripts
from actions.transcript_lines import NAME as CATALOGUE
from actions.transfer import Transfer
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue
from doors.control import Deed
from lists.infohashes import Entry, Verdict
from peerage.member_deeds import Work, member_deeds
from peerage.welcome import Welcome
from tracker.census import Census
from tracker.flusher import Flusher
from tracker.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Record = dict[str, Any]
Arguments = Mapping[str, Any]

_PATHS = 10_000


class Rooms(Protocol):
    """The components that administration commands use."""

    @property
    def cache(self) -> TorrentCache:
        """The stored torrents."""

    @property
    def takedowns(self) -> Takedowns:
        """Blocks and allowances, and their effects."""

    @property
    def transfer(self) -> Transfer:
        """Import and export."""

    @property
    def transcript(self) -> Transcript:
        """The catalogue as a file."""

    @property
    def title_import(self) -> TitleImport:
        """Import of titles."""

    @property
    def health(self) -> Health:
        """Health checks."""

    @property
    def tracker(self) -> Tracker:
        """The swarms."""

    @property
    def flusher(self) -> Flusher:
        """Writes the swarms to the journal."""

    @property
    def census(self) -> Census:
        """The counts of peers."""

    @property
    def accounts(self) -> Accounts:
        """The accounts."""

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, and the moderators' log."""

    @property
    def welcome(self) -> Welcome:
        """One-time links."""


def deeds(rooms: Rooms) -> Mapping[str, Deed]:
    """Return every command by name, bound to `rooms`; arguments and records are JSON values.

    A command raises Refusal("bad-request") for arguments that are missing, unknown or of the wrong kind.
    """
    table: dict[str, tuple[Work, Mapping[str, type | UnionType]]] = {
        **member_deeds(),
        "import": (_import, {"paths": list, "by": str}),
        "export": (_export, {"folder": str}),
        "titles": (_titles, {"file": str}),
        "block": (_block, {"infohash": str, "reason": str, "by": str}),
        "unblock": (_unblock, {"infohash": str}),
        "allow": (_allow, {"infohash": str, "reason": str, "by": str}),
        "disallow": (_disallow, {"infohash": str}),
        "lists": (_lists, {}),
        "stats": (_stats, {}),
        "census-close": (_census_close, {}),
        "check": (_check, {}),
    }
    return MappingProxyType({name: _checked(work, kinds, rooms) for name, (work, kinds) in table.items()})


def _checked(work: Work, kinds: Mapping[str, type | UnionType], rooms: Rooms) -> Deed:
    async def command(arguments: Arguments) -> AsyncIterator[Record]:
        if arguments.keys() != kinds.keys():
            raise Refusal("bad-request", f"this command takes {', '.join(kinds) or 'no arguments'}")
        for name, kind in kinds.items():
            if not isinstance(arguments[name], kind):
                raise Refusal("bad-request", f"{name} is of the wrong kind")
        async with aclosing(cast("AsyncGenerator[Record, None]", work(rooms, arguments))) as records:
            async for record in records:
                yield record

    return command


def _path(text: object) -> Path:
    if not isinstance(text, str) or "\0" in text or not Path(text).is_absolute():
        raise Refusal("bad-request", "a path is absolute")
    return Path(text)


async def _import(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    if not 0 < len(arguments["paths"]) <= _PATHS:
        raise Refusal("bad-request", f"name 1 to {_PATHS} paths")
    written, paths = await asyncio.to_thread(transcripts, [_path(text) for text in arguments["paths"]])
    before = await rooms.transfer.total(written)
    yield {"total": before + await rooms.transfer.total(paths)}
    done = 0
    for path in written:
        async with aclosing(cast("AsyncGenerator[Any, None]", rooms.transcript.read(path))) as outcomes:
            async for outcome in outcomes:
                yield {**asdict(outcome), "done": done + outcome.done}
        done += await rooms.transfer.total([path])
    results = rooms.transfer.import_paths(paths, arguments["by"])
    async with aclosing(cast("AsyncGenerator[Any, None]", results)) as outcomes:
        async for outcome in outcomes:
            yield {**asdict(outcome), "done": before + outcome.done}


async def _export(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    folder = _path(arguments["folder"])
    files, _ = await rooms.cache.totals()
    yield {"total": files + 1}
    async with aclosing(cast("AsyncGenerator[Any, None]", rooms.transfer.export(folder))) as outcomes:
        async for each in outcomes:
            yield {"infohash": each.infohash.upper, "outcome": each.outcome, "text": each.text}
    lines = await rooms.transcript.write(folder)
    yield {"name": CATALOGUE, "outcome": "written", "text": f"{lines} lines"}


async def _titles(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    path = _path(arguments["file"])
    yield {"total": await rooms.title_import.total(path)}
    results = rooms.title_import.import_file(path)
    async with aclosing(cast("AsyncGenerator[Any, None]", results)) as steps:
        async for progress in steps:
            yield asdict(progress)


async def _block(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _add_entry(rooms.takedowns.block, arguments)


async def _allow(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _add_entry(rooms.takedowns.allow, arguments)


async def _add_entry(add: Callable[[InfoHash, str, str], Awaitable[Entry]], arguments: Arguments) -> Record:
    return _entry(await add(InfoHash.parse(arguments["infohash"]), arguments["reason"], arguments["by"]))


async def _unblock(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _remove_entry(rooms.takedowns.unblock, arguments)


async def _disallow(rooms: Rooms, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _remove_entry(rooms.takedowns.disallow, arguments)


async def _remove_entry(remove: Callable[[InfoHash], Awaitable[bool]], arguments: Arguments) -> Record:
    infohash = InfoHash.parse(arguments["infohash"])
    return {"infohash": infohash.upper, "found": await remove(infohash)}


async def _lists(rooms: Rooms, _arguments: Arguments) -> AsyncIterator[Record]:
    async with aclosing(cast("AsyncGenerator[list[Entry], None]", rooms.takedowns.walk())) as batches:
        async for batch in batches:
            for entry in batch:
                yield _entry(entry)


def _entry(entry: Entry) -> Record:
    return {
        "infohash": entry.infohash.upper,
        "verdict": entry.verdict.value,
        "reason": entry.reason,
        "by": entry.by,
        "since": entry.since,
        "also": [name.upper for name in entry.spellings],
    }


async def _stats(rooms: Rooms, _arguments: Arguments) -> AsyncIterator[Record]:
    totals = rooms.tracker.store.totals()
    files, stored = await rooms.cache.totals()
    listed = dict.fromkeys(Verdict, 0)
    async for batch in rooms.takedowns.walk():
        for entry in batch:
            listed[entry.verdict] += 1
    report = await rooms.health.report()
    yield {
        "tracker": {
            "policy": "listed" if rooms.tracker.policy.listed else "open",
            "store": rooms.tracker.store.name,
            "torrents": totals.torrents,
            "peers": totals.peers,
            "seeders": totals.complete,
            "leechers": totals.incomplete,
        },
        "cache": {"files": files, "bytes": stored, "free": await rooms.cache.free()},
        "lists": {"blocked": listed[Verdict.DENY], "allowed": listed[Verdict.ALLOW]},
        "health": {"ok": report.ok, **report.parts},
    }


async def _census_close(rooms: Rooms, _arguments: Arguments) -> AsyncIterator[Record]:
    """Close the census day now, after a flush, so that every peer seen so far is counted."""
    await rooms.flusher.flush()
    day = await rooms.census.end_day()
    yield {"day": day.isoformat() if day is not None else None}


async def _check(rooms: Rooms, _arguments: Arguments) -> AsyncIterator[Record]:
    found = 0
    async for problem in rooms.cache.check():
        found += 1
        yield {"infohash": problem.infohash.upper, "problem": problem.what}
    files, _ = await rooms.cache.totals()
    yield {"files": files, "problems": found}
