"""One action of a moderator on many torrents: each is done, logged and refused as if it were the only one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from accounts.model import Principal
from accounts.rights import Right
from actions.curation import Curation
from actions.list_moderation import ListModeration
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import GroupChange, TorrentDetails
from catalogue.model import Torrent

MOST_CHOSEN = 200
"""Torrents that one action may be about."""


class BulkAction(StrEnum):
    """What is done with the chosen torrents."""

    HIDE = "hide"
    SHOW = "show"
    BLOCK = "block"
    MOVE = "move"
    """Their groups get another category."""


_NEEDS_REASON = frozenset({BulkAction.HIDE, BulkAction.BLOCK})


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of one torrent, as it was before; `fault` is None where the action was done."""

    torrent: Torrent
    fault: Refusal | None = None


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """An action, its reason, and the category to which MOVE moves."""

    action: BulkAction
    reason: str = ""
    category: int | None = None


class BulkModeration:
    """Actions on many torrents on behalf of a principal, one line of the moderators' log each."""

    def __init__(self, curation: Curation, lists: ListModeration) -> None:
        self._curation = curation
        self._lists = lists

    async def apply(
        self, principal: Principal, torrents: Sequence[Torrent], order: BulkOrder
    ) -> list[BulkOutcome]:
        """Do the action on each torrent, and return what became of it, in their order (MODERATE).

        Refusal: `unauthenticated`, `forbidden`, `full` beyond MOST_CHOSEN, `invalid` for a reason that is missing or
        too long, and for no category; then nothing was done.
        """
        self._curation.rights.require(principal, Right.MODERATE)
        if len(torrents) > MOST_CHOSEN:
            raise Refusal("full", f"at most {MOST_CHOSEN}")
        reason = ""
        if order.reason.strip() or order.action in _NEEDS_REASON:
            reason = str(fields.validate({"reason": order.reason.strip()}, fields.BULK_REASON)["reason"])
        if order.action is BulkAction.MOVE and order.category is None:
            raise fields.invalid_field("category_id", "It is required.")
        return [await self._apply_one(principal, each, order, reason) for each in torrents]

    async def _apply_one(
        self, principal: Principal, torrent: Torrent, order: BulkOrder, reason: str
    ) -> BulkOutcome:
        try:
            await self._do(principal, torrent, order, reason)
        except Refusal as refusal:
            return BulkOutcome(torrent, refusal)
        return BulkOutcome(torrent)

    async def _do(self, principal: Principal, torrent: Torrent, order: BulkOrder, reason: str) -> None:
        match order.action:
            case BulkAction.HIDE | BulkAction.SHOW:
                hidden = order.action is BulkAction.HIDE
                if torrent.hidden is not hidden:
                    await self._curation.mark_torrent(principal, torrent.id, hidden=hidden, why=reason)
            case BulkAction.BLOCK:
                await self._lists.block(principal, torrent.infohash, reason)
            case BulkAction.MOVE:
                details = TorrentDetails(group=GroupChange.read({"category_id": order.category}))
                await self._curation.edit_torrent(principal, torrent.id, details, why=reason)
