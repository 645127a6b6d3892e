"""Builds the catalogue's store over `peerage.db`."""

from collections.abc import Callable

from catalogue.shelf import Shelf
from storage.catalogue_authors import SqliteAuthors
from storage.catalogue_cases import SqliteCases
from storage.catalogue_categories import SqliteCategories
from storage.catalogue_charts import SqliteCharts
from storage.catalogue_collages import SqliteCollages
from storage.catalogue_parts import Indexing
from storage.catalogue_remarks import SqliteRemarks
from storage.catalogue_tags import SqliteTags
from storage.catalogue_works import SqliteWorks
from storage.database import Database


def catalogue_shelf(database: Database, index: Indexing, clock: Callable[[], float]) -> Shelf:
    """Return the catalogue's store over a database; `index` is updated with every change that search can see."""
    return Shelf(
        works=SqliteWorks(database, index, clock),
        charts=SqliteCharts(database),
        categories=SqliteCategories(database, index),
        tags=SqliteTags(database, index),
        authors=SqliteAuthors(database, index),
        remarks=SqliteRemarks(database, clock),
        collages=SqliteCollages(database, clock),
        cases=SqliteCases(database),
    )
