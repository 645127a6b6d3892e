"""The application of a service: every component over the stores of a data folder, in groups by subject.

Production, commands and tests make it here; they differ in settings, stores and environment. A group is made, and what
it needs imported, when it is first asked for: the service makes all of them, a command those that it uses.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from peerage.wiring.environment import SYSTEM, Environment
from peerage.wiring.stores import Stores, open_stores

if TYPE_CHECKING:
    from accounts.rights import Rights
    from actions.access_moderation import AccessEnforcement, AccessModeration
    from actions.account_management import AccountManagement
    from actions.bulk_uploads import BulkUploads
    from actions.cache_room import CacheRoom
    from actions.catalogue_dump import CatalogueDump
    from actions.catalogue_dump_import import CatalogueDumpImport
    from actions.crediting import Crediting
    from actions.curation import Curation
    from actions.diagnosis import Diagnosis
    from actions.erasure import AccountErasure
    from actions.health import Health
    from actions.invitations import Invitations
    from actions.list_files import ListFiles
    from actions.list_moderation import ListModeration
    from actions.lost_passwords import LostPasswords
    from actions.membership import Membership
    from actions.mirroring import MirrorTarget
    from actions.notices import Notices
    from actions.reconciliation import Reconciliation
    from actions.site_import import SiteImport
    from actions.swarm_stats_sync import SwarmStatsSync
    from actions.takedowns import Takedowns
    from actions.title_import import TitleImport
    from actions.torrent_export import TorrentExport
    from actions.torrent_import import TorrentImport
    from actions.uploads import ReleaseParser, Uploads
    from actions.webhooks import Webhooks
    from bittorrent.infohash import InfoHash
    from cache.drafts import DraftStore
    from cache.file_changes import FileChanges
    from cache.torrents import TorrentCache
    from catalogue.catalogue import Catalogue
    from catalogue.moderation import Moderation
    from doors.arrivals import Arrivals
    from downloads.downloads import Downloads
    from lists.access_rules import AccessRules
    from lists.infohashes import Lists
    from peerage.config import Settings
    from peerage.load import LoadSample
    from peerage.setting_values import ListenAddress
    from peerage.wiring.accounts import AccountServices
    from peerage.wiring.catalogue import CatalogueServices
    from peerage.wiring.downloads import DownloadServices
    from peerage.wiring.torrents import TorrentServices
    from peerage.wiring.tracker import TrackerServices
    from storage.census import SqlCensus
    from storage.postgresql.search.index import PostgresqlSearchIndex
    from storage.search import SearchIndexWriter
    from storage.sqlite.search.index import SqliteSearchIndex
    from tasks.child_process import ChildProcesses
    from tracker.bonus import Bonus
    from tracker.figure_history import FigureHistory
    from tracker.journal_row import JournalRow
    from tracker.ledger import Ledger
    from tracker.replication.replicator import Replicator
    from tracker.standing import Standings

_SHARES_KEY_BYTES = 16


class Application:
    """Every component of one service, over the stores of one data folder.

    Each registers its end on `stack`: what is made later ends earlier, so each ends before what it needs.
    Asking for a group may raise FolderError, GeoError, NoNativeStore.
    """

    def __init__(
        self,
        settings: "Settings",
        stores: Stores,
        stack: AsyncExitStack,
        environment: Environment,
        *,
        serves: bool = True,
    ) -> None:
        """Unless it `serves`, as in a command, nobody announces: the tracker is told nothing, nothing is fetched."""
        self.serves = serves
        self.settings = settings
        self.stores = stores
        self.stack = stack
        self.environment = environment
        self.listening: tuple[ListenAddress, ...] = ()
        """The addresses that the service listens on, with their real ports."""
        self.take_sample: Callable[[], LoadSample] | None = None
        """Takes a sample of what the service does, where it runs."""
        self.started = False
        self.request_rates: Callable[[], Mapping[str, int]] = dict
        """Announces and scrapes a minute by transport; the listeners count them."""
        self.refusals: Callable[[], Mapping[str, int]] = dict
        """What was refused since the start: `refused.CODE` by the tracker, `declined.CODE` uploads to the cache."""
        self._prepared = False
        self._jobs_loaded = False

    @property
    def private(self) -> bool:
        """Whether the tracker is private, so that passkeys are known and traffic is counted."""
        return self.settings.tracker.mode == "private"

    @property
    def publishes(self) -> bool:
        """Whether anybody may announce what is not marked as private, on a private tracker."""
        return self.private and self.settings.tracker.public_torrents

    @cached_property
    def children(self) -> "ChildProcesses":
        """The processes in which large torrents are read, one after another, whoever asks."""
        from tasks.child_process import ChildProcesses

        return ChildProcesses()

    @cached_property
    def lists(self) -> "Lists":
        """The block and allow lists as they are stored; `takedowns` changes them."""
        from lists.infohashes import Lists
        from storage.history import SqlHistory
        from storage.lists import SqlListEntries

        history = SqlHistory(self.stores.records, self.environment.clock)
        return Lists(SqlListEntries(self.stores.records, history))

    @cached_property
    def access_rules(self) -> "AccessRules":
        """The rules on clients and addresses as they are stored; `access_moderation` changes them."""
        from lists.access_rules import AccessRules
        from storage.access_rules import SqlAccessRules

        return AccessRules(SqlAccessRules(self.stores.records))

    @cached_property
    def access_enforcement(self) -> "AccessEnforcement":
        """What keeps the tracker's table of these rules."""
        from actions.access_moderation import AccessEnforcement

        return AccessEnforcement(self.access_rules, self.tracker.tracker.policy)

    @cached_property
    def access_moderation(self) -> "AccessModeration":
        """What changes these rules on behalf of a principal."""
        from actions.access_moderation import AccessModeration

        return AccessModeration(
            self.access_rules,
            self.access_enforcement,
            self.moderation,
            self.rights,
            self.environment.clock,
        )

    @cached_property
    def list_files(self) -> "ListFiles":
        """What keeps lists equal to the files that the settings name."""
        from actions.list_files import ListFiles

        wanted = self.settings.lists
        return ListFiles(
            wanted.paths,
            self.takedowns,
            self.access_rules,
            self.access_enforcement,
            clock=self.environment.clock,
            every=wanted.look_every,
        )

    @cached_property
    def file_changes(self) -> "FileChanges":
        """What is told of each torrent whose file or record changes."""
        from cache.file_changes import FileChanges

        return FileChanges()

    @cached_property
    def cache(self) -> "TorrentCache":
        """The `.torrent` files and their records."""
        from cache.file_changes import ObservedBlobs, ObservedRecords
        from cache.quota import Quota
        from cache.storage_shares import StorageShares
        from cache.torrents import TorrentCache
        from storage.cache_records import SqlCacheRecords

        settings, stores, environment = self.settings.cache, self.stores, self.environment
        quota = Quota(settings.max_files, settings.max_bytes, settings.min_free_disk)
        key = environment.random(_SHARES_KEY_BYTES)
        shares = StorageShares(self.settings.fairness.terms, key, environment.clock)
        blobs = ObservedBlobs(stores.blobs, self.file_changes)
        records = ObservedRecords(SqlCacheRecords(stores.records), self.file_changes)
        cache = TorrentCache(blobs, records, quota, environment.clock, shares, children=self.children)
        self.stack.push_async_callback(cache.drain)
        return cache

    @cached_property
    def cache_room(self) -> "CacheRoom":
        """What tells that the cache fills, and makes room in it."""
        from peerage.wiring.cache_room import make_cache_room

        return make_cache_room(self)

    async def note_maintenance(
        self, what: str, began: float, details: Mapping[str, object], *, well: bool = True
    ) -> None:
        """Write into the data folder's log of maintenance what was done since a unix time; a failure is told."""
        from storage.maintenance import note

        await note(
            self.stores.folder.maintenance, what, began, self.environment.clock(), details=details, well=well
        )

    @cached_property
    def search_index(self) -> "SqliteSearchIndex | PostgresqlSearchIndex":
        """The search index of the records' database, for who searches."""
        wanted = self.settings.catalogue
        given = self.stores.records, wanted.search_candidates, wanted.search_timeout
        if self.settings.database is None:
            from storage.sqlite.search.index import SqliteSearchIndex

            return SqliteSearchIndex(*given)
        from storage.postgresql.search.index import PostgresqlSearchIndex

        return PostgresqlSearchIndex(*given)

    @cached_property
    def search_index_writer(self) -> "SearchIndexWriter":
        """What keeps the search index in step with the records, without what searches."""
        if self.settings.database is None:
            from storage.sqlite.search.documents import SearchIndexUpdater

            return SearchIndexUpdater(self.stores.records)
        from storage.postgresql.search.documents import SearchDocumentUpdater

        return SearchDocumentUpdater(self.stores.records)

    @cached_property
    def catalogue_records(self) -> "Catalogue":
        """The catalogue's records, which everything that touches a torrent needs."""
        from catalogue.catalogue import Catalogue
        from storage.catalogue.store import catalogue_store

        clock = self.environment.clock
        changed = self.file_changes.tell
        return Catalogue.over(
            catalogue_store(self.stores.records, self.search_index_writer, clock, changed=changed), clock
        )

    @cached_property
    def moderation(self) -> "Moderation":
        """Reports and the moderators' log, without the records that they are about."""
        from catalogue.moderation import Moderation
        from storage.catalogue.moderation import SqlModeration

        return Moderation(SqlModeration(self.stores.records), self.environment.clock)

    @cached_property
    def rights(self) -> "Rights":
        """What a principal may do."""
        from accounts.rights import Right, Rights

        return Rights(frozenset(Right(name) for name in self.settings.accounts.anonymous))

    @cached_property
    def accounts(self) -> "AccountServices":
        """Accounts, and the links by which they set a password."""
        from peerage.wiring.accounts import make_accounts

        return make_accounts(self)

    @cached_property
    def account_management(self) -> "AccountManagement":
        """What changes accounts and keys on behalf of a principal."""
        from accounts.registration import Registration
        from actions.account_management import AccountManagement
        from storage.account_data import SqlAccountData

        wanted = self.settings.accounts
        return AccountManagement(
            self.accounts.accounts,
            self.moderation,
            self.rights,
            SqlAccountData(self.stores.records),
            registration=Registration(
                wanted.registration, wanted.registration_question, wanted.registration_answers
            ),
        )

    @cached_property
    def erasure(self) -> "AccountErasure":
        """What erases accounts."""
        from actions.erasure import AccountErasure
        from storage.erasure import SqlErasures

        erasure = AccountErasure(
            self.accounts.accounts,
            self.rights,
            SqlErasures(self.stores.records),
            self.environment.clock,
            write_counts=self._write_counts,
            end_work=self._end_work,
        )
        self.stack.push_async_callback(erasure.drain)
        return erasure

    @cached_property
    def lost_passwords(self) -> "LostPasswords | None":
        """What mails links to accounts; None where no mail server is set."""
        from peerage.wiring.mail import make_lost_passwords

        return make_lost_passwords(self)

    @cached_property
    def tracker(self) -> "TrackerServices":
        """The tracker, its journal and the census."""
        from peerage.wiring.tracker import make_tracker_services

        observers = self._sync_statistics, self._fetch_announced, self._keep_position
        return make_tracker_services(self, observers=observers)

    @cached_property
    def replicator(self) -> "Replicator | None":
        """What exchanges swarms with other nodes, None where this is the only one."""
        if self.settings.cluster.url is None:
            return None
        from peerage.wiring.cluster import make_replicator

        return make_replicator(self)

    @cached_property
    def history(self) -> "FigureHistory":
        """The service's figures over time, and how it works."""
        from peerage.wiring.figures import make_history

        return make_history(self)

    @cached_property
    def census_store(self) -> "SqlCensus":
        """The counts of the census as they are stored."""
        from storage.census import SqlCensus

        return SqlCensus(self.stores.swarms)

    @cached_property
    def swarm_stats(self) -> "SwarmStatsSync":
        """What brings the numbers of the swarms to the records, which lists are sorted by."""
        from actions.swarm_stats_sync import SwarmStatsSync

        return SwarmStatsSync(self.catalogue_records.store.statistics, self.tracker.tracker.store.scrape)

    @cached_property
    def bulk_uploads(self) -> "BulkUploads":
        """What reads, keeps and publishes uploads of many at once."""
        from actions.bulk_uploads import BulkUploads

        records = self.catalogue_records.store
        return BulkUploads(self.curation, self.uploads, lambda: self.downloads.lookups, records, self.drafts)

    @cached_property
    def drafts(self) -> "DraftStore":
        """Files that wait for the rest of what is said about them."""
        from cache.drafts import DraftLimits
        from storage.drafts import FileDrafts

        limits = DraftLimits(min_free=self.settings.cache.min_free_disk)
        return FileDrafts(self.stores.folder.drafts, self.environment.clock, limits)

    @cached_property
    def takedowns(self) -> "Takedowns":
        """What blocks torrents and allows them; the census and the downloads are told of each that is blocked."""
        from actions.takedowns import Takedowns, UnaskedTracker
        from storage.leftovers import SqlLeftovers

        takedowns = Takedowns(
            self.cache,
            self.catalogue_records.store.torrents,
            self.lists,
            self.tracker.tracker.policy if self.serves else UnaskedTracker(),
            self.environment.clock,
            leftovers=SqlLeftovers(self.stores.records),
            on_blocked=(self._stop_fetching,),
            forget_counts=self._forget_counts,
            emit=self.webhooks.emit,
            publishes=self.publishes,
        )
        self.stack.push_async_callback(takedowns.drain)
        return takedowns

    @cached_property
    def reconciliation(self) -> "Reconciliation":
        """What makes files and records consistent after a start."""
        from actions.reconciliation import Reconciliation

        return Reconciliation(self.cache, self.takedowns)

    @cached_property
    def list_moderation(self) -> "ListModeration":
        """What changes the lists on behalf of a principal."""
        from actions.list_moderation import ListModeration

        return ListModeration(self.takedowns, self.moderation, self.rights)

    @cached_property
    def ledger(self) -> "Ledger":
        """What each account moved, in private mode."""
        from peerage.wiring.ledger import make_ledger

        return make_ledger(self)

    @cached_property
    def crediting(self) -> "Crediting":
        """What of the traffic counts."""
        from peerage.wiring.ledger import make_crediting

        return make_crediting(self)

    @cached_property
    def membership(self) -> "Membership":
        """What accounts owe, and what they may buy."""
        from peerage.wiring.ledger import make_membership

        return make_membership(self)

    @cached_property
    def standings(self) -> "Standings":
        """What judges accounts by the rules of classes and of the ratio watch."""
        from peerage.wiring.ledger import make_standings

        return make_standings(self)

    @cached_property
    def invitations(self) -> "Invitations":
        """What lets others in by invitations."""
        from peerage.wiring.ledger import make_invitations

        return make_invitations(self)

    @cached_property
    def site_import(self) -> "SiteImport":
        """What imports another site."""
        from actions.site_import import SiteImport
        from storage.members import SqlMembers

        store, accounts = SqlMembers(self.stores.records), self.accounts.accounts
        return SiteImport(store, accounts, self.environment.clock)

    @cached_property
    def bonus(self) -> "Bonus":
        """What gives points for seeding."""
        from peerage.wiring.ledger import make_bonus

        return make_bonus(self)

    @cached_property
    def release_parser(self) -> "ReleaseParser":
        """What reads release names."""
        from peerage.wiring.uploads import make_release_parser

        return make_release_parser(self)

    @cached_property
    def uploads(self) -> "Uploads":
        """What lets torrents in."""
        from peerage.wiring.uploads import make_uploads

        return make_uploads(self)

    @cached_property
    def torrent_import(self) -> "TorrentImport":
        """What imports collections of torrents."""
        from actions.torrent_import import TorrentImport

        return TorrentImport(self.uploads)

    @cached_property
    def torrent_export(self) -> "TorrentExport":
        """What writes the torrents that are held into a folder."""
        from actions.torrent_export import TorrentExport

        return TorrentExport(self.cache)

    @cached_property
    def torrents(self) -> "TorrentServices":
        """The `.torrent` files, and what may come in."""
        from peerage.wiring.torrents import make_torrents

        return make_torrents(self)

    @cached_property
    def jobs(self) -> "Downloads":
        """The downloads of accounts."""
        from peerage.wiring.jobs import make_jobs

        return make_jobs(self)

    @cached_property
    def downloads(self) -> "DownloadServices":
        """What fetches content and metadata."""
        from peerage.wiring.downloads import make_download_services

        return make_download_services(self)

    @cached_property
    def curation(self) -> "Curation":
        """What changes the records on behalf of a principal."""
        from actions.comment_terms import CommentTerms
        from actions.curation import Curation

        wanted = self.settings.catalogue
        return Curation(
            self.catalogue_records,
            lambda: self.uploads,
            self.takedowns,
            self.rights,
            settle=self.ledger.flush if self.private else None,
            emit=self.webhooks.emit,
            terms=CommentTerms(
                wanted.comment_rate, wanted.held_comments, self.rights, self.environment.clock
            ),
        )

    @cached_property
    def catalogue_dump(self) -> "CatalogueDump":
        """What writes the whole catalogue to a file."""
        from actions.catalogue_dump import CatalogueDump
        from storage.accounts import SqlAccounts

        return CatalogueDump(self.catalogue_records.store, SqlAccounts(self.stores.records))

    @cached_property
    def catalogue_dump_import(self) -> "CatalogueDumpImport":
        """What reads such a file."""
        from actions.catalogue_dump_import import CatalogueDumpImport
        from storage.accounts import SqlAccounts

        return CatalogueDumpImport(
            self.catalogue_records, SqlAccounts(self.stores.records), self.takedowns, self.environment.clock
        )

    @cached_property
    def catalogue(self) -> "CatalogueServices":
        """What searches the records and keeps them in step."""
        from peerage.wiring.catalogue import make_catalogue

        return make_catalogue(self)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """Who is told of what happens."""
        from peerage.wiring.webhooks import make_webhooks

        return make_webhooks(self)

    @cached_property
    def notices(self) -> "Notices":
        """What is claimed of torrents, and decided."""
        from actions.notices import Notices
        from storage.notices import SqlNotices

        return Notices(
            SqlNotices(self.stores.records),
            self.catalogue.catalogue.store,
            self.list_moderation,
            moderation=self.moderation,
            rights=self.rights,
            clock=self.environment.clock,
        )

    @cached_property
    def mirror_target(self) -> "MirrorTarget":
        """Where what is mirrored from other services goes."""
        from peerage.wiring.mirror import make_mirror_target

        return make_mirror_target(self)

    @cached_property
    def title_import(self) -> "TitleImport":
        """What replaces the titles."""
        from actions.title_import import TitleImport

        return TitleImport(self.stores.titles)

    @cached_property
    def health(self) -> "Health":
        """Whether the parts work."""
        from actions.health import Health

        write, timer = self.stores.folder.write_probe, self.environment.timer
        health = Health(
            self.cache,
            self.tracker.journal,
            write=write,
            timer=timer,
            files=(lambda: self.reconciliation.state) if self._prepared else None,
        )
        self.stack.push_async_callback(health.close)
        return health

    @cached_property
    def arrivals(self) -> "Arrivals":
        """How requests arrive that the service sends to itself."""
        from doors.arrivals import Arrivals
        from doors.client_address import ClientAddress

        return Arrivals(ClientAddress(self.settings.trusted_proxies, self.settings.forwarded_header))

    @cached_property
    def diagnosis(self) -> "Diagnosis":
        """What is found out about the installation."""
        from peerage.wiring.diagnosis import make_diagnosis

        return make_diagnosis(self)

    async def start(self) -> None:
        """Do all that the service does before and beside its first requests, one after another.

        A command, which nobody announces to, needs files and records to agree, and what was blocked to be gone.
        """
        if self.serves:
            await self.prepare()
        await self.takedowns.finish()
        await self.reconciliation.run_once()
        if self.serves:
            await self.take_up()
        else:
            self.started = True

    async def prepare(self) -> None:
        """Load what an announce is refused by, and the jobs: what must be there before the first request."""
        await self.prepare_announces()
        await self.load_jobs()

    async def prepare_announces(self) -> None:
        """Load what an announce is refused by: what must be there before the first of them."""
        from actions.tracker_lists import deny_listed

        self._prepared = True
        await deny_listed(self.lists, self.tracker.tracker.policy.deny_all)
        await self.access_enforcement.enforce()
        if self.private:
            from actions.tracker_passkeys import TrackerPasskeys

            await TrackerPasskeys(self.accounts.accounts.passkeys, self.tracker.tracker.policy).start()

    async def take_up(self) -> None:
        """Tell the tracker what is allowed, bring back sessions and open the census' day: before announces count."""
        await self.takedowns.allow_listed()
        if self.private:
            await self.ledger.restore()
            await self.crediting.start()
            await self.standings.start()
        await self.tracker.start_census()
        self.started = True

    async def count_swarms(self) -> None:
        """Bring back the swarms of torrents that are not blocked, for who only counts them."""
        from actions.tracker_lists import deny_listed

        await self.tracker.restore()
        await deny_listed(self.lists, self.tracker.tracker.policy.deny_all)
        self.tracker.tracker.policy.remove_denied()

    async def _sync_statistics(self, rows: "Sequence[JournalRow]", last: bool) -> None:
        await self.swarm_stats.update(rows, last)

    async def _fetch_announced(self, rows: "Sequence[JournalRow]", _last: bool) -> None:
        if self._jobs_loaded and self.downloads.auto_fetch is not None:
            await self.downloads.auto_fetch.observe(rows)

    async def _keep_position(self, rows: "Sequence[JournalRow]", last: bool) -> None:
        if last and self.replicator is not None and self.serves:
            await self.replicator.observe(rows)

    async def _has_jobs(self) -> bool:
        """Return whether content is stored; what fetches takes a command longer to import than all the rest."""
        from storage.jobs import SqlJobs

        async for _ in SqlJobs(self.stores.records).contents():
            return True
        return False

    async def _write_counts(self) -> None:
        if self.serves and self.private:
            await self.ledger.flush()

    async def _end_work(self, account: int) -> None:
        """Delete what an account has under way: uploads that are not sent yet, and downloads."""
        await self._end_jobs(account)
        for infohash in await self.drafts.waiting(account):
            await self.drafts.remove(account, infohash)

    async def _end_jobs(self, account: int) -> None:
        """Delete the jobs of an account; with downloads turned off nothing holds them but the database."""
        if not self._jobs_loaded and not await self._has_jobs():
            return
        await self.load_jobs()
        if self.jobs.available:
            for job in await self.jobs.all_jobs(account):
                await self.jobs.delete(account, job.id)

    async def load_jobs(self) -> None:
        """Load the jobs of downloads, once."""
        if not self._jobs_loaded:
            self._jobs_loaded = True
            await self.jobs.load()

    async def _forget_counts(self, infohashes: "Sequence[bytes]") -> None:
        # A command counts nobody: there is nothing of the open day but what is stored.
        await (self.tracker.census if self.serves else self.census_store).forget(infohashes)

    async def _stop_fetching(self, infohashes: "Sequence[InfoHash]") -> None:
        if not self.started and not self._jobs_loaded:
            return  # what an earlier block could not stop any more, the service does when it starts
        if not self._jobs_loaded and not await self._has_jobs():
            return
        await self.load_jobs()
        await self.jobs.forget(infohashes)


@asynccontextmanager
async def open_application(
    settings: "Settings", environment: Environment = SYSTEM, *, started: bool = True, serves: bool = True
) -> AsyncIterator[Application]:
    """Open a data folder for this process alone, and close it with everything written at the end.

    Unless it is `started` nothing reads files, jobs or swarms, and none are written at the end; the swarms come with
    `TrackerServices.restore`. Unless it `serves` it is for a command: nobody announces, nothing is fetched.
    Raises FolderInUse, FolderError, DatabaseError, GeoError, NoNativeStore.
    """
    async with AsyncExitStack() as stack:
        stores = await open_stores(settings, stack)
        application = Application(settings, stores, stack, environment, serves=serves)
        if started:
            await application.start()
        yield application
