"""The queries of torrents and groups."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Select, bindparam, exists, func, or_, select

from storage.dialect import SqlDialect
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


class TorrentQueries:
    """The statements of `CatalogueReader`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.torrent_columns = (*(column.name for column in torrent.columns), "uploader_name", "reported")
        self.work_columns = (*(column.name for column in work.columns), "category_name", "parent_id")
        named = or_(torrent.c.infohash == bindparam("hash"), torrent.c.alias == bindparam("hash"))
        self.by_id = compiled(_torrents().where(dialect.in_list(torrent.c.id, "ids")))
        self.by_hash = compiled(_torrents().where(named).order_by(torrent.c.held.desc(), torrent.c.id))
        self.of_groups = compiled(
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
        self.newest_of_groups = compiled(
            _torrents().where(torrent.c.id.in_(newest)).order_by(torrent.c.id.desc())
        )
        self.groups = compiled(
            select(work, category.c.name, category.c.parent_id)
            .join_from(work, category, category.c.id == work.c.category_id)
            .where(dialect.in_list(work.c.id, "ids"), has_visible_torrent(work.c.id))
        )
        self.counts = compiled(
            select(torrent.c.work_id, func.count(), func.max(torrent.c.added))
            .where(dialect.in_list(torrent.c.work_id, "ids"), torrent.c.hidden == 0)
            .group_by(torrent.c.work_id)
        )
        # A tag whose groups are still being moved to the tag that it became an alias of is shown as that.
        resolved = tag.alias("resolved")
        self.tags = compiled(
            select(tagging.c.work_id, resolved.c.name)
            .join_from(tagging, tag, tag.c.id == tagging.c.tag_id)
            .join(resolved, resolved.c.id == func.coalesce(tag.c.alias_of, tag.c.id))
            .where(dialect.in_list(tagging.c.work_id, "ids"))
            .distinct()
            .order_by(tagging.c.work_id, resolved.c.name)
        )
        self.authors = compiled(
            select(authorship.c.work_id, author.c.id, author.c.name, author.c.picture, author.c.description)
            .join_from(authorship, author, author.c.id == authorship.c.author_id)
            .where(dialect.in_list(authorship.c.work_id, "ids"))
            .order_by(authorship.c.work_id, authorship.c.position)
        )


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
