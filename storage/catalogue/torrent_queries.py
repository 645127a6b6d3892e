"""Reads torrents and groups, each list in a few queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from catalogue.model import Author, Category, Freeleech, Group, Person, Torrent, Viewer
from storage.database import Database, QuerySource
from storage.dialect import Statement

if TYPE_CHECKING:
    from storage.statements.torrent_queries import TorrentQueries


def viewer_parameters(viewer: Viewer) -> dict[str, object]:
    """Return the parameters of VISIBLE."""
    return {"moderates": int(viewer.moderates), "viewer": viewer.user_id}


def is_visible(shown: Torrent, viewer: Viewer) -> bool:
    """Return whether a torrent is visible to a viewer, as VISIBLE says it in SQL."""
    if not shown.hidden or viewer.moderates:
        return True
    return shown.uploader is not None and shown.uploader.id == viewer.user_id


class CatalogueReader:
    """Queries of torrents and groups, run on the readers or inside a transaction."""

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._sql: TorrentQueries = database.dialect.statements(
            "storage.statements.torrent_queries.TorrentQueries"
        )

    async def torrents(self, source: QuerySource, ids: Iterable[int], viewer: Viewer) -> dict[int, Torrent]:
        """Return torrents by id."""
        found = await self._read(source, self._sql.by_id, {"ids": self._dialect.ids(ids)}, viewer)
        return {each.id: each for each in found}

    async def by_names(
        self, source: QuerySource, names: Iterable[InfoHash | int], viewer: Viewer
    ) -> list[Torrent]:
        """Return the torrents of any of the infohashes or ids, once each, those that are held first."""
        found: dict[int, Torrent] = {}
        for name in names:
            if isinstance(name, InfoHash):
                rows = await self._read(source, self._sql.by_hash, {"hash": name.truncated}, viewer)
            else:
                rows = list((await self.torrents(source, [name], viewer)).values())
            found.update({each.id: each for each in rows})
        return sorted(found.values(), key=lambda each: (not each.held, each.id))

    async def torrents_of(self, source: QuerySource, groups: Iterable[int], viewer: Viewer) -> list[Torrent]:
        """Return the torrents of groups, oldest first."""
        return await self._read(source, self._sql.of_groups, {"ids": self._dialect.ids(groups)}, viewer)

    async def newest_of(
        self, source: QuerySource, groups: Iterable[int], viewer: Viewer, limit: int
    ) -> list[Torrent]:
        """Return the newest torrents of groups, newest first."""
        parameters = {"ids": self._dialect.ids(groups), "limit": limit}
        return await self._read(source, self._sql.newest_of_groups, parameters, viewer)

    async def groups(self, source: QuerySource, ids: Iterable[int], viewer: Viewer) -> dict[int, Group]:
        """Return groups by id."""
        parameters = {"ids": self._dialect.ids(ids)}
        rows = await source.rows(self._sql.groups, {**parameters, **viewer_parameters(viewer)})
        if not rows:
            return {}
        counts = {number: tuple(rest) for number, *rest in await source.rows(self._sql.counts, parameters)}
        tags: defaultdict[int, list[str]] = defaultdict(list)
        for number, name in await source.rows(self._sql.tags, parameters):
            tags[number].append(name)
        authors: defaultdict[int, list[Author]] = defaultdict(list)
        for number, *rest in await source.rows(self._sql.authors, parameters):
            authors[number].append(Author(*rest))
        return {
            row[0]: _group(
                self._sql.work_columns, row, tuple(tags[row[0]]), tuple(authors[row[0]]), counts.get(row[0])
            )
            for row in rows
        }

    async def _read(
        self, source: QuerySource, statement: Statement, parameters: dict[str, Any], viewer: Viewer
    ) -> list[Torrent]:
        rows = [
            dict(zip(self._sql.torrent_columns, row, strict=True))
            for row in await source.rows(statement, {**parameters, **viewer_parameters(viewer)})
        ]
        groups = await self.groups(source, {row["work_id"] for row in rows}, viewer)
        return [_torrent(row, groups[row["work_id"]]) for row in rows if row["work_id"] in groups]


def _torrent(row: dict[str, Any], group: Group) -> Torrent:
    uploader = Person(row["uploader_id"], row["uploader_name"]) if row["uploader_name"] is not None else None
    values = {name: value for name, value in row.items() if name not in _NOT_FIELDS}
    values |= {name: bool(row[name]) for name in _FLAGS}
    values["infohash"] = InfoHash.of(row["infohash"])
    values["alias"] = InfoHash.of(row["alias"]) if row["alias"] is not None else None
    return Torrent(**{**values, "freeleech": Freeleech(row["freeleech"])}, group=group, uploader=uploader)


_NOT_FIELDS = ("work_id", "uploader_id", "uploader_name")
_FLAGS = ("anonymous", "annotated", "private", "held", "hidden", "locked", "reported")


def _group(
    columns: Sequence[str],
    row: Sequence[Any],
    tags: tuple[str, ...],
    authors: tuple[Author, ...],
    counted: tuple[Any, ...] | None,
) -> Group:
    values = dict(zip(columns, row, strict=True))
    torrents, newest = counted or (0, values["created"])
    named = Category(values.pop("category_id"), values.pop("category_name"), values.pop("parent_id"))
    return Group(
        **{**values, "locked": bool(values["locked"])},
        category=named,
        authors=authors,
        tags=tags,
        newest=newest,
        torrents=torrents,
    )
