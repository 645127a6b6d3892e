"""Invitations on behalf of a principal: sent, withdrawn, used to join; and the tree of who let whom in."""

import asyncio
from collections.abc import Callable, Sequence

from accounts.accounts import Accounts
from accounts.invitations import Invitation, InvitationStore, InvitedUser
from accounts.model import Principal, User
from accounts.rights import Right, Rights
from accounts.secrets import Secrets
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from catalogue.moderation import Moderation
from tasks.run_to_completion import RunToCompletion

MOST_GRANTED = 10_000
"""Invites that one grant may give or take."""
TREE_MOST = 2_000


class Invitations:
    """Whoever has invites lets others in, administrators of accounts without; moderators give invites and see the tree.

    An invitation is a secret that is shown once, and makes one account within its lifetime.
    """

    def __init__(
        self,
        store: InvitationStore,
        accounts: Accounts,
        secrets: Secrets,
        moderation: Moderation,
        *,
        rights: Rights,
        clock: Callable[[], float],
        lifetime: int,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._secrets = secrets
        self._moderation = moderation
        self._rights = rights
        self._clock = clock
        self.lifetime = lifetime
        self._running = RunToCompletion("accounts.joining_failed", expected=(Refusal,))
        self._turn = asyncio.Lock()

    async def send(self, principal: Principal) -> tuple[Invitation, str]:
        """Return a new invitation and its secret. Refusal: `unauthenticated`, `no-invite` without one to send."""
        inviter = _require_own(principal)
        secret, now = self._secrets.link(), self._now()
        digest = self._digest(secret)
        free = self._rights.may(principal, Right.ACCOUNTS)
        made = await self._store.add(inviter, digest, now, now + self.lifetime, free=free)
        if made is None:
            raise Refusal("no-invite")
        return made, secret

    async def withdraw(self, principal: Principal, invitation: int) -> None:
        """Withdraw one of one's own invitations that nobody used. Refusal: `not-found`."""
        if not await self._store.withdraw(_require_own(principal), invitation):
            raise Refusal("not-found")

    async def sent(self, principal: Principal, offset: int, limit: int) -> tuple[list[Invitation], int]:
        """Return what one sent, the newest first, and how many there are."""
        return await self._store.sent(_require_own(principal), offset, limit)

    async def check(self, secret: str) -> None:
        """Refuse a secret that lets nobody in. Refusal: `bad-link`."""
        if await self._store.valid(self._digest(secret), self._now()) is None:
            raise Refusal("bad-link")

    async def join(self, secret: str, name: str, password: str) -> User:
        """Make an account by an invitation, which is used up. Refusal: `bad-link`, `invalid`, `taken`, `busy`."""
        return await self._running.run(self._join(self._digest(secret), name, password))

    async def _join(self, digest: bytes, name: str, password: str) -> User:
        claimed = await self._store.claim(digest, self._now())
        if claimed is None:
            raise Refusal("bad-link")
        try:
            user = await self._accounts.add(name, password)
        except Refusal:
            await self._store.settle(claimed.id, None)
            raise
        await self._store.settle(claimed.id, user.id)
        inviter = await self._accounts.user(claimed.inviter)
        by = f"{user.name}, let in by {inviter.name if inviter is not None else claimed.inviter}"
        await self._moderation.log(
            claimed.inviter if inviter else None, "invite", Subject.USER, str(user.id), by
        )
        return user

    async def grant(self, principal: Principal, user: int, invites: int) -> int:
        """Give an account invites, or take some with a number below 0 (MODERATE); return what it has then.

        Refusal: `not-found`, `invalid`.
        """
        self._rights.require(principal, Right.MODERATE)
        if not invites or abs(invites) > MOST_GRANTED:
            raise Refusal("invalid", fields={"invites": [f"It is not between 1 and {MOST_GRANTED}."]})
        owner = await self._accounts.user(user)
        if owner is None:
            raise Refusal("not-found")
        left = await self._store.grant(user, invites)
        detail = principal.signed(f"{owner.name}: {invites:+} invites")
        await self._moderation.log(principal.id, "grant-invites", Subject.USER, str(user), detail)
        return left

    async def tree(self, principal: Principal, root: int) -> Sequence[InvitedUser]:
        """Return an account and whoever came by it, each after who let them in (MODERATE). Refusal: `not-found`."""
        self._rights.require(principal, Right.MODERATE)
        found = await self._store.tree(root, TREE_MOST)
        if not found:
            raise Refusal("not-found")
        return found

    async def inviter(self, principal: Principal, user: int) -> User | None:
        """Return who let an account in, None where nobody did (MODERATE)."""
        self._rights.require(principal, Right.MODERATE)
        number = await self._store.inviter(user)
        return await self._accounts.user(number) if number is not None else None

    async def drain(self) -> None:
        """Wait for what is under way."""
        await self._running.drain()

    def _digest(self, secret: str) -> bytes:
        digest = self._secrets.of_invitation(secret)
        if digest is None:
            raise Refusal("bad-link")
        return digest

    def _now(self) -> int:
        return int(self._clock())


def _require_own(principal: Principal) -> int:
    """Return the account of a principal; keys that are limited to methods invite nobody."""
    if principal.id is None:
        raise Refusal("unauthenticated")
    if principal.key is not None and principal.key.methods is not None:
        raise Refusal("forbidden")
    return principal.id
