"""The context of a request: account, viewer, parameters and services, as actions take it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from accounts.model import Principal, User
from catalogue.model import BookmarkKind, Group, SwarmStats, Torrent, Viewer
from doors.gazelle.parameters import Parameters
from doors.gazelle.shapes import figures
from doors.services import Services


@dataclass(frozen=True, slots=True)
class Visit:
    """One request by an account."""

    services: Services
    principal: Principal
    user: User
    viewer: Viewer
    asked: Parameters

    def live(self, torrents: Sequence[Torrent]) -> list[tuple[Torrent, SwarmStats]]:
        """Return torrents with the current stats of their swarms."""
        return [(each, figures(each, self.services.scrape)) for each in torrents]

    async def bookmarked(self, kind: BookmarkKind, targets: Sequence[int]) -> frozenset[int]:
        """Return which of the targets the account has bookmarked."""
        return await self.services.catalogue.bookmarked(self.user.id, kind, targets)

    async def works(self, ids: Sequence[int]) -> tuple[list[Group], Mapping[int, tuple[Torrent, ...]]]:
        """Return the groups that are visible to the account, in the order of the ids, and their torrents by group."""
        catalogue = self.services.catalogue
        groups = await catalogue.groups(ids, self.viewer)
        return groups, await catalogue.torrents_of([group.id for group in groups], self.viewer)


Action = Callable[[Visit], Awaitable[object]]
"""Returns what `response` holds, or a whole Response; raises Failure or Refusal."""
