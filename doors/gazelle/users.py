"""The actions on accounts and site statistics: index, user, usersearch, stats."""

from accounts.model import Role, User
from accounts.rights import Right
from catalogue.bbcode import escape
from doors.gazelle.context import GazelleContext
from doors.gazelle.envelope import BAD_ID, NO_TERMS, NO_USER, GazelleFailure
from doors.gazelle.formatting import timestamp
from doors.gazelle.shapes import JsonObject
from tracker.ledger import AccountTraffic
from tracker.standing import NEVER_JUDGED, Standing

USERS_PER_PAGE = 30
DOWNLOAD = "download"

_RANKS = ("uploaded", "downloaded", "uploads", "requests", "bounty", "posts", "artists", "overall")
_COUNTS = (
    *("posts", "torrentComments", "artistComments", "collageComments", "requestComments"),
    *("collagesStarted", "collagesContrib", "requestsFilled", "bountyEarned", "requestsVoted"),
    *("bountySpent", "uploaded", "groups", "seeding", "leeching", "snatched", "invited", "artistsAdded"),
)


async def index(context: GazelleContext) -> object:
    """Answer the account itself, with the authkey and passkey of its links."""
    traffic = await context.services.accounts.ledger.account(context.user.id)
    return {
        "username": escape(context.user.name),
        "id": context.user.id,
        "authkey": context.services.accounts.accounts.passkeys.authkey(context.principal),
        "passkey": await _passkey(context),
        "notifications": {
            "messages": 0,
            "notifications": 0,
            "newAnnouncement": False,
            "newBlog": False,
            "newSubscriptions": False,
        },
        "userstats": {
            **_traffic(traffic),
            "requiredratio": _required_ratio(context, traffic),
            "class": _class(context.user, await _standing(context, context.user.id)),
        },
    }


async def user(context: GazelleContext) -> object:
    """Answer an account's profile; its passkey and last access are shown to itself."""
    number = context.parameters.number("id")
    if not number:
        raise GazelleFailure(BAD_ID)
    found = await context.services.accounts.accounts.user(number)
    if found is None:
        raise GazelleFailure(NO_USER)
    own = found.id == context.user.id
    uploads, groups = await context.services.catalogue.store.statistics.upload_counts(found.id)
    passkey = await _passkey(context) if own else ""
    traffic = await context.services.accounts.ledger.account(found.id)
    seen = own or context.services.admission.rights.may(context.principal, Right.MODERATE)
    return {
        "username": escape(found.name),
        "avatar": "",
        "isFriend": False,
        "profileText": "",
        "stats": {
            "joinedDate": timestamp(found.joined),
            "lastAccess": timestamp(found.seen if seen else None),
            **_traffic(traffic),
            "requiredRatio": _required_ratio(context, traffic),
        },
        "ranks": dict.fromkeys(_RANKS, 0),
        "personal": _personal(found, passkey, await _standing(context, found.id)),
        "community": dict.fromkeys(_COUNTS, 0)
        | {"uploaded": uploads, "groups": groups, "seeding": traffic.seeding, "snatched": traffic.snatched},
    }


async def usersearch(context: GazelleContext) -> object:
    """Answer a page of the accounts whose name contains a text."""
    text = context.parameters.text("search")
    if not text:
        raise GazelleFailure(NO_TERMS)
    page = context.parameters.page()
    users, total = await context.services.accounts.accounts.users(
        text, (page - 1) * USERS_PER_PAGE, USERS_PER_PAGE
    )
    return {
        "currentPage": page,
        "pages": -(-total // USERS_PER_PAGE),
        "results": [_search_result(each) for each in users],
    }


async def stats(context: GazelleContext) -> object:
    """Answer the site's statistics."""
    services = context.services
    users = await services.accounts.accounts.totals(int(services.admission.clock()))
    totals, swarms = await services.catalogue.store.statistics.totals(), services.swarms.totals()
    return {
        "maxUsers": 0,
        "enabledUsers": users["enabled"],
        "usersActiveThisDay": users["day"],
        "usersActiveThisWeek": users["week"],
        "usersActiveThisMonth": users["month"],
        "torrentCount": totals.torrents,
        "groupCount": totals.groups,
        "artistCount": totals.authors,
        "requestCount": 0,
        "filledRequestCount": 0,
        "seederCount": swarms.complete,
        "leecherCount": swarms.incomplete,
    }


async def _passkey(context: GazelleContext) -> str:
    """Return the account's own passkey, "" for a key that may not download."""
    key = context.principal.key
    if key is not None and key.methods is not None and DOWNLOAD not in key.methods:
        return ""
    return await context.services.accounts.accounts.passkeys.passkey(context.user.id)


def _traffic(traffic: AccountTraffic) -> JsonObject:
    """Return the bytes that count and their ratio with two digits, 0 where no download counts."""
    return {
        "uploaded": traffic.credited_up,
        "downloaded": traffic.credited_down,
        "ratio": round(traffic.ratio or 0, 2),
    }


def _personal(user: User, passkey: str, standing: Standing) -> JsonObject:
    return {
        "class": _class(user, standing),
        "paranoia": 0,
        "paranoiaText": "Off",
        "donor": False,
        "warned": bool(standing.watched),
        "enabled": user.enabled,
        "passkey": passkey,
    }


def _search_result(user: User) -> JsonObject:
    return {
        "userId": user.id,
        "username": escape(user.name),
        "donor": False,
        "warned": False,
        "enabled": user.enabled,
        "class": _class(user),
        "avatar": "",
    }


async def _standing(context: GazelleContext, user: int) -> Standing:
    return await context.services.accounts.terms.standings.store.standing(user)


def _required_ratio(context: GazelleContext, traffic: AccountTraffic) -> float:
    """Return the ratio below which the account is watched, 0 where it is not."""
    watch = context.services.accounts.terms.standings.watch
    return watch.ratio if watch.ratio and traffic.credited_down > watch.since else 0


def _class(user: User, standing: Standing = NEVER_JUDGED) -> str:
    """Return the class of an account that has one and no role above user, else its role."""
    return standing.name if standing.name and user.role is Role.USER else user.role.value.capitalize()
