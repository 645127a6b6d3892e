"""Membership of a private tracker: what an account owes, and what it buys for its bonus points."""

from collections.abc import Callable, Mapping

from accounts.model import Principal
from accounts.rights import Right, Rights
from bittorrent.refusal import Refusal
from tracker.address_figures import AddressCount
from tracker.bonus import GIB, BonusPrices, BonusStore
from tracker.obligations import Obligation, ObligationRules, ObligationStore, TorrentStanding
from tracker.suspicions import ClientCount, SuspicionStore, TorrentBalance

MOST_SHOWN = 100
"""Accounts, and torrents, that the figures for moderators hold."""
MOST_BOUGHT = 10_000
"""Tokens or GiB that one exchange may ask for."""

_DAY = 86_400


class Membership:
    """What an account is shown of itself, and moderators of everybody (MODERATE), and what it may buy."""

    def __init__(
        self,
        obligations: ObligationStore,
        bonus: BonusStore,
        rights: Rights,
        clock: Callable[[], float],
        *,
        suspicions: SuspicionStore,
        timeout: int,
        rules: ObligationRules,
        prices: BonusPrices,
    ) -> None:
        """`timeout` is how many seconds a silent client is taken for one that announces."""
        self._suspicions = suspicions
        self._timeout = timeout
        self.rules = rules
        self.prices = prices
        self._obligations = obligations
        self._bonus = bonus
        self._rights = rights
        self._clock = clock

    def may_see(self, principal: Principal, account: int) -> bool:
        """Return whether a principal sees what an account moved of single torrents."""
        return principal.id == account or self._rights.may(principal, Right.MODERATE)

    async def standings(
        self, principal: Principal, account: int, offset: int, limit: int
    ) -> tuple[list[TorrentStanding], int]:
        """Return the torrents of an account with what it owes, broken ones first; and how many there are.

        Refusal: `unauthenticated`, `forbidden`.
        """
        if not self.may_see(principal, account):
            self._rights.require(principal, Right.MODERATE)
        now = int(self._clock())
        return await self._obligations.standings(account, self.rules, now, offset, limit)

    async def counts(self, account: int) -> Mapping[Obligation, int]:
        """Return how many obligations of an account there are of each kind; a kind without any may be missing."""
        return await self._obligations.counts(account, self.rules, int(self._clock()))

    async def crowded(self, principal: Principal) -> list[ClientCount]:
        """Return the accounts with the most clients now (MODERATE)."""
        self._rights.require(principal, Right.MODERATE)
        return await self._suspicions.clients(int(self._clock()) - self._timeout, MOST_SHOWN)

    async def addresses(self, principal: Principal) -> list[AddressCount]:
        """Return the accounts that announce from the most addresses (MODERATE)."""
        self._rights.require(principal, Right.MODERATE)
        return await self._suspicions.addresses(self._today(), MOST_SHOWN)

    async def addresses_of(self, principal: Principal, account: int) -> AddressCount:
        """Return from how many addresses an account announces (MODERATE)."""
        self._rights.require(principal, Right.MODERATE)
        return await self._suspicions.addresses_of(account, self._today())

    def _today(self) -> int:
        return int(self._clock()) // _DAY

    async def balances(self, principal: Principal) -> list[TorrentBalance]:
        """Return the torrents whose traffic adds up least (MODERATE)."""
        self._rights.require(principal, Right.MODERATE)
        return await self._suspicions.balances(MOST_SHOWN)

    async def exchange(self, principal: Principal, *, tokens: int = 0, gib: int = 0) -> None:
        """Buy tokens or GiB of upload credit for points.

        Refusal: `unauthenticated`; `invalid` for what is not for sale; `few-points`.
        """
        if principal.id is None:
            raise Refusal("unauthenticated")
        for name, count, price in (("tokens", tokens, self.prices.token), ("gib", gib, self.prices.gib)):
            if count and not price:
                raise Refusal("invalid", fields={name: ["It is not for sale here."]})
            if not 0 <= count <= MOST_BOUGHT:
                raise Refusal("invalid", fields={name: [f"It is not between 1 and {MOST_BOUGHT}."]})
        if not tokens and not gib:
            raise Refusal("invalid", fields={"tokens": ["Say how many tokens, or how many GiB."]})
        price = tokens * self.prices.token + gib * self.prices.gib
        if not await self._bonus.exchange(principal.id, price, tokens=tokens, uploaded=gib * GIB):
            raise Refusal("few-points", f"{price} are needed")
