"""The context of a request: account, viewer, parameters and services, as actions take it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from accounts.model import Principal, User
from actions.curation import Curation
from catalogue.model import BookmarkKind, Group, SwarmStats, Torrent, Viewer
from doors.admission import Admission
from doors.bodies import Form
from doors.gazelle.parameters import GazelleParameters
from doors.gazelle.shapes import OwnTokens, swarm_stats
from doors.json_encoding import JsonTemplate
from doors.kept_rows import KeptRows
from doors.page_layout import PageSite
from doors.services import AccountAccess, CatalogueReading, StoredFiles, SwarmNumbers


@dataclass(frozen=True, slots=True)
class GazelleLimits:
    """The most that one answer lists; of more, the newest.

    `groups` of an artist are listed and counted, and as many bookmarks. `torrents` of a group are listed with their
    files, `files` over all of them; `fileCount` counts every one.
    """

    groups: int = 500
    torrents: int = 500
    files: int = 5000


@dataclass(frozen=True, slots=True)
class GazelleServices:
    """What Gazelle's API asks of the service.

    `rows` keeps what `browse` lists as JSON.
    """

    admission: Admission
    catalogue: CatalogueReading
    curation: Curation
    accounts: AccountAccess
    files: StoredFiles
    swarms: SwarmNumbers
    site: PageSite
    rows: KeptRows[JsonTemplate] = field(default_factory=KeptRows)
    limits: GazelleLimits = field(default_factory=GazelleLimits)


@dataclass(frozen=True, slots=True)
class GazelleContext:
    """One request by an account."""

    services: GazelleServices
    request: Request
    principal: Principal
    user: User
    viewer: Viewer
    parameters: GazelleParameters
    form: Form
    address: bytes
    """The client's, 4 or 16 bytes."""

    def with_swarm_stats(self, torrents: Sequence[Torrent]) -> list[tuple[Torrent, SwarmStats]]:
        """Return torrents, as free as they are now, with the current stats of their swarms."""
        shown = self.services.accounts.terms.crediting.as_shown
        return [(shown(each), swarm_stats(each, self.services.swarms.scrape)) for each in torrents]

    async def own_tokens(self) -> OwnTokens:
        """Return what the account has of tokens."""
        crediting = self.services.accounts.terms.crediting
        free = await crediting.free_by_token(self.user.id)
        return OwnTokens(free, (await crediting.balance(self.user.id)).tokens if crediting.counts else 0)

    async def bookmarked(self, kind: BookmarkKind, targets: Sequence[int]) -> frozenset[int]:
        """Return which of the targets the account has bookmarked."""
        return await self.services.catalogue.store.collages.bookmarked(self.user.id, kind, targets)

    async def groups_with_torrents(
        self, ids: Sequence[int]
    ) -> tuple[list[Group], Mapping[int, tuple[Torrent, ...]]]:
        """Return the groups that are visible to the account, in the order of the ids, and their torrents by group."""
        catalogue = self.services.catalogue.store
        groups = await catalogue.groups.groups(ids, self.viewer)
        return groups, await catalogue.groups.torrents_of([group.id for group in groups], self.viewer)


Action = Callable[[GazelleContext], Awaitable[object]]
"""Returns what `response` holds, or a whole Response; raises GazelleFailure or Refusal."""
