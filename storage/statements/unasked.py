"""The statements of torrents that nobody asked for of late and nobody cares for."""

from sqlalchemy import ColumnElement, Text, bindparam, cast, exists, func, or_, select

from lists.infohashes import ListKind
from storage.dialect import SqlDialect
from storage.tables.cache import record
from storage.tables.catalogue import torrent, work
from storage.tables.collages import bookmark, collected
from storage.tables.discussion import comment
from storage.tables.jobs import content, job
from storage.tables.lists import spelling
from storage.tables.moderation import log_entry, report


class UnaskedStatements:
    """The statements of `SqlUnasked`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        unasked = (record.c.asked < bindparam("before"), ~_is_curated())
        found = (
            select(
                record.c.infohash,
                record.c.name,
                record.c.stored,
                record.c.asked,
                torrent.c.id,
                torrent.c.title,
            )
            .select_from(record.outerjoin(torrent, torrent.c.infohash == record.c.infohash))
            .where(*unasked)
        )
        self.page = compiled(found.order_by(record.c.asked, record.c.infohash).limit(bindparam("limit")))
        self.one = compiled(found.where(record.c.infohash == bindparam("infohash")))
        self.totals = compiled(
            select(func.count(), func.coalesce(func.sum(record.c.stored), 0)).where(*unasked)
        )


def _is_curated() -> ColumnElement[bool]:
    """Return the condition that somebody cares for a record's torrent: the one place that says who does.

    It has an owner, or peers; somebody changed it or its group, which the moderators' log or the record itself tells,
    or reported it; it is in a collage, bookmarked, or commented on; an account downloads it; or a list allows it.
    """
    listed = exists(
        select(spelling.c.hash).where(
            spelling.c.verdict == ListKind.ALLOW.value,
            or_(*(spelling.c.hash == name for name in (record.c.infohash, record.c.alias, record.c.v2))),
        )
    )
    # Looked up in a list that is made once: indexes of content are of shared and of own ones apart.
    fetched = select(content.c.infohash).select_from(job.join(content, content.c.id == job.c.content_id))
    other_name = func.coalesce(record.c.alias, record.c.infohash)
    downloaded = or_(record.c.infohash.in_(fetched), other_name.in_(fetched))
    catalogued = exists(
        select(torrent.c.id)
        .select_from(torrent.join(work, work.c.id == torrent.c.work_id))
        .where(torrent.c.infohash == record.c.infohash, or_(_is_written_on(), *_is_referred_to()))
        .correlate(record)
    )
    return or_(listed, downloaded, catalogued)


def _is_written_on() -> ColumnElement[bool]:
    """Return the condition that the record of a torrent says that somebody has an interest in it."""
    row = torrent.c
    return or_(
        row.uploader_id.is_not(None),
        row.updated != row.added,
        *(flag != 0 for flag in (row.hidden, row.locked, row.freeleech, row.annotated, work.c.locked)),
        row.seeders > 0,
        row.leechers > 0,
    )


def _is_referred_to() -> list[ColumnElement[bool]]:
    """Return the conditions that other rows name a torrent or its group."""
    collages = exists(select(collected.c.work_id).where(collected.c.work_id == torrent.c.work_id))
    comments = exists(select(comment.c.id).where(comment.c.work_id == torrent.c.work_id))
    found: list[ColumnElement[bool]] = [collages, comments]
    for subject, number in (("torrent", torrent.c.id), ("group", torrent.c.work_id)):
        found += [
            exists(select(bookmark.c.target).where(bookmark.c.kind == subject, bookmark.c.target == number)),
            exists(
                select(report.c.id).where(
                    report.c.subject == subject, report.c.target == number, report.c.resolved.is_(None)
                )
            ),
            exists(
                select(log_entry.c.id).where(
                    log_entry.c.subject == subject, log_entry.c.target == cast(number, Text)
                )
            ),
        ]
    return found
