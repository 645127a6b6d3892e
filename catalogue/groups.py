"""Groups of the catalogue: edited, locked, merged and imported."""

from typing import TypeVar

from catalogue.fields import UNSET, GroupChange, Unset, invalid_field
from catalogue.model import Group, Outcome
from catalogue.store import UNRESTRICTED_VIEWER, GroupStore, GroupWrite, require

T = TypeVar("T")


class Groups:
    """Changes to groups."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store

    async def edit(self, group: int, change: GroupChange) -> Group:
        """Change a group. Refusal: `invalid`, `not-found`."""
        return await self._write(group, GroupWrite(change))

    async def lock(self, group: int, *, locked: bool) -> Group:
        """Lock a group against changes by anyone but moderators, or unlock it. Refusal: `not-found`."""
        return await self._write(group, GroupWrite(locked=locked))

    async def split(self, torrent: int) -> Group:
        """Make a torrent a work of its own, described as its group was. Refusal: `not-found`."""
        return require(await self._store.group(await self._store.split(torrent), UNRESTRICTED_VIEWER))

    async def merge(self, group: int, into: int) -> Group:
        """Move every torrent, comment and bookmark of a group into another. Refusal: `not-found`, `invalid`."""
        if group == into:
            raise invalid_field("into", "It names the group itself.")
        await self._store.merge(group, into)
        return require(await self._store.group(into, UNRESTRICTED_VIEWER))

    async def restore(self, group: int, record: GroupWrite) -> Outcome:
        """Make a group equal to an imported one. Refusal: `invalid`, `not-found`."""
        known = require(await self._store.group(group, UNRESTRICTED_VIEWER))
        write = GroupWrite(
            record.change.differing(lambda name: _value(known, name, record.change)),
            locked=_if_other(record.locked, known.locked),
            created=_if_other(record.created, known.created),
        )
        if write == GroupWrite():
            return Outcome.SAME
        await self._store.change_group(group, write)
        return Outcome.CHANGED

    async def _write(self, group: int, write: GroupWrite) -> Group:
        await self._store.change_group(group, write)
        return require(await self._store.group(group, UNRESTRICTED_VIEWER))


def _value(known: Group, name: str, change: GroupChange) -> object:
    """Return a field of a group as a change has it; the order of tags does not matter."""
    if name == "category_id":
        return known.category.id
    if name == "authors":
        return tuple(author.name for author in known.authors)
    if name == "tags" and change.tags is not UNSET and set(change.tags) == set(known.tags):
        return change.tags
    return getattr(known, name)


def _if_other(value: T | Unset, known: T) -> T | Unset:
    return UNSET if value == known else value
