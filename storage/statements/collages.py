"""The statements of collages and bookmarks."""

from typing import Any

from sqlalchemy import Integer, Select, bindparam, delete, func, or_, select

from storage.dialect import SqlDialect
from storage.statements.torrent_queries import has_visible_torrent
from storage.tables.accounts import account
from storage.tables.collages import bookmark, collage, collected

LIKE_ESCAPE = "!"
_COLLAGE_VISIBLE = or_(
    collage.c.hidden == 0,
    bindparam("moderates", type_=Integer) == 1,
    collage.c.account_id == bindparam("viewer", type_=Integer),
)


_NAME_MATCHES = collage.c.name.ilike(bindparam("pattern"), escape=LIKE_ESCAPE)


class CollageStatements:
    """The statements of `SqlCollages`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        self.one = compiled(_collages().where(collage.c.id == bindparam("row")))
        self.count = compiled(
            select(func.count()).select_from(collage).where(_COLLAGE_VISIBLE, _NAME_MATCHES)
        )
        page = _collages().where(_NAME_MATCHES).order_by(collage.c.id.desc())
        self.page = compiled(page.limit(bindparam("limit")).offset(bindparam("offset")))
        self.groups = compiled(
            select(collected.c.collage_id, collected.c.work_id)
            .where(dialect.in_list(collected.c.collage_id, "ids"), has_visible_torrent(collected.c.work_id))
            .order_by(collected.c.collage_id, collected.c.position)
        )
        here = collected.c.collage_id == bindparam("row")
        self.positions = compiled(select(func.count(), func.max(collected.c.position)).where(here))
        entry = (here, collected.c.work_id == bindparam("work"))
        self.position_of = compiled(select(collected.c.position).where(*entry))
        self.insert_entry = compiled(dialect.insert_or_ignore(collected))
        self.delete_entry = compiled(delete(collected).where(*entry))
        own = (bookmark.c.account_id == bindparam("user"), bookmark.c.kind == bindparam("of"))
        self.add_bookmark = compiled(dialect.insert_or_ignore(bookmark))
        self.drop_bookmark = compiled(delete(bookmark).where(*own, bookmark.c.target == bindparam("row")))
        self.count_bookmarks = compiled(select(func.count()).select_from(bookmark).where(*own))
        self.bookmarks = compiled(
            select(bookmark.c.target)
            .where(*own)
            .order_by(bookmark.c.added.desc(), bookmark.c.target.desc())
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.bookmarked = compiled(
            select(bookmark.c.target).where(*own, dialect.in_list(bookmark.c.target, "ids"))
        )


def _collages() -> Select[Any]:
    followed = (bookmark.c.kind == "collage", bookmark.c.target == collage.c.id)
    followers = select(func.count()).select_from(bookmark).where(*followed).scalar_subquery()
    joined = collage.join(account, account.c.id == collage.c.account_id)
    return select(collage, account.c.name, followers).select_from(joined).where(_COLLAGE_VISIBLE)
