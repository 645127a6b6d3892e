"""Hides who may change what in the catalogue, and what a change sets in motion beyond it.

Every door that writes calls this: a right is asked, the deed done, and what a moderator does to another's
work is written to the log.
"""

from accounts.model import Principal
from accounts.rights import Rights
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from catalogue.catalogue import Catalogue
from catalogue.model import (
    NO_DETAILS,
    Author,
    Bookmarked,
    Category,
    Collage,
    Comment,
    Deed,
    Details,
    Group,
    News,
    Page,
    Report,
    Subject,
    Tag,
    Torrent,
    Viewer,
)


class Curation:
    """Deeds in the catalogue by somebody; each may raise Refusal `unauthenticated`, `forbidden` or `not-found`.

    An owner is who uploaded a torrent, wrote a comment or began a collage. Whoever brought a torrent of a
    group may edit the group. What is locked is changed by those with EDIT_ANY alone (`torrent-locked`,
    `group-locked`). What somebody may not see is `not-found`.
    """

    def __init__(self, catalogue: Catalogue, uploads: Uploads, takedowns: Takedowns, rights: Rights) -> None:
        self.catalogue = catalogue
        self.rights = rights
        self._uploads = uploads
        self._takedowns = takedowns

    def viewer(self, principal: Principal) -> Viewer:
        """Return what somebody sees of the catalogue. Refusal: `unauthenticated`, `forbidden` without READ."""
        raise NotImplementedError

    async def publish(
        self, principal: Principal, data: bytes, door: str, details: Details = NO_DETAILS
    ) -> Torrent:
        """Take a .torrent file and what its uploader says of it (UPLOAD).

        Refusal: those of `Uploads.accept`, `owned`, `invalid`, `group-locked`.
        """
        raise NotImplementedError

    async def edit_torrent(self, principal: Principal, torrent: int, changes: Details) -> Torrent:
        """Change a torrent's record (EDIT_OWN). `category_id`, `tags` and `year` are its group's."""
        raise NotImplementedError

    async def delete_torrent(self, principal: Principal, torrent: int, reason: str = "") -> None:
        """Drop a torrent: record and file (EDIT_OWN)."""
        raise NotImplementedError

    async def mark_torrent(
        self, principal: Principal, torrent: int, *, hidden: bool | None = None, locked: bool | None = None
    ) -> Torrent:
        """Hide or lock a torrent, or no longer (MODERATE)."""
        raise NotImplementedError

    async def set_freeleech(self, principal: Principal, torrent: int, freeleech: int) -> Torrent:
        """Say what of a torrent's traffic counts (MODERATE). Refusal: `invalid`."""
        raise NotImplementedError

    async def edit_group(self, principal: Principal, group: int, changes: Details) -> Group:
        """Change a group's record (EDIT_OWN for whoever brought a torrent of it)."""
        raise NotImplementedError

    async def lock_group(self, principal: Principal, group: int, *, locked: bool) -> Group:
        """Lock a group, or no longer (MODERATE)."""
        raise NotImplementedError

    async def merge_groups(self, principal: Principal, group: int, into: int) -> Group:
        """Merge two groups (EDIT_ANY)."""
        raise NotImplementedError

    async def add_category(
        self, principal: Principal, name: str, parent: int, number: int | None = None
    ) -> Category:
        """Add a category (CURATE)."""
        raise NotImplementedError

    async def edit_category(self, principal: Principal, category: int, changes: Details) -> Category:
        """Change a category (CURATE)."""
        raise NotImplementedError

    async def remove_category(self, principal: Principal, category: int) -> None:
        """Drop a category (CURATE)."""
        raise NotImplementedError

    async def alias_tag(self, principal: Principal, alias: str, tag: str) -> Tag:
        """Make a tag another name of a second (CURATE)."""
        raise NotImplementedError

    async def unalias_tag(self, principal: Principal, alias: str) -> None:
        """Make an alias a word of its own (CURATE)."""
        raise NotImplementedError

    async def remove_tag(self, principal: Principal, tag: int) -> None:
        """Take a tag from every group (CURATE)."""
        raise NotImplementedError

    async def edit_author(self, principal: Principal, author: int, changes: Details) -> Author:
        """Change an author's record (CURATE)."""
        raise NotImplementedError

    async def comment(self, principal: Principal, group: int, body: str) -> Comment:
        """Comment on a group (COMMENT). Refusal: `group-locked`."""
        raise NotImplementedError

    async def edit_comment(self, principal: Principal, comment: int, body: str) -> Comment:
        """Change a comment (EDIT_OWN)."""
        raise NotImplementedError

    async def delete_comment(self, principal: Principal, comment: int) -> None:
        """Drop a comment (EDIT_OWN)."""
        raise NotImplementedError

    async def hide_comment(self, principal: Principal, comment: int, *, hidden: bool) -> Comment:
        """Hide a comment, or no longer (MODERATE)."""
        raise NotImplementedError

    async def add_collage(self, principal: Principal, details: Details) -> Collage:
        """Begin a collage (COLLECT; a staff one CURATE)."""
        raise NotImplementedError

    async def edit_collage(self, principal: Principal, collage: int, changes: Details) -> Collage:
        """Change a collage (EDIT_OWN; `locked` and `hidden` MODERATE)."""
        raise NotImplementedError

    async def delete_collage(self, principal: Principal, collage: int) -> None:
        """Drop a collage (EDIT_OWN)."""
        raise NotImplementedError

    async def put_in_collage(self, principal: Principal, collage: int, group: int) -> Collage:
        """Append a group: to a personal collage its creator, to a theme anyone with COLLECT, to a staff one CURATE."""
        raise NotImplementedError

    async def take_from_collage(self, principal: Principal, collage: int, group: int) -> Collage:
        """Take a group out (EDIT_OWN)."""
        raise NotImplementedError

    async def bookmark(self, principal: Principal, kind: Bookmarked, target: int, *, on: bool) -> None:
        """Bookmark something, or no longer (COLLECT)."""
        raise NotImplementedError

    async def report(self, principal: Principal, subject: Subject, target: int, reason: str) -> Report:
        """Tell the moderators of something that one sees (COLLECT)."""
        raise NotImplementedError

    async def reports(self, principal: Principal, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return reports (MODERATE)."""
        raise NotImplementedError

    async def resolve(self, principal: Principal, report: int, resolution: str) -> Report:
        """Close a report (MODERATE)."""
        raise NotImplementedError

    async def deeds(self, principal: Principal, offset: int, limit: int) -> Page[Deed]:
        """Return the log (MODERATE)."""
        raise NotImplementedError

    async def post_news(self, principal: Principal, title: str, body: str) -> News:
        """Announce something (CURATE)."""
        raise NotImplementedError

    async def remove_news(self, principal: Principal, news: int) -> None:
        """Take an announcement back (CURATE)."""
        raise NotImplementedError
