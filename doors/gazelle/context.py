"""The context of a request: account, viewer, parameters and services, as actions take it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from accounts.model import Principal, User
from catalogue.model import BookmarkKind, Group, SwarmStats, Torrent, Viewer
from doors.gazelle.parameters import GazelleParameters
from doors.gazelle.shapes import swarm_stats
from doors.services import Services


@dataclass(frozen=True, slots=True)
class GazelleContext:
    """One request by an account."""

    services: Services
    principal: Principal
    user: User
    viewer: Viewer
    parameters: GazelleParameters

    def with_swarm_stats(self, torrents: Sequence[Torrent]) -> list[tuple[Torrent, SwarmStats]]:
        """Return torrents with the current stats of their swarms."""
        return [(each, swarm_stats(each, self.services.scrape)) for each in torrents]

    async def bookmarked(self, kind: BookmarkKind, targets: Sequence[int]) -> frozenset[int]:
        """Return which of the targets the account has bookmarked."""
        return await self.services.catalogue.collages.bookmarked(self.user.id, kind, targets)

    async def groups_with_torrents(
        self, ids: Sequence[int]
    ) -> tuple[list[Group], Mapping[int, tuple[Torrent, ...]]]:
        """Return the groups that are visible to the account, in the order of the ids, and their torrents by group."""
        catalogue = self.services.catalogue
        groups = await catalogue.groups.groups(ids, self.viewer)
        return groups, await catalogue.groups.torrents_of([group.id for group in groups], self.viewer)


Action = Callable[[GazelleContext], Awaitable[object]]
"""Returns what `response` holds, or a whole Response; raises Failure or Refusal."""
