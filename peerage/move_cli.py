"""The command line of `peerage move`, which copies the records of a data folder into PostgreSQL, or back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from peerage.cli import config_option, json_option, settings_from
from peerage.commands.progress import Progress, with_progress
from peerage.commands.terminal import print_json
from peerage.config import Settings
from peerage.setting_values import read_database
from storage.data_folder import DataFolder, FolderError
from storage.database import Database, DatabaseError
from storage.moving import Moved, MoveFailed, count_rows, move
from storage.schema import PEERAGE

_FILE = "sqlite"


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two databases, its search index, and how its ids go on."""

    database: Database
    index: Any
    ids: ModuleType


@dataclass(slots=True)
class _MadeFile:
    """The file of a database, which goes again unless all of it was moved."""

    path: Path
    keep: bool

    def remove(self) -> None:
        """Remove it, and what is beside it."""
        if not self.keep:
            for each in self.path.parent.glob(f"{self.path.name}*"):
                each.unlink()


@click.command(
    "move",
    params=[
        click.Option(
            ["--to"],
            required=True,
            metavar="URL|sqlite",
            help="An empty PostgreSQL database; or `sqlite`: from the one that `database` names into the data folder.",
        ),
        click.Option(["--data"], type=click.Path(path_type=Path), metavar="PATH", help="The data folder."),
        config_option(),
        json_option(),
    ],
)
def move_records(to: str, data: Path | None, config: Path | None, *, as_json: bool) -> None:
    """Copy all records into an empty database, index them there and compare; no server may run on the data folder."""
    settings = settings_from(config, {} if data is None else {"data": data})
    os.umask(0o077)
    try:
        counts = asyncio.run(_move(settings, to))
    except (DatabaseError, FolderError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        for name, count in counts.items():
            print_json({"table": name, "rows": count})
        return
    for name, count in counts.items():
        click.echo(f"{name:<18} {count:>12,}")
    click.echo(
        "moved and compared; remove the setting `database`"
        if to == _FILE
        else "moved and compared; set `database` to that URL. Files and secrets stay in the data folder"
    )


async def _move(settings: Settings, to: str) -> dict[str, int]:
    url = settings.database if to == _FILE else str(read_database(to) or "")
    if not url:
        raise MoveFailed("`database` is not set: there is nothing to move from")
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(DataFolder(settings.data))
        if folder.records.exists() == (to == _FILE):
            raise MoveFailed(f"{folder.records} is {'there: move it away' if to == _FILE else 'not there'}")
        made = _MadeFile(folder.records, keep=to != _FILE)
        stack.callback(made.remove)
        sides = await _open_file(folder.records, stack), await _open_server(url, stack)
        source, target = sides[::-1] if to == _FILE else sides
        counts = await count_rows(source.database)
        # Each row is copied and compared, each torrent indexed.
        progress = Progress("moving", 2 * sum(counts.values()) + counts["torrent"])
        moved = with_progress(_moved(source, target), progress, lambda each, position: position + each.rows)
        async for _ in moved:
            pass
        made.keep = True
        return counts


async def _moved(source: _Side, target: _Side) -> AsyncIterator[Moved]:
    async for each in move(source.database, target.database, target.index):
        yield each
    numbers = await source.ids.last_ids(source.database)
    async with target.database.transaction() as transaction:
        await target.ids.set_last_ids(transaction, numbers)


async def _open_file(path: Path, stack: AsyncExitStack) -> _Side:
    from storage.sqlite import last_ids  # noqa: PLC0415 - each engine where it is used
    from storage.sqlite.database import SqliteDatabase  # noqa: PLC0415
    from storage.sqlite.search.index import SqliteSearchIndex  # noqa: PLC0415

    database = await SqliteDatabase.open(path, PEERAGE, "FULL")
    stack.push_async_callback(database.close)
    return _Side(database, SqliteSearchIndex(database, 1, 1.0), last_ids)


async def _open_server(url: str, stack: AsyncExitStack) -> _Side:
    try:
        from storage.postgresql import last_ids  # noqa: PLC0415
        from storage.postgresql.database import PostgresqlDatabase  # noqa: PLC0415
        from storage.postgresql.search.index import PostgresqlSearchIndex  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MoveFailed(f"PostgreSQL needs {error.name}: install peerage[cluster]") from error
    database = await PostgresqlDatabase.open(url, PEERAGE, 2)
    stack.push_async_callback(database.close)
    return _Side(database, PostgresqlSearchIndex(database, 1, 1.0), last_ids)
