"""Reads torrents and groups, each list in a few queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Select, bindparam, exists, func, or_, select

from bittorrent.infohash import InfoHash
from catalogue.model import Author, Category, Freeleech, Group, Person, Torrent, Viewer
from storage.database import Database, QuerySource
from storage.dialect import Statement
from storage.tables.accounts import account
from storage.tables.catalogue import author, authorship, category, tag, tagging, torrent, work
from storage.tables.moderation import report


def _visible(torrents: FromClause) -> ColumnElement[bool]:
    return or_(
        torrents.c.hidden == 0,
        bindparam("moderates", type_=Integer) == 1,
        torrents.c.uploader_id == bindparam("viewer", type_=Integer),
    )


VISIBLE: ColumnElement[bool] = _visible(torrent)
"""Whether a torrent is visible to the viewer given by `viewer_parameters`."""

_EXTRAS = ("uploader_name", "reported")
_TORRENT = tuple(column.name for column in torrent.columns) + _EXTRAS
_WORK = (*(column.name for column in work.columns), "category_name", "parent_id")


def viewer_parameters(viewer: Viewer) -> dict[str, object]:
    """Return the parameters of VISIBLE."""
    return {"moderates": int(viewer.moderates), "viewer": viewer.user_id}


def is_visible(shown: Torrent, viewer: Viewer) -> bool:
    """Return whether a torrent is visible to a viewer, as VISIBLE says it in SQL."""
    if not shown.hidden or viewer.moderates:
        return True
    return shown.uploader is not None and shown.uploader.id == viewer.user_id


def has_visible_torrent(number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a group has a torrent visible to the viewer."""
    return exists(select(torrent.c.id).where(torrent.c.work_id == number, VISIBLE))


def _torrents() -> Select[Any]:
    open_report = exists(
        select(report.c.id).where(
            report.c.subject == "torrent", report.c.target == torrent.c.id, report.c.resolved.is_(None)
        )
    )
    joined = torrent.outerjoin(account, account.c.id == torrent.c.uploader_id)
    return select(torrent, account.c.name, open_report).select_from(joined).where(VISIBLE)


class CatalogueReader:
    """Queries of torrents and groups, run on the readers or inside a transaction."""

    def __init__(self, database: Database) -> None:
        self._dialect = dialect = database.dialect
        compiled = dialect.compile
        named = or_(torrent.c.infohash == bindparam("hash"), torrent.c.alias == bindparam("hash"))
        self._by_id = compiled(_torrents().where(dialect.in_list(torrent.c.id, "ids")))
        self._by_hash = compiled(_torrents().where(named).order_by(torrent.c.held.desc(), torrent.c.id))
        self._of_groups = compiled(
            _torrents().where(dialect.in_list(torrent.c.work_id, "ids")).order_by(torrent.c.id)
        )
        # The sum keeps the database from walking all torrents in the order of their ids.
        member = torrent.alias("member")
        newest = (
            select(member.c.id)
            .where(dialect.in_list(member.c.work_id, "ids"), _visible(member))
            .order_by((member.c.id + 0).desc())
            .limit(bindparam("limit"))
        )
        self._newest_of_groups = compiled(
            _torrents().where(torrent.c.id.in_(newest)).order_by(torrent.c.id.desc())
        )
        self._groups = compiled(
            select(work, category.c.name, category.c.parent_id)
            .join_from(work, category, category.c.id == work.c.category_id)
            .where(dialect.in_list(work.c.id, "ids"), has_visible_torrent(work.c.id))
        )
        self._counts = compiled(
            select(torrent.c.work_id, func.count(), func.max(torrent.c.added))
            .where(dialect.in_list(torrent.c.work_id, "ids"), torrent.c.hidden == 0)
            .group_by(torrent.c.work_id)
        )
        # A tag whose groups are still being moved to the tag that it became an alias of is shown as that.
        resolved = tag.alias("resolved")
        self._tags = compiled(
            select(tagging.c.work_id, resolved.c.name)
            .join_from(tagging, tag, tag.c.id == tagging.c.tag_id)
            .join(resolved, resolved.c.id == func.coalesce(tag.c.alias_of, tag.c.id))
            .where(dialect.in_list(tagging.c.work_id, "ids"))
            .distinct()
            .order_by(tagging.c.work_id, resolved.c.name)
        )
        self._authors = compiled(
            select(authorship.c.work_id, author.c.id, author.c.name, author.c.picture, author.c.description)
            .join_from(authorship, author, author.c.id == authorship.c.author_id)
            .where(dialect.in_list(authorship.c.work_id, "ids"))
            .order_by(authorship.c.work_id, authorship.c.position)
        )

    async def torrents(self, source: QuerySource, ids: Iterable[int], viewer: Viewer) -> dict[int, Torrent]:
        """Return torrents by id."""
        found = await self._read(source, self._by_id, {"ids": self._dialect.ids(ids)}, viewer)
        return {each.id: each for each in found}

    async def by_names(
        self, source: QuerySource, names: Iterable[InfoHash | int], viewer: Viewer
    ) -> list[Torrent]:
        """Return the torrents of any of the infohashes or ids, once each, those that are held first."""
        found: dict[int, Torrent] = {}
        for name in names:
            if isinstance(name, InfoHash):
                rows = await self._read(source, self._by_hash, {"hash": name.truncated}, viewer)
            else:
                rows = list((await self.torrents(source, [name], viewer)).values())
            found.update({each.id: each for each in rows})
        return sorted(found.values(), key=lambda each: (not each.held, each.id))

    async def torrents_of(self, source: QuerySource, groups: Iterable[int], viewer: Viewer) -> list[Torrent]:
        """Return the torrents of groups, oldest first."""
        return await self._read(source, self._of_groups, {"ids": self._dialect.ids(groups)}, viewer)

    async def newest_of(
        self, source: QuerySource, groups: Iterable[int], viewer: Viewer, limit: int
    ) -> list[Torrent]:
        """Return the newest torrents of groups, newest first."""
        parameters = {"ids": self._dialect.ids(groups), "limit": limit}
        return await self._read(source, self._newest_of_groups, parameters, viewer)

    async def groups(self, source: QuerySource, ids: Iterable[int], viewer: Viewer) -> dict[int, Group]:
        """Return groups by id."""
        parameters = {"ids": self._dialect.ids(ids)}
        rows = await source.rows(self._groups, {**parameters, **viewer_parameters(viewer)})
        if not rows:
            return {}
        counts = {number: tuple(rest) for number, *rest in await source.rows(self._counts, parameters)}
        tags: defaultdict[int, list[str]] = defaultdict(list)
        for number, name in await source.rows(self._tags, parameters):
            tags[number].append(name)
        authors: defaultdict[int, list[Author]] = defaultdict(list)
        for number, *rest in await source.rows(self._authors, parameters):
            authors[number].append(Author(*rest))
        return {
            row[0]: _group(row, tuple(tags[row[0]]), tuple(authors[row[0]]), counts.get(row[0]))
            for row in rows
        }

    async def _read(
        self, source: QuerySource, statement: Statement, parameters: dict[str, Any], viewer: Viewer
    ) -> list[Torrent]:
        rows = [
            dict(zip(_TORRENT, row, strict=True))
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
    row: Sequence[Any],
    tags: tuple[str, ...],
    authors: tuple[Author, ...],
    counted: tuple[Any, ...] | None,
) -> Group:
    values = dict(zip(_WORK, row, strict=True))
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
