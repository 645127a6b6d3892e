"""Hides what of the catalogue somebody sees, and what of that is theirs to change."""

from typing import TypeVar

from accounts.model import Principal
from accounts.rights import Right, Rights
from bittorrent.refusal import Refusal
from catalogue.catalogue import Catalogue
from catalogue.model import Collage, CollageKind, Comment, Details, Group, Person, Subject, Torrent, Viewer

T = TypeVar("T")


class Reach:
    """Finds what a deed is about. What somebody may not see is `not-found`, before any right is asked."""

    def __init__(self, catalogue: Catalogue, rights: Rights) -> None:
        self._catalogue = catalogue
        self._rights = rights

    def viewer(self, principal: Principal) -> Viewer:
        """Return what somebody sees. Refusal: `unauthenticated`, `forbidden` without READ."""
        self._rights.require(principal, Right.READ)
        return Viewer(principal.id, self._rights.may(principal, Right.MODERATE))

    def account(self, principal: Principal, right: Right, owner: int | None = None) -> int:
        """Return the account of somebody who holds a right. Refusal: `unauthenticated`, `forbidden`."""
        self._rights.require(principal, right, owner)
        if principal.id is None:
            raise Refusal("unauthenticated")
        return principal.id

    async def torrent(self, principal: Principal, number: int) -> Torrent:
        """Find a torrent."""
        return _found(await self._catalogue.torrent(number, self.viewer(principal)))

    async def group(self, principal: Principal, number: int) -> Group:
        """Find a group."""
        return _found(await self._catalogue.group(number, self.viewer(principal)))

    async def own_torrent(self, principal: Principal, number: int) -> Torrent:
        """Find a torrent that somebody may change. Refusal: `torrent-locked`."""
        known = await self.torrent(principal, number)
        self._rights.require(principal, Right.EDIT_OWN, _id(known.uploader))
        if known.locked and not self._rights.may(principal, Right.EDIT_ANY):
            raise Refusal("torrent-locked")
        return known

    async def own_group(self, principal: Principal, number: int) -> tuple[Group, Person | None]:
        """Find a group that somebody may change, and them if they brought a torrent of it.

        Refusal: `group-locked`.
        """
        known = await self.group(principal, number)
        brought = (await self._catalogue.torrents_of([number], self.viewer(principal)))[number]
        uploaders = (each.uploader for each in brought if each.uploader is not None)
        owner = next((each for each in uploaders if each.id == principal.id), None)
        self._rights.require(principal, Right.EDIT_OWN, _id(owner))
        self.refuse_locked(principal, known)
        return known, owner

    async def own_comment(self, principal: Principal, number: int) -> Comment:
        """Find a comment that somebody may change."""
        known = _found(await self._catalogue.comment(number, self.viewer(principal)))
        self._rights.require(principal, Right.EDIT_OWN, known.author.id)
        return known

    async def own_collage(self, principal: Principal, number: int) -> Collage:
        """Find a collage that somebody may change."""
        known = _found(await self._catalogue.collage(number, self.viewer(principal)))
        self._rights.require(principal, Right.EDIT_OWN, known.creator.id)
        self._refuse_locked_collage(principal, known)
        return known

    async def open_collage(self, principal: Principal, number: int) -> Collage:
        """Find a collage that somebody may add to."""
        known = _found(await self._catalogue.collage(number, self.viewer(principal)))
        if known.kind is CollageKind.PERSONAL:
            self._rights.require(principal, Right.EDIT_OWN, known.creator.id)
        elif known.kind is CollageKind.STAFF:
            self._rights.require(principal, Right.CURATE)
        self._refuse_locked_collage(principal, known)
        return known

    async def see(self, principal: Principal, subject: Subject, number: int) -> None:
        """Refuse what somebody does not see; what everyone sees, or nobody, is left to the deed."""
        viewer = self.viewer(principal)
        if subject is Subject.TORRENT:
            _found(await self._catalogue.torrent(number, viewer))
        elif subject is Subject.GROUP:
            _found(await self._catalogue.group(number, viewer))
        elif subject is Subject.COMMENT:
            _found(await self._catalogue.comment(number, viewer))
        elif subject is Subject.COLLAGE:
            _found(await self._catalogue.collage(number, viewer))

    async def check_torrent(self, principal: Principal, said: Details) -> None:
        """Refuse what is not somebody's to say of a torrent: how its traffic counts, a group that is not seen."""
        if "freeleech" in said:
            self._rights.require(principal, Right.MODERATE)
        group = said.get("group_id")
        if isinstance(group, int):
            known = await self._catalogue.group(group, self.viewer(principal))
            if known is None:
                raise Refusal("invalid", fields={"group_id": ["The group_id field names no group."]})
            self.refuse_locked(principal, known)

    def check_collage(self, principal: Principal, said: Details) -> None:
        """Refuse what is not somebody's to say of a collage."""
        if {"locked", "hidden"} & set(said):
            self._rights.require(principal, Right.MODERATE)
        if said.get("kind") == CollageKind.STAFF:
            self._rights.require(principal, Right.CURATE)

    def refuse_locked(self, principal: Principal, group: Group) -> None:
        """Refuse to change a locked group to who may not edit anything. Refusal: `group-locked`."""
        if group.locked and not self._rights.may(principal, Right.EDIT_ANY):
            raise Refusal("group-locked")

    def _refuse_locked_collage(self, principal: Principal, collage: Collage) -> None:
        if collage.locked and not self._rights.may(principal, Right.EDIT_ANY):
            raise Refusal("forbidden", "the collage is locked")


def _id(person: Person | None) -> int | None:
    return person.id if person is not None else None


def _found(value: T | None) -> T:
    if value is None:
        raise Refusal("not-found")
    return value
