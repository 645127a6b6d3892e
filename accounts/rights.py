"""Hides who may do what: the one table of rights, which every door and deed asks."""

from enum import StrEnum

from accounts.model import Principal, Role
from bittorrent.refusal import Refusal


class Right(StrEnum):
    """What somebody may do. `own` ones hold for what an account made; `any` ones for everything."""

    READ = "read"
    """See the catalogue, search it."""
    DOWNLOAD = "download"
    """Fetch .torrent files through the catalogue's doors."""
    UPLOAD = "upload"
    COMMENT = "comment"
    COLLECT = "collect"
    """Make collages and bookmarks, and report things."""
    EDIT_OWN = "edit-own"
    """Change or delete what the account itself brought."""
    EDIT_ANY = "edit-any"
    MODERATE = "moderate"
    """Hide, lock, resolve reports, read the log."""
    BLOCK = "block"
    """Keep the blocklist and the list of what the tracker allows."""
    CURATE = "curate"
    """Keep categories, tags and authors, post news."""
    ACCOUNTS = "accounts"
    """Make and change the accounts and keys of others."""
    OPERATE = "operate"
    """See the tracker's own figures."""


OF_USERS = frozenset({Right.READ, Right.DOWNLOAD, Right.UPLOAD, Right.COMMENT, Right.COLLECT, Right.EDIT_OWN})
OF_MODERATORS = OF_USERS | {Right.EDIT_ANY, Right.MODERATE, Right.BLOCK, Right.CURATE, Right.OPERATE}
OF_ADMINS = frozenset(Right)
GRANTABLE = frozenset({Right.READ, Right.DOWNLOAD, Right.UPLOAD})
"""What an operator may grant to everyone."""


class Rights:
    """Tells who may do what; `anonymous` is what nobody in particular may."""

    def __init__(self, anonymous: frozenset[Right]) -> None:
        self._of_role = {Role.USER: OF_USERS, Role.MODERATOR: OF_MODERATORS, Role.ADMIN: OF_ADMINS}
        self._anonymous = anonymous & GRANTABLE

    def of(self, principal: Principal) -> frozenset[Right]:
        """Return everything that somebody may do."""
        return self._anonymous if principal.user is None else self._of_role[principal.user.role]

    def may(self, principal: Principal, right: Right, owner: int | None = None) -> bool:
        """Tell whether somebody may do something; EDIT_OWN holds for the owner and whoever may edit anything."""
        held = self.of(principal)
        if right is not Right.EDIT_OWN:
            return right in held
        return Right.EDIT_ANY in held or (right in held and owner is not None and owner == principal.id)

    def require(self, principal: Principal, right: Right, owner: int | None = None) -> None:
        """Refuse what somebody may not do: `unauthenticated` where logging in could help, else `forbidden`."""
        if not self.may(principal, right, owner):
            raise Refusal("unauthenticated" if principal.user is None else "forbidden")
