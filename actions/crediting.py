"""Credit of a private tracker: rules of what counts, and tokens, changed by whoever may, each change in the log."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from accounts.accounts import Accounts
from accounts.model import Principal, User
from accounts.rights import Right, Rights
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Freeleech, Subject, Torrent
from catalogue.moderation import Moderation
from catalogue.text_cleaning import plain_line
from tracker.credit import (
    FREE,
    LATEST,
    MOST_PERCENT,
    NEUTRAL,
    NORMAL,
    AccountBalance,
    CreditRule,
    CreditStore,
    Factors,
    NewCreditRule,
    ShownFactors,
)

MOST_GRANTED = 10_000
"""Tokens that one grant may give or take."""
_LONGEST_REASON = 200
_MARKS = {Freeleech.NORMAL: NORMAL, Freeleech.FREE: FREE, Freeleech.NEUTRAL: NEUTRAL}


class Crediting:
    """Rules of credit on behalf of a principal (MODERATE), and tokens, which an account spends itself.

    Rules hold from the moment they are made: what was announced before counts as it did then.
    """

    def __init__(
        self,
        store: CreditStore,
        accounts: Accounts,
        moderation: Moderation,
        rights: Rights,
        clock: Callable[[], float],
        *,
        token_lifetime: int,
    ) -> None:
        self.store = store
        self.token_lifetime = token_lifetime
        self._accounts = accounts
        self._moderation = moderation
        self._rights = rights
        self._clock = clock
        self._shown = ShownFactors()
        self.counts = False

    async def start(self) -> None:
        """Read what lists show; without it no rule is, as where nothing counts."""
        self.counts = True
        self._shown.replace(await self.store.shown(self._now()))

    def factors(self, torrent: Torrent) -> Factors:
        """Return what counts of a torrent now for whoever has no rule of their own."""
        return self._shown.of(torrent.infohash, _MARKS[torrent.freeleech], self._now())

    def as_shown(self, torrent: Torrent) -> Torrent:
        """Return a torrent with the kind of freeleech that holds for it now, by its own mark or by a rule."""
        kind = freeleech_of(self.factors(torrent))
        return torrent if kind is torrent.freeleech else replace(torrent, freeleech=kind)

    def site_rules(self) -> list[CreditRule]:
        """Return the rules for the whole site that are in force."""
        return self._shown.site(self._now())

    async def rules(self, principal: Principal, offset: int, limit: int) -> tuple[Sequence[CreditRule], int]:
        """Return the rules that have not ended, but for tokens, the newest first, and how many there are."""
        self._rights.require(principal, Right.MODERATE)
        return await self.store.rules(self._now(), offset, limit)

    async def add_rule(self, principal: Principal, rule: NewCreditRule) -> CreditRule:
        """Make a rule, that begins now at the earliest. Refusal: `invalid`, `not-found` without such an account."""
        self._rights.require(principal, Right.MODERATE)
        now = self._now()
        rule = replace(
            rule,
            since=max(rule.since, now),
            author=principal.id,
            reason=plain_line(rule.reason, _LONGEST_REASON),
        )
        _check(rule)
        if rule.account is not None:
            await self._user(rule.account)
        added = await self.store.add_rule(rule)
        await self.start()
        await self._log(principal, "credit", added)
        return added

    async def end_rule(self, principal: Principal, number: int) -> CreditRule:
        """End a rule now. Refusal: `not-found`."""
        self._rights.require(principal, Right.MODERATE)
        ended = await self.store.end_rule(number, self._now())
        if ended is None:
            raise Refusal("not-found")
        await self.start()
        await self._log(principal, "end-credit", ended)
        return ended

    async def grant(self, principal: Principal, user: int, tokens: int) -> AccountBalance:
        """Give an account tokens, or take some with a number below 0 (MODERATE). Refusal: `not-found`, `invalid`."""
        self._rights.require(principal, Right.MODERATE)
        if not tokens or abs(tokens) > MOST_GRANTED:
            raise Refusal("invalid", fields={"tokens": [f"It is not between 1 and {MOST_GRANTED}."]})
        owner = await self._user(user)
        balance = await self.store.grant(user, tokens)
        detail = principal.signed(f"{owner.name}: {tokens:+} tokens")
        await self._moderation.log(principal.id, "grant-tokens", Subject.USER, str(user), detail)
        return balance

    async def spend(self, principal: Principal, torrent: Torrent) -> CreditRule:
        """Spend one of one's own tokens on a torrent: nothing that is downloaded of it counts until it ends.

        Refusal: `unauthenticated`, `no-token` without one, or where one is in use for the torrent.
        """
        if principal.id is None:
            raise Refusal("unauthenticated")
        now = self._now()
        rule = NewCreditRule(
            now,
            now + self.token_lifetime,
            principal.id,
            torrent.infohash,
            download=0,
            author=principal.id,
            reason="a token",
        )
        spent = await self.store.spend_token(rule)
        if spent is None:
            raise Refusal("no-token")
        return spent

    async def free_by_token(self, account: int | None) -> frozenset[InfoHash]:
        """Return the torrents of which an account's tokens say that downloads do not count."""
        if account is None or not self.counts:
            return frozenset()
        now = self._now()
        rules = await self.store.tokens_in_use(account, now)
        return frozenset(
            rule.infohash
            for rule in rules
            if rule.infohash is not None and rule.download == 0 and rule.holds_at(now)
        )

    async def balance(self, account: int) -> AccountBalance:
        """Return what an account has beside its traffic."""
        return await self.store.balance(account)

    async def _user(self, number: int) -> User:
        user = await self._accounts.user(number)
        if user is None:
            raise Refusal("not-found")
        return user

    async def _log(self, principal: Principal, verb: str, rule: CreditRule) -> None:
        if rule.infohash is not None:
            subject, target = Subject.INFOHASH, rule.infohash.lower
        elif rule.account is not None:
            subject, target = Subject.USER, str(rule.account)
        else:
            subject, target = Subject.CREDIT, str(rule.id)
        await self._moderation.log(principal.id, verb, subject, target, principal.signed(described(rule)))

    def _now(self) -> int:
        return int(self._clock())


def freeleech_of(factors: Factors) -> Freeleech:
    """Return the kind of freeleech that factors are; half a download is none."""
    if factors.download:
        return Freeleech.NORMAL
    return Freeleech.FREE if factors.upload else Freeleech.NEUTRAL


def described(rule: NewCreditRule) -> str:
    """Return a rule in words."""
    parts = [
        f"{name} {percent} %"
        for name, percent in (("upload", rule.upload), ("download", rule.download))
        if percent is not None
    ]
    if rule.account is not None and rule.infohash is not None:
        parts.append(f"for account {rule.account}")
    if rule.until is not None:
        parts.append(f"for {max(rule.until - rule.since, 0) / 3600:.1f} h")
    return ", ".join([*parts, rule.reason] if rule.reason else parts)


def _check(rule: NewCreditRule) -> None:
    faults: dict[str, list[str]] = {}
    if rule.upload is None and rule.download is None:
        faults["download"] = ["Say what of uploads or of downloads counts."]
    for name, percent in (("upload", rule.upload), ("download", rule.download)):
        if percent is not None and not 0 <= percent <= MOST_PERCENT:
            faults[name] = [f"It is not between 0 and {MOST_PERCENT}."]
    if rule.since > LATEST:
        faults["since"] = ["It is behind the year 9999."]
    if rule.until is not None and not rule.since < rule.until <= LATEST:
        faults["until"] = ["It is no time after the beginning and now, and before the year 10000."]
    if faults:
        raise Refusal("invalid", fields=faults)
