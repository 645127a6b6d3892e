"""Rows of the catalogue for tests of stores that only read them."""

from typing import Any

from bittorrent.infohash import InfoHash
from storage.database import Database
from storage.tables.catalogue import torrent


async def add_torrent(database: Database, infohash: InfoHash, **values: Any) -> None:
    """Add the record of a torrent, with a category and a group; what is not given is 0 or empty."""
    number = values.setdefault("number", 1)
    async with database.transaction() as transaction:
        await transaction.run(
            "INSERT INTO category (id, name, folded) VALUES (900, 'kind', 'kind') ON CONFLICT DO NOTHING"
        )
        await transaction.run(
            "INSERT INTO work (id, name, category_id, description, picture, organism, strain,"
            " accession, lab, location, locked, created)"
            " VALUES (900, 'work', 900, '', '', '', '', '', '', '', 0, 0) ON CONFLICT DO NOTHING"
        )
        names = [
            column.name
            for column in torrent.columns
            if column.name not in {"id", "alias", *({"uploader_id"} - values.keys())}
        ]
        texts = {"title", "name", "root", "description", "platform", "format", "license", "scope", "archive"}
        row: dict[str, Any] = {name: "" if name in texts else 0 for name in names}
        row |= {name: value for name, value in values.items() if name in row}
        row |= {"infohash": bytes(infohash), "work_id": 900, "id": number}
        columns = ", ".join(row)
        await transaction.run(
            f"INSERT INTO torrent ({columns}) VALUES (:{', :'.join(row)})",
            row,
        )
