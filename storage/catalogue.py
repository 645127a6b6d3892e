"""Builds the catalogue's store over `peerage.db`."""

from collections.abc import Callable

from catalogue.store import CatalogueStore
from storage.catalogue_authors import SqliteAuthors
from storage.catalogue_categories import SqliteCategories
from storage.catalogue_collages import SqliteCollages
from storage.catalogue_comments import SqliteComments
from storage.catalogue_moderation import SqliteModeration
from storage.catalogue_reindexing import SearchIndexWriter
from storage.catalogue_statistics import SqliteStatistics
from storage.catalogue_tags import SqliteTags
from storage.catalogue_torrents import SqliteTorrents
from storage.database import Database


def catalogue_store(
    database: Database, index: SearchIndexWriter, clock: Callable[[], float]
) -> CatalogueStore:
    """Return the catalogue's store over a database; `index` is updated with every change that search can see."""
    torrents = SqliteTorrents(database, index, clock)
    return CatalogueStore(
        torrents=torrents,
        groups=torrents,
        statistics=SqliteStatistics(database),
        categories=SqliteCategories(database, index),
        tags=SqliteTags(database, index),
        authors=SqliteAuthors(database, index),
        comments=SqliteComments(database, clock),
        collages=SqliteCollages(database, clock),
        moderation=SqliteModeration(database),
    )
