"""Changes to the catalogue by users: each checks a right, is applied, and is logged where it touches others' work.

Every door that writes to the catalogue calls this.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from accounts.model import Principal
from accounts.rights import Right, Rights
from actions.authorization import Authorization
from actions.comment_terms import CommentTerms
from actions.takedowns import Takedowns
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from catalogue.catalogue import Catalogue
from catalogue.events import Emit, EventKind, ServiceEvent, deleted, tell_nobody
from catalogue.fields import (
    NO_DETAILS,
    UNSET,
    AuthorChange,
    CategoryChange,
    Change,
    CollageChange,
    GroupChange,
    TorrentChange,
    TorrentDetails,
)
from catalogue.model import (
    EVERY_ENTRY,
    Author,
    BookmarkKind,
    Category,
    Collage,
    Comment,
    Freeleech,
    Group,
    LogEntry,
    LogFilter,
    News,
    Page,
    Person,
    Report,
    Subject,
    Tag,
    Torrent,
    Viewer,
)

if TYPE_CHECKING:
    from actions.uploads import Uploads


class Curation:
    """Catalogue changes on behalf of a principal; each may raise Refusal `unauthenticated`, `forbidden` or `not-found`.

    An owner is who uploaded a torrent, wrote a comment or began a collage. Uploaders of a torrent in a
    group may edit the group. Locked things need EDIT_ANY (`torrent-locked`,
    `group-locked`). What a principal may not see is `not-found`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        uploads: "Callable[[], Uploads]",
        takedowns: Takedowns,
        rights: Rights,
        *,
        settle: Callable[[], Awaitable[None]] | None = None,
        emit: Emit = tell_nobody,
        terms: CommentTerms | None = None,
    ) -> None:
        """Make it; `uploads` is called for what lets torrents in, once one is uploaded.

        `settle` books what was announced under the freeleech of before, ahead of each change of that. `terms` are those
        of comments, None for none.
        """
        self._settle = settle
        self._emit = emit
        self._terms = terms
        self._catalogue = catalogue
        self._store = catalogue.store
        self.rights = rights
        self._authorization = Authorization(catalogue.store, rights)
        self._uploads = uploads
        self._takedowns = takedowns

    def viewer(self, principal: Principal) -> Viewer:
        """Return the catalogue's viewer for a principal. Refusal: `unauthenticated`, `forbidden` without READ."""
        return self._authorization.viewer(principal)

    async def editable_torrent(self, principal: Principal, torrent: int) -> Torrent:
        """Find a torrent that the principal may edit now. Refusal: `torrent-locked`."""
        return await self._authorization.own_torrent(principal, torrent)

    async def editable_group(self, principal: Principal, group: int) -> Group:
        """Find a group that the principal may edit now. Refusal: `group-locked`."""
        known, _ = await self._authorization.own_group(principal, group)
        return known

    async def editable_comment(self, principal: Principal, comment: int) -> Comment:
        """Find a comment that the principal may edit now."""
        return await self._authorization.own_comment(principal, comment)

    def may_edit_group(self, principal: Principal, group: Group, torrents: Sequence[Torrent]) -> bool:
        """Return whether the principal may edit a group with these torrents, locked or not."""
        return self._authorization.may_edit_group(principal, group, torrents)

    async def publish(
        self,
        principal: Principal,
        data: bytes,
        door: str,
        details: TorrentDetails = NO_DETAILS,
        *,
        address: bytes | None = None,
    ) -> Torrent:
        """Upload a .torrent file from an address with its uploader's details (UPLOAD).

        Refusal: those of `Uploads.accept`, `owned`, `invalid`, `group-locked`.
        """
        self.rights.require(principal, Right.UPLOAD)
        await self._authorization.check_torrent(principal, details)
        accepted = await self._uploads().accept(
            data, f"{door} {principal.name}", uploader=principal.id, details=details, address=address
        )
        assert accepted.torrent is not None, "an upload with an uploader has its record"
        if accepted.claimed:
            detail = f"nobody to {principal.name}: by the first upload with an account"
            await self._log(principal, "own", Subject.TORRENT, accepted.torrent.id, detail)
        return accepted.torrent

    async def rehearse(
        self, principal: Principal, data: bytes, details: TorrentDetails = NO_DETAILS
    ) -> Metainfo:
        """Check what `publish` would be given, and store nothing (UPLOAD). Refusal: those of `publish`."""
        self.rights.require(principal, Right.UPLOAD)
        await self._authorization.check_torrent(principal, details)
        return await self._uploads().rehearse(data, principal.id, details)

    async def assign_torrent(
        self, principal: Principal, torrent: int, owner: Person | None, why: str = ""
    ) -> Torrent:
        """Make an account the owner of a torrent, or nobody (ACCOUNTS)."""
        self.rights.require(principal, Right.ACCOUNTS)
        known = await self._authorization.torrent(principal, torrent)
        if (known.uploader and known.uploader.id) == (owner and owner.id):
            return known
        assigned = await self._catalogue.torrents.assign(torrent, owner.id if owner is not None else None)
        change = f"{_name_of(known.uploader)} to {_name_of(owner)}"
        await self._log(principal, "own", Subject.TORRENT, torrent, f"{change}: {why}" if why else change)
        return assigned

    async def add_by_infohash(self, principal: Principal, infohash: InfoHash) -> bool:
        """Add a torrent without its file and without an owner, unless there is one (UPLOAD); return whether it is new.

        Refusal: `blocked`.
        """
        self.rights.require(principal, Right.UPLOAD)
        async with self._takedowns.entering((infohash,)):
            _, new = await self._catalogue.torrents.add_by_infohash(infohash)
        return new

    async def add_magnet(
        self, principal: Principal, magnet: Magnet, details: TorrentDetails = NO_DETAILS
    ) -> Torrent:
        """Add a torrent by its magnet link, without its file and without an owner, as it is said to be (UPLOAD).

        It has no owner: whoever names a hash must not keep out who has the file. Refusal: `blocked`, `owned` where
        there is a record, `invalid`.
        """
        self.rights.require(principal, Right.UPLOAD)
        await self._authorization.check_torrent(principal, details)
        told = await self._uploads().tell_magnet(magnet)
        async with self._takedowns.entering(magnet.infohashes):
            torrent, new = await self._catalogue.torrents.add(told.summary, told.release, details)
        if not new:
            raise Refusal("owned")
        return torrent

    async def edit_torrent(
        self, principal: Principal, torrent: int, details: TorrentDetails, why: str = ""
    ) -> Torrent:
        """Change a torrent's record and its group's (EDIT_OWN)."""
        known = await self._authorization.own_torrent(principal, torrent)
        await self._authorization.check_torrent(principal, details)
        if details.group or details.group_id is not None:
            self._authorization.refuse_locked(principal, known.group)
        if details.torrent.freeleech is not UNSET and self._settle is not None:
            await self._settle()
        edited = await self._catalogue.torrents.edit(torrent, details)
        changed = _joined(details.names)
        await self._log(principal, "edit", Subject.TORRENT, torrent, f"{changed}: {why}" if why else changed)
        await self._tell(principal, EventKind.EDIT, Subject.TORRENT, torrent, sorted(details.names))
        return edited

    async def delete_torrent(self, principal: Principal, torrent: int, reason: str = "") -> None:
        """Delete a torrent: record and file (EDIT_OWN)."""
        known = await self._authorization.own_torrent(principal, torrent)
        # The file is deleted first: after a crash a record is left, which can be deleted again.
        await self._takedowns.remove_file([known.infohash, known.alias or known.infohash])
        await self._catalogue.torrents.remove(torrent)
        detail = f"{known.title}: {reason}" if reason else known.title
        await self._log(principal, "delete", Subject.TORRENT, torrent, detail)
        await self._emit(deleted(known.infohash, known.title, reason, principal.name))

    async def mark_torrent(
        self,
        principal: Principal,
        torrent: int,
        *,
        hidden: bool | None = None,
        locked: bool | None = None,
        why: str = "",
    ) -> Torrent:
        """Set or clear `hidden` and `locked` of a torrent (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self._catalogue.torrents.mark(torrent, hidden=hidden, locked=locked)
        for verb in _log_verbs(hidden=hidden, locked=locked):
            await self._log(principal, verb, Subject.TORRENT, torrent, why)
        return marked

    async def set_freeleech(self, principal: Principal, torrent: int, freeleech: Freeleech) -> Torrent:
        """Set a torrent's freeleech state (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        details = TorrentDetails(TorrentChange(freeleech=freeleech))
        if self._settle is not None:
            await self._settle()
        marked = await self._catalogue.torrents.edit(torrent, details)
        await self._log(principal, "freeleech", Subject.TORRENT, torrent, marked.freeleech.name.lower())
        return marked

    async def edit_group(self, principal: Principal, group: int, change: GroupChange) -> Group:
        """Change a group's record (EDIT_OWN for uploaders of its torrents)."""
        await self._authorization.own_group(principal, group)
        edited = await self._catalogue.groups.edit(group, change)
        await self._log(principal, "edit", Subject.GROUP, group, _field_names(change))
        await self._tell(principal, EventKind.EDIT, Subject.GROUP, group, sorted(change.given))
        return edited

    async def lock_group(self, principal: Principal, group: int, *, locked: bool) -> Group:
        """Lock or unlock a group (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self._catalogue.groups.lock(group, locked=locked)
        await self._log(principal, "lock" if locked else "unlock", Subject.GROUP, group)
        return marked

    async def merge_groups(self, principal: Principal, group: int, into: int) -> Group:
        """Merge two groups (EDIT_ANY)."""
        self.rights.require(principal, Right.EDIT_ANY)
        merged = await self._catalogue.groups.merge(group, into)
        await self._log(principal, "merge", Subject.GROUP, group, f"into {into}")
        return merged

    async def split_torrent(self, principal: Principal, torrent: int) -> Group:
        """Make a torrent that joined a group a work of its own (EDIT_ANY)."""
        self.rights.require(principal, Right.EDIT_ANY)
        group = await self._catalogue.groups.split(torrent)
        await self._log(principal, "split", Subject.TORRENT, torrent, f"into group {group.id}")
        return group

    async def add_category(
        self, principal: Principal, name: str, parent: int, number: int | None = None
    ) -> Category:
        """Add a category (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        added = await self._catalogue.taxonomy.add_category(name, parent, number)
        await self._log(principal, "add", Subject.CATEGORY, added.id, added.name)
        return added

    async def edit_category(self, principal: Principal, category: int, change: CategoryChange) -> Category:
        """Change a category (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        edited = await self._catalogue.taxonomy.edit_category(category, change)
        await self._log(principal, "edit", Subject.CATEGORY, category, _field_names(change))
        return edited

    async def remove_category(self, principal: Principal, category: int) -> None:
        """Delete a category (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        await self._catalogue.taxonomy.remove_category(category)
        await self._log(principal, "delete", Subject.CATEGORY, category)

    async def alias_tag(self, principal: Principal, alias: str, tag: str) -> Tag:
        """Make `alias` an alias of `tag` (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        meant = await self._catalogue.taxonomy.alias_tag(alias, tag)
        await self._log(principal, "alias", Subject.TAG, meant.id, f"{alias} is {meant.name}")
        return meant

    async def unalias_tag(self, principal: Principal, alias: str) -> None:
        """Delete an alias; it can be a tag again (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        await self._store.tags.unalias(alias)
        await self._log(principal, "unalias", Subject.TAG, alias)

    async def remove_tag(self, principal: Principal, tag: int) -> None:
        """Delete a tag from every group (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        known = await self._store.tags.tag(tag)
        await self._store.tags.remove(tag)
        await self._log(principal, "delete", Subject.TAG, tag, known.name if known is not None else "")

    async def edit_author(self, principal: Principal, author: int, change: AuthorChange) -> Author:
        """Change an author's record (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        edited = await self._catalogue.taxonomy.edit_author(author, change)
        await self._log(principal, "edit", Subject.AUTHOR, author, _field_names(change))
        return edited

    async def comment(self, principal: Principal, group: int, body: str) -> Comment:
        """Comment on a group (COMMENT), or have it held for a moderator.

        Refusal: `group-locked`, `too-many-requests`, `full`.
        """
        writer = self._authorization.account(principal, Right.COMMENT)
        self._authorization.refuse_locked(principal, await self._authorization.group(principal, group))
        held = self._terms is not None and await self._terms.admit(principal, writer, self._store.comments)
        return await self._catalogue.comments.add(group, writer, body, held=held)

    async def edit_comment(self, principal: Principal, comment: int, body: str) -> Comment:
        """Change a comment (EDIT_OWN)."""
        known = await self._authorization.own_comment(principal, comment)
        editor = self._authorization.account(principal, Right.EDIT_OWN, known.author.id)
        held = self._terms is not None and await self._terms.holds(
            principal, known.author.id, self._store.comments
        )
        edited = await self._catalogue.comments.edit(comment, body, editor, held=held)
        await self._log_if_not_owner(principal, known.author, "edit", Subject.COMMENT, comment)
        return edited

    async def delete_comment(self, principal: Principal, comment: int) -> None:
        """Delete a comment (EDIT_OWN)."""
        known = await self._authorization.own_comment(principal, comment)
        await self._store.comments.remove_comment(comment)
        await self._log(principal, "delete", Subject.COMMENT, comment, known.body)

    async def held_comments(self, principal: Principal, offset: int, limit: int) -> Page[Comment]:
        """Return the comments that wait for a moderator, oldest first (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        return await self._store.comments.held(offset, limit, self.viewer(principal))

    async def settle_comment(self, principal: Principal, comment: int, *, shown: bool) -> Comment:
        """Show a comment that is held, or hide it for good (MODERATE). Refusal: `not-found` where none is held."""
        self.rights.require(principal, Right.MODERATE)
        known = await self._store.comments.comment(comment, self.viewer(principal))
        if known is None or not known.held:
            raise Refusal("not-found")
        settled = await self._catalogue.comments.settle(comment, shown=shown)
        await self._log(principal, "approve" if shown else "refuse", Subject.COMMENT, comment)
        return settled

    async def hide_comment(self, principal: Principal, comment: int, *, hidden: bool) -> Comment:
        """Hide or show a comment (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self._catalogue.comments.hide(comment, hidden=hidden)
        await self._log(principal, "hide" if hidden else "show", Subject.COMMENT, comment)
        return marked

    async def add_collage(self, principal: Principal, change: CollageChange) -> Collage:
        """Create a collage (COLLECT; a staff one CURATE)."""
        creator = self._authorization.account(principal, Right.COLLECT)
        self._authorization.check_collage(principal, change)
        return await self._catalogue.collages.add(change, creator)

    async def edit_collage(self, principal: Principal, collage: int, change: CollageChange) -> Collage:
        """Change a collage (EDIT_OWN; `locked` and `hidden` MODERATE)."""
        known = await self._authorization.own_collage(principal, collage)
        self._authorization.check_collage(principal, change)
        edited = await self._catalogue.collages.edit(collage, change)
        await self._log_if_not_owner(
            principal, known.creator, "edit", Subject.COLLAGE, collage, detail=_field_names(change)
        )
        return edited

    async def delete_collage(self, principal: Principal, collage: int) -> None:
        """Delete a collage (EDIT_OWN)."""
        known = await self._authorization.own_collage(principal, collage)
        await self._store.collages.remove_collage(collage)
        await self._log(principal, "delete", Subject.COLLAGE, collage, known.name)

    async def add_to_collage(self, principal: Principal, collage: int, group: int) -> Collage:
        """Append a group (COLLECT): to a personal collage as its creator, to a theme, or to a staff one with CURATE."""
        by = self._authorization.account(principal, Right.COLLECT)
        await self._authorization.open_collage(principal, collage)
        await self._authorization.group(principal, group)
        return await self._catalogue.collages.add_group(collage, group, by)

    async def remove_from_collage(self, principal: Principal, collage: int, group: int) -> Collage:
        """Remove a group (EDIT_OWN)."""
        known = await self._authorization.own_collage(principal, collage)
        left = await self._catalogue.collages.remove_group(collage, group)
        await self._log_if_not_owner(
            principal, known.creator, "take", Subject.COLLAGE, collage, detail=f"group {group}"
        )
        return left

    async def bookmark(self, principal: Principal, kind: BookmarkKind, target: int, *, on: bool) -> None:
        """Set or clear a bookmark (COLLECT)."""
        user = self._authorization.account(principal, Right.COLLECT)
        if on:
            await self._authorization.require_visible(principal, Subject(kind), target)
        await self._catalogue.collages.bookmark(user, kind, target, on=on)

    async def report(self, principal: Principal, subject: Subject, target: int, reason: str) -> Report:
        """Report something visible to the moderators (COLLECT)."""
        reporter = self._authorization.account(principal, Right.COLLECT)
        await self._authorization.require_visible(principal, subject, target)
        reported = await self._catalogue.moderation.report(subject, target, reporter, reason)
        said = {"report": reported.id, "subject": subject.value, "target": target, "reason": reason}
        await self._emit(ServiceEvent(EventKind.REPORT, said | {"by": principal.name}))
        return reported

    async def _tell(
        self, principal: Principal, kind: EventKind, subject: Subject, target: int, fields: Sequence[str]
    ) -> None:
        said = {"subject": subject.value, "target": target, "fields": list(fields), "by": principal.name}
        await self._emit(ServiceEvent(kind, said))

    async def reports(self, principal: Principal, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return reports (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        return await self._store.moderation.reports(offset, limit, resolved=resolved)

    async def open_report(self, principal: Principal, report: int, resolution: str) -> Report:
        """Return a report that may be closed with these words (MODERATE). Refusal: as `resolve` refuses."""
        self.rights.require(principal, Right.MODERATE)
        return await self._catalogue.moderation.open_report(report, resolution)

    async def resolve(self, principal: Principal, report: int, resolution: str) -> Report:
        """Close a report (MODERATE)."""
        resolver = self._authorization.account(principal, Right.MODERATE)
        closed = await self._catalogue.moderation.resolve(report, resolver, resolution)
        await self._log(principal, "resolve", closed.subject, closed.target, closed.resolution)
        return closed

    async def log_entries(
        self, principal: Principal, offset: int, limit: int, wanted: LogFilter = EVERY_ENTRY
    ) -> Page[LogEntry]:
        """Return the moderators' log (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        return await self._store.moderation.log_entries(offset, limit, wanted)

    async def log_verbs(self, principal: Principal) -> list[str]:
        """Return what the log says was done, each verb once (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        return await self._store.moderation.log_verbs()

    async def post_news(self, principal: Principal, title: str, body: str) -> News:
        """Post news (CURATE)."""
        posted = await self._catalogue.comments.post_news(
            title, body, self._authorization.account(principal, Right.CURATE)
        )
        await self._log(principal, "post", Subject.NEWS, posted.id, posted.title)
        return posted

    async def remove_news(self, principal: Principal, news: int) -> None:
        """Delete news (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        await self._store.comments.remove_news(news)
        await self._log(principal, "delete", Subject.NEWS, news)

    async def _log_if_not_owner(
        self,
        principal: Principal,
        owner: Person | None,
        verb: str,
        subject: Subject,
        target: int,
        *,
        detail: str = "",
    ) -> None:
        """Log a change, unless the principal is the owner."""
        if owner is None or owner.id != principal.id:
            await self._log(principal, verb, subject, target, detail)

    async def _log(
        self, principal: Principal, verb: str, subject: Subject, target: int | str, detail: str = ""
    ) -> None:
        await self._catalogue.moderation.log(
            principal.id, verb, subject, str(target), principal.signed(detail)
        )


def _name_of(person: Person | None) -> str:
    return person.name if person is not None else "nobody"


def _field_names(change: Change) -> str:
    return _joined(change.given)


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _log_verbs(*, hidden: bool | None, locked: bool | None) -> list[str]:
    """Return the log's verbs for changed flags."""
    words = ((hidden, "hide", "show"), (locked, "lock", "unlock"))
    return [on if mark else off for mark, on, off in words if mark is not None]
