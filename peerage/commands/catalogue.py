"""Commands for the records of torrents: search, show, delete."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import click

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from peerage.commands.command import Command
from peerage.commands.parameters import Infohash
from peerage.commands.terminal import moment, print_each, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from catalogue.model import CatalogueFile, Torrent
    from lists.infohashes import ListEntry
    from peerage.wiring.application import Application

_ORDERS = ("relevance", "time", "size", "seeders", "leechers", "snatched", "year", "name")
_MOST_FILES = 1000


@dataclass(frozen=True, slots=True)
class SearchTorrents:
    """Search the catalogue, hidden torrents too, in the syntax of every search; without words, the newest."""

    words: Annotated[tuple[str, ...], click.Argument(["words"], metavar="[WORDS]...", nargs=-1)] = ()
    limit: Annotated[
        int,
        click.Option(
            ["--limit"], type=click.IntRange(1, 1000), default=25, help="Torrents at most. [default: 25]"
        ),
    ] = 25
    order: Annotated[
        str,
        click.Option(
            ["--sort", "order"],
            type=click.Choice(_ORDERS),
            default="time",
            help="What is first: the most of it, or for name the first letter. [default: time]",
        ),
    ] = "time"


@dataclass(frozen=True, slots=True)
class ShowTorrent:
    """Show all that is known of a torrent: its record, files, swarm and list entries."""

    infohash: Infohash


@dataclass(frozen=True, slots=True)
class DeleteTorrent:
    """Delete a torrent's record and file; unlike a blocked one it may be uploaded again."""

    infohash: Infohash
    reason: Annotated[
        str, click.Option(["--reason"], default="", metavar="TEXT", help="What the log says of it.")
    ] = ""


@dataclass(frozen=True, slots=True)
class FoundTorrent:
    """A torrent of the catalogue in a line; `size` in bytes, `added` in unix seconds."""

    infohash: str
    title: str
    category: str
    size: int
    added: int
    seeders: int
    leechers: int
    hidden: bool


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a torrent, in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class TorrentRecord:
    """What is known of a torrent; texts are "" and times 0 where there is no record in the catalogue.

    `listed` is deny or allow where it is on a list. `files` are the first thousand.
    """

    infohash: str
    alias: str = ""
    number: int = 0
    title: str = ""
    name: str = ""
    group: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    uploader: str = ""
    added: int = 0
    updated: int = 0
    size: int = 0
    file_count: int = 0
    files: tuple[FileRecord, ...] = ()
    held: bool = False
    hidden: bool = False
    locked: bool = False
    private: bool = False
    seeders: int = 0
    leechers: int = 0
    completed: int = 0
    listed: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeletedTorrent:
    """A torrent that was deleted."""

    infohash: str
    title: str


async def _search(
    application: "Application", _operator: "Principal", arguments: SearchTorrents
) -> AsyncIterator[FoundTorrent]:
    from catalogue.query import SearchQuery, SortOrder  # noqa: PLC0415 - where the command runs
    from catalogue.search import Search  # noqa: PLC0415
    from catalogue.store import UNRESTRICTED_VIEWER  # noqa: PLC0415
    from catalogue.syntax import parse  # noqa: PLC0415

    records, order = application.catalogue_records, SortOrder(arguments.order)
    wanted = SearchQuery(
        parse(" ".join(arguments.words)),
        order,
        descending=order is not SortOrder.NAME,
        limit=arguments.limit,
        moderates=True,
    )
    found = await Search(application.search_index).torrents(wanted)
    for each in await records.store.torrents.torrents(found.ids, UNRESTRICTED_VIEWER):
        yield FoundTorrent(
            each.infohash.upper,
            each.title,
            each.group.category.name,
            each.size,
            each.added,
            each.seeders,
            each.leechers,
            each.hidden,
        )


