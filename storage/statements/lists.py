"""The statements of the lists' entries."""

from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    except_,
    func,
    or_,
    select,
    tuple_,
    union,
    update,
)

from bittorrent.infohash import V1_LENGTH
from storage.dialect import SqlDialect
from storage.statements.hash_pages import packed_page
from storage.tables.lists import entry as table
from storage.tables.lists import spelling


class ListStatements:
    """The statements of `SqlListEntries`."""

    def __init__(self, dialect: SqlDialect) -> None:
        verdict: BindParameter[Any] = bindparam("verdict")
        key = tuple_(table.c.infohash, table.c.verdict)
        covered = table.c.infohash.in_(
            select(spelling.c.infohash).where(
                spelling.c.hash == bindparam("hash"), spelling.c.verdict == verdict
            )
        )
        self.set = dialect.compile(dialect.upsert(table, "reason", "author", "since", "source"))
        self.spell = dialect.compile(dialect.insert_or_ignore(spelling))
        self.unset = dialect.compile(delete(table).where(table.c.verdict == verdict, covered))
        found = _select_named(dialect)
        self.find = dialect.compile(
            found.where(table.c.verdict == verdict, covered).order_by(table.c.infohash)
        )
        self.page = dialect.compile(
            found.where(
                key > tuple_(bindparam("infohash"), bindparam("after")),
                or_(verdict.is_(None), table.c.verdict == verdict),
            )
            .order_by(table.c.infohash, table.c.verdict)
            .limit(bindparam("limit"))
            .offset(bindparam("skip"))
        )
        # A disk that lied may have kept an entry without its names; it holds for its own infohash still.
        names = _short(spelling.c.hash, spelling.c.verdict)
        entries = _short(table.c.infohash, table.c.verdict)
        self.hashes = dialect.compile(packed_page(dialect, union(names, entries)))
        self.named_hashes = dialect.compile(packed_page(dialect, names))
        self.nameless_hashes = dialect.compile(packed_page(dialect, except_(entries, names)))
        self.reasons = dialect.compile(_reasons(dialect))
        mine = (table.c.verdict == verdict, table.c.source == bindparam("of_source"))
        this = table.c.infohash == bindparam("this")
        self.of_source = dialect.compile(
            select(table.c.infohash, table.c.reason)
            .where(*mine, table.c.infohash > bindparam("after"))
            .order_by(table.c.infohash)
            .limit(bindparam("limit"))
        )
        self.add = dialect.compile(dialect.insert_or_ignore(table))
        self.say = dialect.compile(update(table).where(*mine, this).values(reason=bindparam("said")))
        self.remove = dialect.compile(delete(table).where(*mine, this))
        counted = select(table.c.verdict).where(table.c.verdict == verdict).limit(bindparam("most"))
        self.count = dialect.compile(select(func.count()).select_from(counted.subquery()))


def _short(hashed: ColumnElement[Any], kind: ColumnElement[Any]) -> Select[Any]:
    """Select the next hashes of 20 bytes of a list."""
    return select(hashed.label("hash")).where(
        kind == bindparam("verdict"), func.length(hashed) == V1_LENGTH, hashed > bindparam("after")
    )


def _reasons(dialect: SqlDialect) -> Select[Any]:
    """Select each reason of the next hashes of 20 bytes of a list, with these hashes packed and the highest of them."""
    same = (table.c.infohash == spelling.c.infohash, table.c.verdict == spelling.c.verdict)
    found = (
        _short(spelling.c.hash, spelling.c.verdict)
        .add_columns(table.c.reason)
        .join(table, and_(*same))
        .order_by(spelling.c.hash)
        .limit(bindparam("limit"))
        .subquery()
    )
    packed = func.aggregate_strings(dialect.hex(found.c.hash), "")
    return select(found.c.reason, packed, func.max(found.c.hash)).group_by(found.c.reason)


def _select_named(dialect: SqlDialect) -> Select[Any]:
    """Select entries, each with its infohashes as one text."""
    names = (
        select(func.aggregate_strings(dialect.hex(spelling.c.hash), " "))
        .where(spelling.c.infohash == table.c.infohash, spelling.c.verdict == table.c.verdict)
        .scalar_subquery()
    )
    said = (table.c.reason, table.c.author, table.c.since, table.c.source)
    return select(table.c.infohash, table.c.verdict, *said, names)
