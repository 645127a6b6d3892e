"""Changes to the catalogue by users: each checks a right, is applied, and is logged where it touches others' work.

Every door that writes to the catalogue calls this.
"""

from collections.abc import Sequence

from accounts.model import Principal
from accounts.rights import Right, Rights
from actions.authorization import Authorization
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from catalogue import fields
from catalogue.catalogue import Catalogue
from catalogue.model import (
    NO_DETAILS,
    Author,
    BookmarkKind,
    Category,
    Collage,
    Comment,
    Details,
    Group,
    LogEntry,
    News,
    Page,
    Person,
    Report,
    Subject,
    Tag,
    Torrent,
    Viewer,
)


class Curation:
    """Catalogue changes on behalf of a principal; each may raise Refusal `unauthenticated`, `forbidden` or `not-found`.

    An owner is who uploaded a torrent, wrote a comment or began a collage. Uploaders of a torrent in a
    group may edit the group. Locked things need EDIT_ANY (`torrent-locked`,
    `group-locked`). What a principal may not see is `not-found`.
    """

    def __init__(self, catalogue: Catalogue, uploads: Uploads, takedowns: Takedowns, rights: Rights) -> None:
        self.catalogue = catalogue
        self.rights = rights
        self._authorization = Authorization(catalogue, rights)
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
        self, principal: Principal, data: bytes, door: str, details: Details = NO_DETAILS
    ) -> Torrent:
        """Upload a .torrent file with its uploader's details (UPLOAD).

        Refusal: those of `Uploads.accept`, `owned`, `invalid`, `group-locked`.
        """
        self.rights.require(principal, Right.UPLOAD)
        await self._authorization.check_torrent(principal, details)
        accepted = await self._uploads.accept(
            data, f"{door} {principal.name}", uploader=principal.id, details=details
        )
        return accepted.torrent

    async def edit_torrent(self, principal: Principal, torrent: int, changes: Details) -> Torrent:
        """Change a torrent's record (EDIT_OWN). `category_id`, `tags` and `year` are its group's."""
        known = await self._authorization.own_torrent(principal, torrent)
        await self._authorization.check_torrent(principal, changes)
        if set(changes) & (set(fields.GROUP_FIELDS_IN_UPLOAD) | {"group_id"}):
            self._authorization.refuse_locked(principal, known.group)
        edited = await self.catalogue.edit_torrent(torrent, changes)
        await self._log_if_not_owner(
            principal, known.uploader, "edit", Subject.TORRENT, torrent, detail=_field_names(changes)
        )
        return edited

    async def delete_torrent(self, principal: Principal, torrent: int, reason: str = "") -> None:
        """Delete a torrent: record and file (EDIT_OWN)."""
        known = await self._authorization.own_torrent(principal, torrent)
        # The file is deleted first: after a crash a record is left, which can be deleted again.
        await self._takedowns.remove_file([known.infohash, known.alias or known.infohash])
        await self.catalogue.remove_torrent(torrent)
        detail = f"{known.title}: {reason}" if reason else known.title
        await self._log_if_not_owner(
            principal, known.uploader, "delete", Subject.TORRENT, torrent, detail=detail
        )

    async def mark_torrent(
        self, principal: Principal, torrent: int, *, hidden: bool | None = None, locked: bool | None = None
    ) -> Torrent:
        """Set or clear `hidden` and `locked` of a torrent (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self.catalogue.mark_torrent(torrent, hidden=hidden, locked=locked)
        for verb in _log_verbs(hidden=hidden, locked=locked):
            await self._log(principal, verb, Subject.TORRENT, torrent)
        return marked

    async def set_freeleech(self, principal: Principal, torrent: int, freeleech: int) -> Torrent:
        """Set a torrent's freeleech state (MODERATE). Refusal: `invalid`."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self.catalogue.edit_torrent(torrent, {"freeleech": freeleech})
        await self._log(principal, "freeleech", Subject.TORRENT, torrent, marked.freeleech.name.lower())
        return marked

    async def edit_group(self, principal: Principal, group: int, changes: Details) -> Group:
        """Change a group's record (EDIT_OWN for uploaders of its torrents)."""
        _, owner = await self._authorization.own_group(principal, group)
        edited = await self.catalogue.edit_group(group, changes)
        await self._log_if_not_owner(
            principal, owner, "edit", Subject.GROUP, group, detail=_field_names(changes)
        )
        return edited

    async def lock_group(self, principal: Principal, group: int, *, locked: bool) -> Group:
        """Lock or unlock a group (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self.catalogue.lock_group(group, locked=locked)
        await self._log(principal, "lock" if locked else "unlock", Subject.GROUP, group)
        return marked

    async def merge_groups(self, principal: Principal, group: int, into: int) -> Group:
        """Merge two groups (EDIT_ANY)."""
        self.rights.require(principal, Right.EDIT_ANY)
        merged = await self.catalogue.merge_groups(group, into)
        await self._log(principal, "merge", Subject.GROUP, group, f"into {into}")
        return merged

    async def add_category(
        self, principal: Principal, name: str, parent: int, number: int | None = None
    ) -> Category:
        """Add a category (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        added = await self.catalogue.add_category(name, parent, number)
        await self._log(principal, "add", Subject.CATEGORY, added.id, added.name)
        return added

    async def edit_category(self, principal: Principal, category: int, changes: Details) -> Category:
        """Change a category (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        edited = await self.catalogue.edit_category(category, changes)
        await self._log(principal, "edit", Subject.CATEGORY, category, _field_names(changes))
        return edited

    async def remove_category(self, principal: Principal, category: int) -> None:
        """Delete a category (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        await self.catalogue.remove_category(category)
        await self._log(principal, "delete", Subject.CATEGORY, category)

    async def alias_tag(self, principal: Principal, alias: str, tag: str) -> Tag:
        """Make `alias` an alias of `tag` (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        meant = await self.catalogue.alias_tag(alias, tag)
        await self._log(principal, "alias", Subject.TAG, meant.id, f"{alias} is {meant.name}")
        return meant

    async def unalias_tag(self, principal: Principal, alias: str) -> None:
        """Delete an alias; it can be a tag again (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        await self.catalogue.unalias_tag(alias)
        await self._log(principal, "unalias", Subject.TAG, alias)

    async def remove_tag(self, principal: Principal, tag: int) -> None:
        """Delete a tag from every group (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        known = await self.catalogue.tag(tag)
        await self.catalogue.remove_tag(tag)
        await self._log(principal, "delete", Subject.TAG, tag, known.name if known is not None else "")

    async def edit_author(self, principal: Principal, author: int, changes: Details) -> Author:
        """Change an author's record (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        edited = await self.catalogue.edit_author(author, changes)
        await self._log(principal, "edit", Subject.AUTHOR, author, _field_names(changes))
        return edited

    async def comment(self, principal: Principal, group: int, body: str) -> Comment:
        """Comment on a group (COMMENT). Refusal: `group-locked`."""
        writer = self._authorization.account(principal, Right.COMMENT)
        self._authorization.refuse_locked(principal, await self._authorization.group(principal, group))
        return await self.catalogue.add_comment(group, writer, body)

    async def edit_comment(self, principal: Principal, comment: int, body: str) -> Comment:
        """Change a comment (EDIT_OWN)."""
        known = await self._authorization.own_comment(principal, comment)
        editor = self._authorization.account(principal, Right.EDIT_OWN, known.author.id)
        edited = await self.catalogue.edit_comment(comment, body, editor)
        await self._log_if_not_owner(principal, known.author, "edit", Subject.COMMENT, comment)
        return edited

    async def delete_comment(self, principal: Principal, comment: int) -> None:
        """Delete a comment (EDIT_OWN)."""
        known = await self._authorization.own_comment(principal, comment)
        await self.catalogue.remove_comment(comment)
        await self._log_if_not_owner(
            principal, known.author, "delete", Subject.COMMENT, comment, detail=known.body
        )

    async def hide_comment(self, principal: Principal, comment: int, *, hidden: bool) -> Comment:
        """Hide or show a comment (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        marked = await self.catalogue.hide_comment(comment, hidden=hidden)
        await self._log(principal, "hide" if hidden else "show", Subject.COMMENT, comment)
        return marked

    async def add_collage(self, principal: Principal, details: Details) -> Collage:
        """Create a collage (COLLECT; a staff one CURATE)."""
        creator = self._authorization.account(principal, Right.COLLECT)
        self._authorization.check_collage(principal, details)
        return await self.catalogue.add_collage(details, creator)

    async def edit_collage(self, principal: Principal, collage: int, changes: Details) -> Collage:
        """Change a collage (EDIT_OWN; `locked` and `hidden` MODERATE)."""
        known = await self._authorization.own_collage(principal, collage)
        self._authorization.check_collage(principal, changes)
        edited = await self.catalogue.edit_collage(collage, changes)
        await self._log_if_not_owner(
            principal, known.creator, "edit", Subject.COLLAGE, collage, detail=_field_names(changes)
        )
        return edited

    async def delete_collage(self, principal: Principal, collage: int) -> None:
        """Delete a collage (EDIT_OWN)."""
        known = await self._authorization.own_collage(principal, collage)
        await self.catalogue.remove_collage(collage)
        await self._log_if_not_owner(
            principal, known.creator, "delete", Subject.COLLAGE, collage, detail=known.name
        )

    async def add_to_collage(self, principal: Principal, collage: int, group: int) -> Collage:
        """Append a group (COLLECT): to a personal collage as its creator, to a theme, or to a staff one with CURATE."""
        by = self._authorization.account(principal, Right.COLLECT)
        await self._authorization.open_collage(principal, collage)
        await self._authorization.group(principal, group)
        return await self.catalogue.add_to_collage(collage, group, by)

    async def remove_from_collage(self, principal: Principal, collage: int, group: int) -> Collage:
        """Remove a group (EDIT_OWN)."""
        known = await self._authorization.own_collage(principal, collage)
        left = await self.catalogue.remove_from_collage(collage, group)
        await self._log_if_not_owner(
            principal, known.creator, "take", Subject.COLLAGE, collage, detail=f"group {group}"
        )
        return left

    async def bookmark(self, principal: Principal, kind: BookmarkKind, target: int, *, on: bool) -> None:
        """Set or clear a bookmark (COLLECT)."""
        user = self._authorization.account(principal, Right.COLLECT)
        if on:
            await self._authorization.require_visible(principal, Subject(kind), target)
        await self.catalogue.bookmark(user, kind, target, on=on)

    async def report(self, principal: Principal, subject: Subject, target: int, reason: str) -> Report:
        """Report something visible to the moderators (COLLECT)."""
        reporter = self._authorization.account(principal, Right.COLLECT)
        await self._authorization.require_visible(principal, subject, target)
        return await self.catalogue.report(subject, target, reporter, reason)

    async def reports(self, principal: Principal, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return reports (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        return await self.catalogue.reports(offset, limit, resolved=resolved)

    async def resolve(self, principal: Principal, report: int, resolution: str) -> Report:
        """Close a report (MODERATE)."""
        resolver = self._authorization.account(principal, Right.MODERATE)
        closed = await self.catalogue.resolve(report, resolver, resolution)
        await self._log(principal, "resolve", closed.subject, closed.target, closed.resolution)
        return closed

    async def log_entries(self, principal: Principal, offset: int, limit: int) -> Page[LogEntry]:
        """Return the moderators' log (MODERATE)."""
        self.rights.require(principal, Right.MODERATE)
        return await self.catalogue.log_entries(offset, limit)

    async def post_news(self, principal: Principal, title: str, body: str) -> News:
        """Post news (CURATE)."""
        posted = await self.catalogue.post_news(
            title, body, self._authorization.account(principal, Right.CURATE)
        )
        await self._log(principal, "post", Subject.NEWS, posted.id, posted.title)
        return posted

    async def remove_news(self, principal: Principal, news: int) -> None:
        """Delete news (CURATE)."""
        self.rights.require(principal, Right.CURATE)
        await self.catalogue.remove_news(news)
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
        await self.catalogue.log(principal.id, verb, subject, str(target), detail)


def _field_names(changes: Details) -> str:
    return ", ".join(sorted(changes))


def _log_verbs(*, hidden: bool | None = None, locked: bool | None = None) -> list[str]:
    """Return the log's verbs for changed flags."""
    words = ((hidden, "hide", "show"), (locked, "lock", "unlock"))
    return [on if mark else off for mark, on, off in words if mark is not None]
