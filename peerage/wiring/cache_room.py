"""Makes what tells that the cache fills, and makes room in it."""

from typing import TYPE_CHECKING

from actions.cache_room import CacheRoom, RoomTerms, WhenFull
from storage.unasked import SqlUnasked

if TYPE_CHECKING:
    from peerage.wiring.application import Application


def make_cache_room(application: "Application") -> CacheRoom:
    """Return what tells that the cache fills, and makes room in it."""
    wanted, records = application.settings.cache, application.catalogue_records
    return CacheRoom(
        application.cache,
        SqlUnasked(application.stores.records),
        application.takedowns,
        records.store.torrents,
        records.moderation,
        terms=RoomTerms(WhenFull(wanted.when_full), wanted.unasked_days),
        clock=application.environment.clock,
        emit=application.webhooks.emit,
        note=application.note_maintenance,
    )
