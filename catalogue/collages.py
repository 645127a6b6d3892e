"""Collages and bookmarks of the catalogue."""

from collections.abc import Callable

from catalogue.fields import MOST_BOOKMARKS, MOST_IN_COLLAGE, UNSET, CollageChange, invalid_field
from catalogue.model import BookmarkKind, Collage
from catalogue.store import UNRESTRICTED_VIEWER, CollageStore, require


class Collages:
    """Changes to collages and bookmarks; `clock` gives unix seconds. `at` is the time of an imported one."""

    def __init__(
        self,
        store: CollageStore,
        clock: Callable[[], float],
        *,
        most_groups: int = MOST_IN_COLLAGE,
        most_bookmarks: int = MOST_BOOKMARKS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._most_groups = most_groups
        self._most_bookmarks = most_bookmarks

    async def add(self, change: CollageChange, creator: int, at: int | None = None) -> Collage:
        """Create a collage. Refusal: `invalid` without a name."""
        if change.name is UNSET:
            raise invalid_field("name", "It is required.")
        return await self._collage(await self._store.add_collage(change, creator, self._time(at)))

    async def edit(self, collage: int, change: CollageChange) -> Collage:
        """Change a collage. Refusal: `not-found`."""
        await self._store.change_collage(collage, change)
        return await self._collage(collage)

    async def add_group(self, collage: int, group: int, by: int) -> Collage:
        """Append a group to a collage unless it is there. Refusal: `not-found`, `full`."""
        await self._store.add_group(collage, group, by, self._most_groups)
        return await self._collage(collage)

    async def remove_group(self, collage: int, group: int) -> Collage:
        """Remove a group from a collage. Refusal: `not-found`."""
        await self._store.remove_group(collage, group)
        return await self._collage(collage)

    async def bookmark(
        self, user: int, kind: BookmarkKind, target: int, *, on: bool, at: int | None = None
    ) -> None:
        """Add or remove a bookmark. Refusal: `not-found`, `full`."""
        if on:
            await self._store.bookmark(user, kind, target, self._time(at), self._most_bookmarks)
        else:
            await self._store.unbookmark(user, kind, target)

    def _time(self, at: int | None) -> int:
        return int(self._clock()) if at is None else at

    async def _collage(self, number: int) -> Collage:
        return require(await self._store.collage(number, UNRESTRICTED_VIEWER))
