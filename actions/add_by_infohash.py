"""Adds a torrent to the catalogue by its infohash alone, without its file."""

from collections.abc import Callable

from accounts.model import Principal
from accounts.rights import Right, Rights
from actions.takedowns import Takedowns
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.catalogue import Catalogue
from catalogue.model import Contents, MetainfoSummary, ParsedRelease

_CATEGORY = "Unsorted"


class AddByInfohash:
    """Adds torrents of which only the infohash is known; `clock` gives unix seconds."""

    def __init__(
        self, catalogue: Catalogue, takedowns: Takedowns, rights: Rights, clock: Callable[[], float]
    ) -> None:
        self._catalogue = catalogue
        self._takedowns = takedowns
        self._rights = rights
        self._clock = clock

    async def add(self, principal: Principal, infohash: InfoHash) -> bool:
        """Add a record without an owner unless there is one (UPLOAD); tell whether it is new.

        Refusal: `unauthenticated`, `forbidden`, `blocked`.
        """
        self._rights.require(principal, Right.UPLOAD)
        await self._takedowns.refuse_blocked_hash(infohash)
        title = infohash.lower
        _, new = await self._catalogue.add_torrent(self._summary(infohash), ParsedRelease(title, _CATEGORY))
        try:
            await self._takedowns.refuse_blocked_hash(infohash)
        except Refusal:
            # It was blocked meanwhile, before there was a record that the block could have removed.
            await self._catalogue.remove_by_infohash((infohash,))
            raise
        return new

    def _summary(self, infohash: InfoHash) -> MetainfoSummary:
        return MetainfoSummary(
            infohash=infohash,
            alias=None,
            name=infohash.lower,
            root="",
            size=0,
            private=False,
            held=False,
            comment="",
            contents=Contents(),
            added=int(self._clock()),
        )