async def _show(
    application: "Application", _operator: "Principal", arguments: ShowTorrent
) -> AsyncIterator[TorrentRecord]:
    infohash = InfoHash.parse(arguments.infohash)
    torrent = await _find(application, infohash)
    entry = await _entry(application, infohash)
    swarm = application.tracker.tracker.store.scrape(infohash.truncated)
    if torrent is None and entry is None and not (swarm.complete or swarm.incomplete or swarm.downloaded):
        raise Refusal("not-found", "no torrent has that infohash")
    files: tuple[CatalogueFile, ...] = ()
    if torrent is not None:
        contents = await application.catalogue_records.store.torrents.contents(torrent.id, 0, _MOST_FILES)
        files = contents.files
    listed, reason = (entry.kind.value, entry.reason) if entry is not None else ("", "")
    if torrent is None:
        yield TorrentRecord(
            infohash=infohash.upper,
            seeders=swarm.complete,
            leechers=swarm.incomplete,
            completed=swarm.downloaded,
            listed=listed,
            reason=reason,
        )
        return
    yield TorrentRecord(
        infohash=torrent.infohash.upper,
        alias=torrent.alias.upper if torrent.alias is not None else "",
        number=torrent.id,
        title=torrent.title,
        name=torrent.name,
        group=torrent.group.name,
        category=torrent.group.category.name,
        tags=torrent.group.tags,
        uploader=torrent.uploader.name if torrent.uploader is not None else "",
        added=torrent.added,
        updated=torrent.updated,
        size=torrent.size,
        file_count=torrent.file_count,
        files=tuple(FileRecord(each.path, each.size) for each in files),
        held=torrent.held,
        hidden=torrent.hidden,
        locked=torrent.locked,
        private=torrent.private,
        seeders=swarm.complete,
        leechers=swarm.incomplete,
        completed=torrent.completed(swarm.downloaded),
        listed=listed,
        reason=reason,
    )


async def _delete(
    application: "Application", operator: "Principal", arguments: DeleteTorrent
) -> AsyncIterator[DeletedTorrent]:
    torrent = await _find(application, InfoHash.parse(arguments.infohash))
    if torrent is None:
        raise Refusal("not-found", "no torrent has that infohash")
    await application.curation.delete_torrent(operator, torrent.id, arguments.reason)
    yield DeletedTorrent(torrent.infohash.upper, torrent.title)


async def _entry(application: "Application", infohash: InfoHash) -> "ListEntry | None":
    from lists.infohashes import ListKind  # noqa: PLC0415 - where the command runs

    for kind in ListKind:
        for entry in await application.lists.find([infohash], kind):
            return entry
    return None


async def _find(application: "Application", infohash: InfoHash) -> "Torrent | None":
    from catalogue.store import UNRESTRICTED_VIEWER  # noqa: PLC0415 - where the command runs

    torrents = application.catalogue_records.store.torrents
    return await torrents.torrent(infohash.truncated, UNRESTRICTED_VIEWER)


async def _show_found(_arguments: SearchTorrents, records: AsyncIterator[FoundTorrent]) -> bool:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    def line(each: FoundTorrent) -> str:
        hidden = "  (hidden)" if each.hidden else ""
        numbers = f"{format_size(each.size):>10}  {each.seeders:>5} {each.leechers:>5}"
        return f"{each.infohash}  {numbers}  {each.category:<10}  {each.title}{hidden}"

    return await print_each(records, line)


async def _show_torrent(_arguments: ShowTorrent, records: AsyncIterator[TorrentRecord]) -> bool:
    from peerage.setting_values import format_size  # noqa: PLC0415 - not for --help

    async for each in records:
        marks = {
            "held": each.held,
            "private": each.private,
            "hidden": each.hidden,
            "locked": each.locked,
        }
        rows = {
            "infohash": each.infohash,
            "v2 infohash": each.alias,
            "title": each.title,
            "name": each.name,
            "group": each.group,
            "category": each.category,
            "tags": ", ".join(each.tags),
            "uploader": each.uploader,
            "added": moment(each.added) if each.added else "",
            "changed": moment(each.updated) if each.updated else "",
            "size": f"{format_size(each.size)} in {each.file_count:,} files" if each.number else "",
            "is": ", ".join(name for name, true in marks.items() if true),
            "swarm": f"{each.seeders:,} seeders, {each.leechers:,} leechers, {each.completed:,} completed",
            "listed": f"{each.listed}: {each.reason}".rstrip(": "),
        }
        for name, value in rows.items():
            if value:
                print_line(f"{name:<12}  {value}")
        for file in each.files:
            print_line(f"{format_size(file.size):>12}  {file.path}")
        if each.file_count > len(each.files):
            print_line(f"{'':<12}  and {each.file_count - len(each.files):,} more")
    return True


async def _show_deleted(_arguments: DeleteTorrent, records: AsyncIterator[DeletedTorrent]) -> bool:
    return await print_each(records, lambda each: f"deleted  {each.infohash}  {each.title}")


SEARCH = Command(
    path=("search",),
    arguments=SearchTorrents,
    record=FoundTorrent,
    run=_search,
    show=_show_found,
    starts=False,
)
SHOW_TORRENT = Command(
    path=("show",),
    arguments=ShowTorrent,
    record=TorrentRecord,
    run=_show,
    show=_show_torrent,
    starts=False,
    counts_swarms=True,
)
DELETE_TORRENT = Command(
    path=("delete",),
    arguments=DeleteTorrent,
    record=DeletedTorrent,
    run=_delete,
    show=_show_deleted,
    starts=False,
)
