"""REST operations of a private tracker's credit: rules of what counts, and tokens."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time
from doors.rest.torrents import torrent_of
from tracker.bonus import MILLI
from tracker.credit import MOST_PERCENT, AccountBalance, CreditRule, NewCreditRule
from tracker.obligations import Obligation, TorrentStanding

_Percent = Annotated[int | None, Meta(description=f"0 to {MOST_PERCENT}; null: it says nothing of these.")]


@dataclass(frozen=True, slots=True)
class CreditRuleShape:
    """What part of the bytes counts: of a torrent, of an account, of both (a token), or of the whole site."""

    id: int
    user_id: int | None
    info_hash: str | None
    upload: _Percent
    download: _Percent
    since: Time
    until: Time | None
    reason: str


@dataclass(frozen=True, slots=True)
class BalanceShape:
    """The tokens and the bonus points that an account may spend."""

    tokens: int
    points: float


@dataclass(frozen=True, slots=True)
class TorrentStandingShape:
    """What an account moved of a torrent, what of it counts, and what it owes.

    `obligation` is `none`, `met`, `owed` or `broken` (hit and run); of the latter two `owed_seconds` of seeding are
    left, and it is broken after `until`.
    """

    info_hash: str
    title: str
    size: int
    uploaded_bytes: int
    downloaded_bytes: int
    credited_uploaded_bytes: int
    credited_downloaded_bytes: int
    seeded_seconds: int
    snatched: int
    seen_at: Time
    obligation: Annotated[str, Meta(extra_json_schema={"enum": [each.name.lower() for each in Obligation]})]
    owed_seconds: int
    until: Time | None


def rule_shape(rule: CreditRule) -> CreditRuleShape:
    """Return the shape of a rule."""
    return CreditRuleShape(
        rule.id,
        rule.account,
        rule.infohash.lower if rule.infohash is not None else None,
        rule.upload,
        rule.download,
        time(rule.since),
        time(rule.until) if rule.until is not None else None,
        rule.reason,
    )


@dataclass(frozen=True, slots=True)
class ClientCountShape:
    """An account that announces now, and its clients: how many peer ids, in how many torrents."""

    user_id: int
    clients: int
    torrents: int


@dataclass(frozen=True, slots=True)
class AddressCountShape:
    """From how many addresses an account announced today, and on the day of the last 30 with the most; 256 is more."""

    user_id: int
    today: int
    most: int


@dataclass(frozen=True, slots=True)
class TorrentBalanceShape:
    """What all accounts say that they moved of a torrent; `capped_bytes` is what they claimed too fast."""

    info_hash: str
    title: str
    uploaded_bytes: int
    downloaded_bytes: int
    difference_bytes: int
    capped_bytes: int
    accounts: int


async def _clients(context: RestContext) -> Listing:
    found = await context.services.accounts.terms.membership.crowded(context.principal)
    page = found[context.offset : context.offset + context.per_page]
    return context.listing([ClientCountShape(*each) for each in page], len(found))


async def _addresses(context: RestContext) -> Listing:
    found = await context.services.accounts.terms.membership.addresses(context.principal)
    page = found[context.offset : context.offset + context.per_page]
    return context.listing([AddressCountShape(*each) for each in page], len(found))


async def _balances(context: RestContext) -> Listing:
    found = await context.services.accounts.terms.membership.balances(context.principal)
    page = found[context.offset : context.offset + context.per_page]
    shapes = [
        TorrentBalanceShape(
            each.infohash.lower,
            each.title,
            each.uploaded,
            each.downloaded,
            each.difference,
            each.capped,
            each.accounts,
        )
        for each in page
    ]
    return context.listing(shapes, len(found))


async def _rules(context: RestContext) -> Listing:
    rules, total = await context.services.accounts.terms.crediting.rules(
        context.principal, context.offset, context.per_page
    )
    return context.listing([rule_shape(each) for each in rules], total)


async def _add_rule(context: RestContext) -> CreditRuleShape:
    given = context.body
    infohash = given.get("info_hash")
    rule = NewCreditRule(
        given.integer("since", 0),
        given.optional_integer("until"),
        given.optional_integer("user_id"),
        infohash if isinstance(infohash, InfoHash) else None,
        given.optional_integer("upload"),
        given.optional_integer("download"),
        reason=given.text("reason"),
    )
    return rule_shape(await context.services.accounts.terms.crediting.add_rule(context.principal, rule))


async def _end_rule(context: RestContext) -> CreditRuleShape:
    return rule_shape(
        await context.services.accounts.terms.crediting.end_rule(context.principal, context.id("rule"))
    )


async def _grant(context: RestContext) -> BalanceShape:
    balance = await context.services.accounts.terms.crediting.grant(
        context.principal, context.id("user"), context.body.integer("tokens")
    )
    return _balance(balance)


def _balance(balance: AccountBalance) -> BalanceShape:
    return BalanceShape(balance.tokens, balance.points / MILLI)


async def _exchange(context: RestContext) -> BalanceShape:
    given = context.body
    await context.services.accounts.terms.membership.exchange(
        context.principal, tokens=given.integer("tokens", 0), gib=given.integer("gib", 0)
    )
    return _balance(await context.services.accounts.terms.crediting.balance(context.user_id))


async def _standings(context: RestContext) -> Listing:
    user = context.id("user")
    found, total = await context.services.accounts.terms.membership.standings(
        context.principal, user, context.offset, context.per_page
    )
    return context.listing([_standing(each) for each in found], total)


def _standing(each: TorrentStanding) -> TorrentStandingShape:
    return TorrentStandingShape(
        each.infohash.lower,
        each.title,
        each.size,
        each.uploaded,
        each.downloaded,
        each.credited_up,
        each.credited_down,
        each.seeded,
        each.snatched,
        time(each.seen),
        each.obligation.name.lower(),
        each.owed,
        time(each.until) if each.until else None,
    )


async def _spend(context: RestContext) -> CreditRuleShape:
    torrent = await torrent_of(context)
    return rule_shape(await context.services.accounts.terms.crediting.spend(context.principal, torrent))


OPERATIONS = (
    Operation(
        "GET",
        "/credit/rules",
        "listCreditRules",
        "List the rules of what counts that have not ended, but for tokens",
        "credit",
        _rules,
        Right.MODERATE,
        query=request_fields.PAGING,
        answers=CreditRuleShape,
        many=True,
    ),
    Operation(
        "POST",
        "/credit/rules",
        "addCreditRule",
        "Say what part of the bytes counts, of a torrent, an account, both, or the whole site",
        "credit",
        _add_rule,
        Right.MODERATE,
        body=request_fields.CREDIT_RULE,
        answers=CreditRuleShape,
        status=201,
        refusals=("not-found",),
    ),
    Operation(
        "DELETE",
        "/credit/rules/{rule}",
        "endCreditRule",
        "End a rule of what counts now",
        "credit",
        _end_rule,
        Right.MODERATE,
        answers=CreditRuleShape,
    ),
    Operation(
        "POST",
        "/users/{user}/freeleech-tokens",
        "grantFreeleechTokens",
        "Give an account tokens that make a torrent free, or with a number below 0 take some",
        "credit",
        _grant,
        Right.MODERATE,
        body=request_fields.GRANT_TOKENS,
        required=("tokens",),
        answers=BalanceShape,
    ),
    Operation(
        "POST",
        "/torrents/{torrent}/freeleech-token",
        "spendFreeleechToken",
        "Spend one of one's own tokens: what is downloaded of the torrent does not count until it ends",
        "credit",
        _spend,
        Right.DOWNLOAD,
        account=True,
        answers=CreditRuleShape,
        status=201,
        refusals=("no-token",),
    ),
    Operation(
        "POST",
        "/bonus/exchange",
        "exchangePoints",
        "Buy tokens or GiB of upload credit for one's bonus points",
        "credit",
        _exchange,
        account=True,
        body=request_fields.EXCHANGE,
        answers=BalanceShape,
        refusals=("few-points",),
    ),
    Operation(
        "GET",
        "/moderation/clients",
        "listCrowded",
        "List the accounts with the most clients now, as passkeys that got about have",
        "credit",
        _clients,
        Right.MODERATE,
        query=request_fields.PAGING,
        answers=ClientCountShape,
        many=True,
    ),
    Operation(
        "GET",
        "/moderation/addresses",
        "listAddresses",
        "List the accounts that announce from the most addresses, as passkeys that got about do",
        "credit",
        _addresses,
        Right.MODERATE,
        query=request_fields.PAGING,
        answers=AddressCountShape,
        many=True,
    ),
    Operation(
        "GET",
        "/moderation/balances",
        "listBalances",
        "List the torrents whose uploads and downloads add up least",
        "credit",
        _balances,
        Right.MODERATE,
        query=request_fields.PAGING,
        answers=TorrentBalanceShape,
        many=True,
    ),
    Operation(
        "GET",
        "/users/{user}/torrents",
        "listTraffic",
        "List what an account moved of each torrent and what it owes, hit and runs first; one's own, or MODERATE",
        "credit",
        _standings,
        account=True,
        query=request_fields.PAGING,
        answers=TorrentStandingShape,
        many=True,
        refusals=("forbidden",),
    ),
)
