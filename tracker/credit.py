"""Credit: what part of the bytes that accounts move counts for them, by rules for torrents, accounts and times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bittorrent.infohash import InfoHash

MOST_PERCENT = 1000
"""The largest part that a rule may count: ten times what was moved."""
WHOLE = 100
LATEST = 253_402_300_799
"""The last second of the year 9999, behind which no time is written."""


class Factors(NamedTuple):
    """The parts of uploaded and downloaded bytes that count, in percent."""

    upload: int = WHOLE
    download: int = WHOLE

    def of(self, uploaded: int, downloaded: int) -> tuple[int, int]:
        """Return what counts of bytes moved, rounded down."""
        return uploaded * self.upload // WHOLE, downloaded * self.download // WHOLE


NORMAL, FREE, NEUTRAL = Factors(), Factors(WHOLE, 0), Factors(0, 0)


@dataclass(frozen=True, slots=True)
class NewCreditRule:
    """A rule to be made: for an account, a torrent, both (as a token is), or the whole site, from `since` to `until`.

    `upload` and `download` are percent, None where the rule says nothing of them; times are unix seconds, `until` is
    the first second without the rule, None for never. `author` is the account of who made it.
    """

    since: int
    until: int | None
    account: int | None = None
    infohash: InfoHash | None = None
    upload: int | None = None
    download: int | None = None
    author: int | None = None
    reason: str = ""

    def holds_at(self, time: int) -> bool:
        """Return whether the rule is in force."""
        return self.since <= time and (self.until is None or time < self.until)

    def covers(self, account: int, infohash: InfoHash) -> bool:
        """Return whether the rule is for what an account moves of a torrent."""
        return self.account in (None, account) and self.infohash in (None, infohash)


@dataclass(frozen=True, slots=True)
class CreditRule(NewCreditRule):
    """A rule that is stored, with its number."""

    id: int = 0


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """What an account has beside its traffic: tokens to spend, bytes credited by bonus or by an import, and points.

    `points` are thousandths of a point.
    """

    tokens: int = 0
    uploaded: int = 0
    downloaded: int = 0
    points: int = 0


def factors_by(rules: Iterable[NewCreditRule], marked: Factors = NORMAL) -> Factors:
    """Return the factors where these rules hold and the torrent is marked as NORMAL, FREE or NEUTRAL.

    Of several rules the best for the account counts: the most of what it uploads, the least of what it downloads.
    What no rule speaks of counts whole. Of a neutral torrent nothing counts, whatever the rules.
    """
    if marked == NEUTRAL:
        return marked
    given = list(rules)
    uploads = [rule.upload for rule in given if rule.upload is not None]
    downloads = [rule.download for rule in given if rule.download is not None]
    if marked.download != WHOLE:
        downloads.append(marked.download)
    return Factors(max(uploads, default=WHOLE), min(downloads, default=WHOLE))


class CreditStore(Protocol):
    """Rules and balances on disk; what a method returned from is there after a restart."""

    async def add_rule(self, rule: NewCreditRule) -> CreditRule:
        """Add a rule."""

    async def end_rule(self, rule: int, now: int) -> CreditRule | None:
        """End a rule now, and return it; one that has not begun is as if it had never been. None: there is none."""

    async def rules(self, now: int, offset: int, limit: int) -> tuple[list[CreditRule], int]:
        """Return rules that have not ended, but for tokens, the newest first, and how many there are."""

    async def shown(self, now: int) -> list[CreditRule]:
        """Return every rule for torrents or the site, of no account, that has not ended."""

    async def tokens_in_use(self, account: int, now: int) -> list[CreditRule]:
        """Return the tokens that an account has spent and that have not ended."""

    async def balance(self, account: int) -> AccountBalance:
        """Return what an account has beside its traffic."""

    async def grant(self, account: int, tokens: int) -> AccountBalance:
        """Add tokens, or with a number below 0 take some away, though none below 0; return what there is then."""

    async def spend_token(self, rule: NewCreditRule) -> CreditRule | None:
        """Take a token from the account of a rule, and add the rule; None without a token, or with such a rule."""


class ShownFactors:
    """The factors of torrents for everybody, as lists show them; an account's own rules are not among them."""

    def __init__(self) -> None:
        self._site: list[CreditRule] = []
        self._torrents: dict[InfoHash, list[CreditRule]] = {}

    def replace(self, rules: Sequence[CreditRule]) -> None:
        """Show these rules from now on."""
        torrents: dict[InfoHash, list[CreditRule]] = {}
        for rule in rules:
            if rule.infohash is not None:
                torrents.setdefault(rule.infohash, []).append(rule)
        self._site, self._torrents = [rule for rule in rules if rule.infohash is None], torrents

    def site(self, now: int) -> list[CreditRule]:
        """Return the rules for the whole site that are in force."""
        return [rule for rule in self._site if rule.holds_at(now)]

    def of(self, infohash: InfoHash, marked: Factors, now: int) -> Factors:
        """Return the factors of a torrent that is marked as NORMAL, FREE or NEUTRAL."""
        if not self._site and not self._torrents:
            return marked
        rules = (*self._site, *self._torrents.get(infohash, ()))
        return factors_by((rule for rule in rules if rule.holds_at(now)), marked)
