"""Makes the catalogue's store over a SQL database, of all its parts."""

from collections.abc import Callable, Iterable

from bittorrent.infohash import InfoHash
from catalogue.store import CatalogueStore
from storage.catalogue.collages import SqlCollages
from storage.catalogue.comments import SqlComments
from storage.catalogue.moderation import SqlModeration
from storage.catalogue.statistics import SqlStatistics
from storage.catalogue.taxonomy import SqlAuthors, SqlCategories, SqlTags
from storage.catalogue.torrents import SqlTorrents
from storage.database import Database
from storage.history import HistoryIndex, SqlHistory
from storage.search import SearchIndexWriter

BATCH_SIZE = 200
"""Groups changed in one transaction, so that other writers get their turn."""


def catalogue_store(
    database: Database,
    index: SearchIndexWriter,
    clock: Callable[[], float],
    batch: int = BATCH_SIZE,
    *,
    changed: Callable[[Iterable[InfoHash]], None] = lambda _: None,
) -> CatalogueStore:
    """Return the catalogue's store over a database; `index` is updated with every change that search can see.

    `clock` returns unix seconds; changes to many groups are made in transactions of `batch`. `changed` is called with
    the infohashes of torrents that were written, once that is committed, and before the call that did it returns.
    """
    history = SqlHistory(database, clock)
    index = HistoryIndex(index, history)
    torrents = SqlTorrents(database, index, clock, changed)
    return CatalogueStore(
        torrents=torrents,
        groups=torrents,
        statistics=SqlStatistics(database),
        categories=SqlCategories(database, index, batch),
        tags=SqlTags(database, index, batch),
        authors=SqlAuthors(database, index, batch),
        comments=SqlComments(database, clock),
        collages=SqlCollages(database, clock),
        moderation=SqlModeration(database),
        history=history,
    )
