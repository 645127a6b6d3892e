"""Authorization in the catalogue: what a principal sees, and what of that they may change."""

from collections.abc import Sequence
from typing import TypeVar

from accounts.model import Principal
from accounts.rights import Right, Rights
from bittorrent.refusal import Refusal
from catalogue.fields import UNSET, CollageChange, TorrentDetails
from catalogue.model import Collage, CollageKind, Comment, Group, Person, Subject, Torrent, Viewer
from catalogue.store import CatalogueStore

T = TypeVar("T")


class Authorization:
    """Finds the target of a change. What a principal may not see is `not-found`, before any right is checked."""

    def __init__(self, store: CatalogueStore, rights: Rights) -> None:
        self._store = store
        self._rights = rights

    def viewer(self, principal: Principal) -> Viewer:
        """Return the catalogue's viewer for a principal. Refusal: `unauthenticated`, `forbidden` without READ."""
        self._rights.require(principal, Right.READ)
        return viewer_of(principal, self._rights)

    def account(self, principal: Principal, right: Right, owner: int | None = None) -> int:
        """Return the account of a principal with a right. Refusal: `unauthenticated`, `forbidden`."""
        self._rights.require(principal, right, owner)
        if principal.id is None:
            raise Refusal("unauthenticated")
        return principal.id

    async def torrent(self, principal: Principal, number: int) -> Torrent:
        """Find a torrent."""
        return _found(await self._store.torrents.torrent(number, self.viewer(principal)))

    async def group(self, principal: Principal, number: int) -> Group:
        """Find a group."""
        return _found(await self._store.groups.group(number, self.viewer(principal)))

    async def own_torrent(self, principal: Principal, number: int) -> Torrent:
        """Find a torrent that the principal may change. Refusal: `torrent-locked`."""
        known = await self.torrent(principal, number)
        self._rights.require(principal, Right.EDIT_OWN, _id_of(known.uploader))
        if known.locked and not self._rights.may(principal, Right.EDIT_ANY):
            raise Refusal("torrent-locked")
        return known

    async def own_group(self, principal: Principal, number: int) -> tuple[Group, Person | None]:
        """Find a group that the principal may change, and the principal as its owner if they uploaded to it.

        Refusal: `group-locked`.
        """
        known = await self.group(principal, number)
        torrents = (await self._store.groups.torrents_of([number], self.viewer(principal)))[number]
        owner = _uploader(principal, torrents)
        self._rights.require(principal, Right.EDIT_OWN, _id_of(owner))
        self.refuse_locked(principal, known)
        return known, owner

    def may_edit_group(self, principal: Principal, group: Group, torrents: Sequence[Torrent]) -> bool:
        """Return whether the principal may change a group with these torrents, as `own_group` decides it."""
        owner = _id_of(_uploader(principal, torrents))
        unlocked = not group.locked or self._rights.may(principal, Right.EDIT_ANY)
        return unlocked and self._rights.may(principal, Right.EDIT_OWN, owner)

    async def own_comment(self, principal: Principal, number: int) -> Comment:
        """Find a comment that the principal may change."""
        known = _found(await self._store.comments.comment(number, self.viewer(principal)))
        self._rights.require(principal, Right.EDIT_OWN, known.author.id)
        return known

    async def own_collage(self, principal: Principal, number: int) -> Collage:
        """Find a collage that the principal may change."""
        known = _found(await self._store.collages.collage(number, self.viewer(principal)))
        self._rights.require(principal, Right.EDIT_OWN, known.creator.id)
        self._refuse_locked_collage(principal, known)
        return known

    async def open_collage(self, principal: Principal, number: int) -> Collage:
        """Find a collage that somebody may add to."""
        known = _found(await self._store.collages.collage(number, self.viewer(principal)))
        if known.kind is CollageKind.PERSONAL:
            self._rights.require(principal, Right.EDIT_OWN, known.creator.id)
        elif known.kind is CollageKind.STAFF:
            self._rights.require(principal, Right.CURATE)
        self._refuse_locked_collage(principal, known)
        return known

    async def require_visible(self, principal: Principal, subject: Subject, number: int) -> None:
        """Refuse a target that the principal does not see; other subjects are not checked here."""
        viewer = self.viewer(principal)
        if subject is Subject.TORRENT:
            _found(await self._store.torrents.torrent(number, viewer))
        elif subject is Subject.GROUP:
            _found(await self._store.groups.group(number, viewer))
        elif subject is Subject.COMMENT:
            _found(await self._store.comments.comment(number, viewer))
        elif subject is Subject.COLLAGE:
            _found(await self._store.collages.collage(number, viewer))

    async def check_torrent(self, principal: Principal, details: TorrentDetails) -> None:
        """Refuse details of a torrent that the principal may not set: freeleech, a group that they do not see."""
        if details.torrent.freeleech is not UNSET:
            self._rights.require(principal, Right.MODERATE)
        if details.group_id is not None:
            known = await self._store.groups.group(details.group_id, self.viewer(principal))
            if known is None:
                raise Refusal("invalid", fields={"group_id": ["The group_id field names no group."]})
            self.refuse_locked(principal, known)

    def check_collage(self, principal: Principal, change: CollageChange) -> None:
        """Refuse values of a collage that the principal may not set."""
        if change.locked is not UNSET or change.hidden is not UNSET:
            self._rights.require(principal, Right.MODERATE)
        if change.kind is CollageKind.STAFF:
            self._rights.require(principal, Right.CURATE)

    def refuse_locked(self, principal: Principal, group: Group) -> None:
        """Refuse changes of a locked group without EDIT_ANY. Refusal: `group-locked`."""
        if group.locked and not self._rights.may(principal, Right.EDIT_ANY):
            raise Refusal("group-locked")

    def _refuse_locked_collage(self, principal: Principal, collage: Collage) -> None:
        if collage.locked and not self._rights.may(principal, Right.EDIT_ANY):
            raise Refusal("forbidden", "the collage is locked")


def viewer_of(principal: Principal, rights: Rights) -> Viewer:
    """Return as whom a principal looks at torrents, whatever else it may do."""
    return Viewer(
        principal.id,
        moderates=rights.may(principal, Right.MODERATE),
        administers=rights.may(principal, Right.ACCOUNTS),
    )


def _uploader(principal: Principal, torrents: Sequence[Torrent]) -> Person | None:
    """Return the principal as the uploader of one of the torrents, None where they uploaded none."""
    uploaders = (each.uploader for each in torrents if each.uploader is not None)
    return next((each for each in uploaders if each.id == principal.id), None)


def _id_of(person: Person | None) -> int | None:
    return person.id if person is not None else None


def _found(value: T | None) -> T:
    if value is None:
        raise Refusal("not-found")
    return value
