"""Makes what searches the records of torrents and keeps them in step, beside what changes them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.catalogue_sync import CatalogueSync
from actions.changes import Changes
from actions.curation import Curation
from catalogue.catalogue import Catalogue
from catalogue.imdb_titles import ImdbTitles
from catalogue.search import Search

if TYPE_CHECKING:
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class CatalogueServices:
    """The records of torrents, and what changes and searches them."""

    catalogue: Catalogue
    search: Search
    curation: Curation
    sync: CatalogueSync
    changes: Changes
    titles: ImdbTitles


def make_catalogue(application: "Application") -> CatalogueServices:
    """Return the catalogue of an application."""
    records, torrents = application.catalogue_records, application.torrents
    stores, environment = application.stores, application.environment
    return CatalogueServices(
        catalogue=records,
        search=Search(application.search_index),
        curation=application.curation,
        sync=CatalogueSync(
            torrents.cache,
            records,
            torrents.takedowns,
            torrents.release_parser,
            reader=torrents.uploads.reader,
        ),
        changes=Changes(
            records.store,
            application.lists,
            environment.clock,
            keep=application.settings.catalogue.history_days * 86_400,
            note=application.note_maintenance,
        ),
        titles=environment.titles or stores.titles,
    )
