"""Administration commands: the same functions in the server and on a folder that no server owns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, Protocol, cast

from accounts.accounts import Accounts
from actions.catalogue_dump import CatalogueDump, split_dumps
from actions.catalogue_dump_lines import DUMP_FILE_NAME as CATALOGUE
from actions.health import Health
from actions.takedowns import Takedowns
from actions.title_import import TitleImport
from actions.transfer import Transfer
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue
from doors.control import ControlCommand
from lists.infohashes import ListEntry, ListKind
from peerage.admin_account_commands import CommandHandler, admin_account_commands
from peerage.one_time_links import OneTimeLinks
from tracker.census import Census
from tracker.flusher import Flusher
from tracker.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Record = dict[str, Any]
Arguments = Mapping[str, Any]

_PATHS = 10_000


class AdminServices(Protocol):
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
    def catalogue_dump(self) -> CatalogueDump:
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
    def one_time_links(self) -> OneTimeLinks:
        """One-time links."""


def admin_commands(services: AdminServices) -> Mapping[str, ControlCommand]:
    """Return every command by name, bound to `services`; arguments and records are JSON values.

    A command raises Refusal("bad-request") for arguments that are missing, unknown or of the wrong kind.
    """
    table: dict[str, tuple[CommandHandler, Mapping[str, type | UnionType]]] = {
        **admin_account_commands(),
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
    return MappingProxyType(
        {name: _checked(handler, types, services) for name, (handler, types) in table.items()}
    )


def _checked(
    handler: CommandHandler, types: Mapping[str, type | UnionType], services: AdminServices
) -> ControlCommand:
    async def command(arguments: Arguments) -> AsyncIterator[Record]:
        if arguments.keys() != types.keys():
            raise Refusal("bad-request", f"this command takes {', '.join(types) or 'no arguments'}")
        for name, kind in types.items():
            if not isinstance(arguments[name], kind):
                raise Refusal("bad-request", f"{name} is of the wrong kind")
        async with aclosing(cast("AsyncGenerator[Record, None]", handler(services, arguments))) as records:
            async for record in records:
                yield record

    return command


def _path(text: object) -> Path:
    if not isinstance(text, str) or "\0" in text or not Path(text).is_absolute():
        raise Refusal("bad-request", "a path is absolute")
    return Path(text)


async def _import(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    if not 0 < len(arguments["paths"]) <= _PATHS:
        raise Refusal("bad-request", f"name 1 to {_PATHS} paths")
    written, paths = await asyncio.to_thread(split_dumps, [_path(text) for text in arguments["paths"]])
    before = await services.transfer.total(written)
    yield {"total": before + await services.transfer.total(paths)}
    done = 0
    for path in written:
        async with aclosing(
            cast("AsyncGenerator[Any, None]", services.catalogue_dump.read(path))
        ) as outcomes:
            async for outcome in outcomes:
                yield {**asdict(outcome), "done": done + outcome.done}
        done += await services.transfer.total([path])
    results = services.transfer.import_paths(paths, arguments["by"])
    async with aclosing(cast("AsyncGenerator[Any, None]", results)) as outcomes:
        async for outcome in outcomes:
            yield {**asdict(outcome), "done": before + outcome.done}


async def _export(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    folder = _path(arguments["folder"])
    files, _ = await services.cache.totals()
    yield {"total": files + 1}
    async with aclosing(cast("AsyncGenerator[Any, None]", services.transfer.export(folder))) as outcomes:
        async for each in outcomes:
            yield {"infohash": each.infohash.upper, "outcome": each.outcome, "text": each.text}
    lines = await services.catalogue_dump.write(folder)
    yield {"name": CATALOGUE, "outcome": "written", "text": f"{lines} lines"}


async def _titles(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    path = _path(arguments["file"])
    yield {"total": await services.title_import.total(path)}
    results = services.title_import.import_file(path)
    async with aclosing(cast("AsyncGenerator[Any, None]", results)) as steps:
        async for progress in steps:
            yield asdict(progress)


async def _block(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _add_entry(services.takedowns.block, arguments)


async def _allow(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _add_entry(services.takedowns.allow, arguments)


async def _add_entry(
    add: Callable[[InfoHash, str, str], Awaitable[ListEntry]], arguments: Arguments
) -> Record:
    return _entry(await add(InfoHash.parse(arguments["infohash"]), arguments["reason"], arguments["by"]))


async def _unblock(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _remove_entry(services.takedowns.unblock, arguments)


async def _disallow(services: AdminServices, arguments: Arguments) -> AsyncIterator[Record]:
    yield await _remove_entry(services.takedowns.disallow, arguments)


async def _remove_entry(remove: Callable[[InfoHash], Awaitable[bool]], arguments: Arguments) -> Record:
    infohash = InfoHash.parse(arguments["infohash"])
    return {"infohash": infohash.upper, "found": await remove(infohash)}


async def _lists(services: AdminServices, _arguments: Arguments) -> AsyncIterator[Record]:
    async with aclosing(cast("AsyncGenerator[list[ListEntry], None]", services.takedowns.walk())) as batches:
        async for batch in batches:
            for entry in batch:
                yield _entry(entry)


def _entry(entry: ListEntry) -> Record:
    return {
        "infohash": entry.infohash.upper,
        "verdict": entry.kind.value,
        "reason": entry.reason,
        "by": entry.by,
        "since": entry.since,
        "also": [name.upper for name in entry.aliases],
    }


async def _stats(services: AdminServices, _arguments: Arguments) -> AsyncIterator[Record]:
    totals = services.tracker.store.totals()
    files, stored = await services.cache.totals()
    listed = dict.fromkeys(ListKind, 0)
    async for batch in services.takedowns.walk():
        for entry in batch:
            listed[entry.kind] += 1
    report = await services.health.report()
    yield {
        "tracker": {
            "policy": "listed" if services.tracker.policy.listed else "open",
            "store": services.tracker.store.name,
            "torrents": totals.torrents,
            "peers": totals.peers,
            "seeders": totals.complete,
            "leechers": totals.incomplete,
        },
        "cache": {"files": files, "bytes": stored, "free": await services.cache.free()},
        "lists": {"blocked": listed[ListKind.DENY], "allowed": listed[ListKind.ALLOW]},
        "health": {"ok": report.ok, **report.parts},
    }


async def _census_close(services: AdminServices, _arguments: Arguments) -> AsyncIterator[Record]:
    """Close the census day now, after a flush, so that every peer seen so far is counted."""
    await services.flusher.flush()
    day = await services.census.end_day()
    yield {"day": day.isoformat() if day is not None else None}


async def _check(services: AdminServices, _arguments: Arguments) -> AsyncIterator[Record]:
    found = 0
    async for problem in services.cache.check():
        found += 1
        yield {"infohash": problem.infohash.upper, "problem": problem.what}
    files, _ = await services.cache.totals()
    yield {"files": files, "problems": found}
