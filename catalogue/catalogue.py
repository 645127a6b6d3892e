"""Catalogue: torrents, groups, taxonomy, collages, comments and moderation, over one store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from catalogue.collages import Collages
from catalogue.comments import Comments
from catalogue.groups import Groups
from catalogue.moderation import Moderation
from catalogue.store import CatalogueStore
from catalogue.taxonomy import Taxonomy
from catalogue.torrents import Torrents


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The catalogue's parts. What needs no rule, such as reading, is asked of the `store` directly.

    Hidden records are only found by a viewer who moderates, or who uploaded or wrote them. Changes are on disk
    when they return. Authorization is not checked here: that is `actions.curation`.
    """

    store: CatalogueStore
    torrents: Torrents
    groups: Groups
    taxonomy: Taxonomy
    collages: Collages
    comments: Comments
    moderation: Moderation

    @classmethod
    def over(cls, store: CatalogueStore, clock: Callable[[], float]) -> Self:
        """Return the catalogue over a store; `clock` gives unix seconds."""
        return cls(
            store=store,
            torrents=Torrents(store.torrents, clock),
            groups=Groups(store.groups),
            taxonomy=Taxonomy(store.categories, store.tags, store.authors),
            collages=Collages(store.collages, clock),
            comments=Comments(store.comments, clock),
            moderation=Moderation(store.moderation, clock),
        )
