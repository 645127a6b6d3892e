"""Moderation of the block and allow lists: rights are checked, and changes logged."""

from accounts.model import Principal
from accounts.rights import Right, Rights
from actions.takedowns import Takedowns
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from catalogue.moderation import Moderation
from lists.infohashes import ListEntry


class ListModeration:
    """List changes on behalf of a principal (BLOCK); each may raise Refusal `unauthenticated`, `forbidden`."""

    def __init__(self, takedowns: Takedowns, moderation: Moderation, rights: Rights) -> None:
        self.lists = takedowns.lists
        self._takedowns = takedowns
        self._moderation = moderation
        self._rights = rights

    async def block(self, principal: Principal, infohash: InfoHash, reason: str) -> ListEntry:
        """Block a torrent. Refusal: `bad-reason`."""
        self._rights.require(principal, Right.BLOCK)
        entry = await self._takedowns.block(infohash, reason, principal.name)
        await self._log(principal, "block", infohash, reason)
        return entry

    async def allow(self, principal: Principal, infohash: InfoHash, reason: str) -> ListEntry:
        """Allow announces of a torrent though it is not held. Refusal: `bad-reason`."""
        self._rights.require(principal, Right.BLOCK)
        entry = await self._takedowns.allow(infohash, reason, principal.name)
        await self._log(principal, "allow", infohash, reason)
        return entry

    async def unblock(self, principal: Principal, infohash: InfoHash) -> None:
        """Remove a block. Refusal: `not-found`."""
        self._rights.require(principal, Right.BLOCK)
        if not await self._takedowns.unblock(infohash):
            raise Refusal("not-found")
        await self._log(principal, "unblock", infohash)

    async def disallow(self, principal: Principal, infohash: InfoHash) -> None:
        """Remove an allow entry. Refusal: `not-found`."""
        self._rights.require(principal, Right.BLOCK)
        if not await self._takedowns.disallow(infohash):
            raise Refusal("not-found")
        await self._log(principal, "disallow", infohash)

    async def _log(self, principal: Principal, verb: str, infohash: InfoHash, reason: str = "") -> None:
        await self._moderation.log(
            principal.id, verb, Subject.INFOHASH, infohash.lower, principal.signed(reason)
        )
