"""Rights: what each role may do, in one table that every door and action asks."""

from enum import StrEnum

from accounts.model import Principal, Role
from bittorrent.refusal import Refusal


class Right(StrEnum):
    """A right; EDIT_OWN is for records of the account itself, EDIT_ANY for all."""

    READ = "read"
    """See the catalogue, search it."""
    DOWNLOAD = "download"
    """Fetch .torrent files through the catalogue's doors."""
    UPLOAD = "upload"
    COMMENT = "comment"
    COLLECT = "collect"
    """Make collages and bookmarks, and report things."""
    EDIT_OWN = "edit-own"
    """Change or delete the account's own records."""
    EDIT_ANY = "edit-any"
    MODERATE = "moderate"
    """Hide, lock, resolve reports, read the log."""
    BLOCK = "block"
    """Edit the blocklist and the tracker's allow-list."""
    CURATE = "curate"
    """Edit categories, tags and authors, post news."""
    ACCOUNTS = "accounts"
    """Create and change the accounts and keys of others."""
    OPERATE = "operate"
    """See the tracker's own statistics."""


USER_RIGHTS = frozenset(
    {Right.READ, Right.DOWNLOAD, Right.UPLOAD, Right.COMMENT, Right.COLLECT, Right.EDIT_OWN}
)
MODERATOR_RIGHTS = USER_RIGHTS | {Right.EDIT_ANY, Right.MODERATE, Right.BLOCK, Right.CURATE, Right.OPERATE}
ADMIN_RIGHTS = frozenset(Right)
GRANTABLE = frozenset({Right.READ, Right.DOWNLOAD, Right.UPLOAD})
"""Rights that an operator may grant to everyone."""


class Rights:
    """The rights of principals; `anonymous` are those without an account."""

    def __init__(self, anonymous: frozenset[Right]) -> None:
        self._of_role = {Role.USER: USER_RIGHTS, Role.MODERATOR: MODERATOR_RIGHTS, Role.ADMIN: ADMIN_RIGHTS}
        self._anonymous = anonymous & GRANTABLE

    def of(self, principal: Principal) -> frozenset[Right]:
        """Return every right of a principal."""
        if principal.operator is not None:
            return ADMIN_RIGHTS
        return self._anonymous if principal.user is None else self._of_role[principal.user.role]

    def may(self, principal: Principal, right: Right, owner: int | None = None) -> bool:
        """Return whether a principal has a right; EDIT_OWN is for the owner, and for whoever has EDIT_ANY."""
        held = self.of(principal)
        if right is not Right.EDIT_OWN:
            return right in held
        return Right.EDIT_ANY in held or (right in held and owner is not None and owner == principal.id)

    def require(self, principal: Principal, right: Right, owner: int | None = None) -> None:
        """Refuse without the right: `unauthenticated` where logging in could help, else `forbidden`."""
        if not self.may(principal, right, owner):
            raise Refusal("unauthenticated" if principal.user is None else "forbidden")
