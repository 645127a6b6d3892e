"""The statements of what accounts owe."""

from sqlalchemy import BindParameter, ColumnElement, Float, and_, bindparam, case, func, literal, or_, select

from storage.dialect import SqlDialect
from storage.tables.catalogue import torrent
from storage.tables.ledger import traffic
from tracker.obligations import Obligation

_ROW = (
    traffic.c.infohash,
    func.coalesce(torrent.c.title, literal("")),
    func.coalesce(torrent.c.size, literal(0)),
    *(traffic.c[name] for name in ("uploaded", "downloaded", "credited_up", "credited_down")),
    *(traffic.c[name] for name in ("seeded", "snatched", "seen")),
)


_FROM = traffic.outerjoin(torrent, torrent.c.infohash == traffic.c.infohash)


class ObligationStatements:
    """The statements of `SqlObligations`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        owner: BindParameter[int] = bindparam("owner")
        state, mine = obligation(), traffic.c.account_id == owner
        self.standings = compiled(
            select(*_ROW, state)
            .select_from(_FROM)
            .where(mine)
            .order_by(case((state == Obligation.BROKEN.value, 0), else_=1), traffic.c.seen.desc())
            .order_by(traffic.c.infohash)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self.count = compiled(select(func.count()).select_from(traffic).where(mine))
        self.counts = compiled(
            select(state.label("state"), func.count()).select_from(_FROM).where(mine).group_by("state")
        )


def obligation() -> ColumnElement[int]:
    """Return how a row of traffic joined to its torrent stands, by the parameters of `rule_parameters`."""
    row = traffic.c
    seed_time: BindParameter[int] = bindparam("seed_time")
    ratio: BindParameter[float] = bindparam("ratio", type_=Float)
    share: BindParameter[int] = bindparam("share")
    broken_before: BindParameter[int] = bindparam("broken_before")
    # Sums may be near the largest integer, so what is multiplied is no integer.
    part = row.downloaded * literal(100.0, Float) >= torrent.c.size * share
    downloaded = or_(row.snatched > 0, and_(share > 0, part))
    met = or_(
        row.seeded >= seed_time,
        and_(ratio > 0, row.uploaded >= row.downloaded * ratio),
    )
    return case(
        (or_(seed_time == 0, downloaded.is_not(True)), Obligation.NONE.value),
        (met, Obligation.MET.value),
        (row.seen < broken_before, Obligation.BROKEN.value),
        else_=Obligation.OWED.value,
    )
