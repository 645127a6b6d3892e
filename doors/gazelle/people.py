"""Hides the actions about accounts and the site in numbers: index, user, usersearch, stats."""

from accounts.model import User
from accounts.rights import Right
from catalogue.markup import escape
from doors.gazelle.envelope import BAD_ID, NO_TERMS, NO_USER, Failure
from doors.gazelle.shapes import Shape
from doors.gazelle.spelling import moment
from doors.gazelle.visit import Visit

USERS = 30
DOWNLOAD = "download"

_RANKS = ("uploaded", "downloaded", "uploads", "requests", "bounty", "posts", "artists", "overall")
_COUNTS = (
    *("posts", "torrentComments", "artistComments", "collageComments", "requestComments"),
    *("collagesStarted", "collagesContrib", "requestsFilled", "bountyEarned", "requestsVoted"),
    *("bountySpent", "uploaded", "groups", "seeding", "leeching", "snatched", "invited", "artistsAdded"),
)


async def index(visit: Visit) -> object:
    """Answer who is asking, and the two secrets with which links are made."""
    return {
        "username": escape(visit.user.name),
        "id": visit.user.id,
        "authkey": visit.office.accounts.passes.authkey(visit.principal),
        "passkey": await _passkey(visit),
        "notifications": {
            "messages": 0,
            "notifications": 0,
            "newAnnouncement": False,
            "newBlog": False,
            "newSubscriptions": False,
        },
        "userstats": {
            "uploaded": 0,
            "downloaded": 0,
            "ratio": 0,
            "requiredratio": 0,
            "class": _class(visit.user),
        },
    }


async def user(visit: Visit) -> object:
    """Answer an account's profile; its passkey and when it was last here are shown to itself."""
    number = visit.asked.number("id")
    if not number:
        raise Failure(BAD_ID)
    found = await visit.office.accounts.user(number)
    if found is None:
        raise Failure(NO_USER)
    own = found.id == visit.user.id
    uploads, groups = await visit.office.catalogue.uploads_of(found.id)
    secret = await _passkey(visit) if own else ""
    seen = own or visit.office.rights.may(visit.principal, Right.MODERATE)
    return {
        "username": escape(found.name),
        "avatar": "",
        "isFriend": False,
        "profileText": "",
        "stats": {
            "joinedDate": moment(found.joined),
            "lastAccess": moment(found.seen if seen else None),
            "uploaded": 0,
            "downloaded": 0,
            "ratio": 0,
            "requiredRatio": 0,
        },
        "ranks": dict.fromkeys(_RANKS, 0),
        "personal": _personal(found, secret),
        "community": dict.fromkeys(_COUNTS, 0) | {"uploaded": uploads, "groups": groups},
    }


async def usersearch(visit: Visit) -> object:
    """Answer a page of the accounts whose name holds a text."""
    text = visit.asked.text("search")
    if not text:
        raise Failure(NO_TERMS)
    page = visit.asked.page()
    users, total = await visit.office.accounts.users(text, (page - 1) * USERS, USERS)
    return {
        "currentPage": page,
        "pages": -(-total // USERS),
        "results": [_found(each) for each in users],
    }


async def stats(visit: Visit) -> object:
    """Answer the site in numbers."""
    office = visit.office
    users = await office.accounts.totals(int(office.clock()))
    totals, swarms = await office.catalogue.totals(), office.swarms()
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


async def _passkey(visit: Visit) -> str:
    """Return the account's own passkey; a key that may not download does not learn it."""
    key = visit.principal.key
    if key is not None and key.methods is not None and DOWNLOAD not in key.methods:
        return ""
    return await visit.office.accounts.passes.passkey(visit.user.id)


def _personal(user: User, secret: str) -> Shape:
    return {
        "class": _class(user),
        "paranoia": 0,
        "paranoiaText": "Off",
        "donor": False,
        "warned": False,
        "enabled": user.enabled,
        "passkey": secret,
    }


def _found(user: User) -> Shape:
    return {
        "userId": user.id,
        "username": escape(user.name),
        "donor": False,
        "warned": False,
        "enabled": user.enabled,
        "class": _class(user),
        "avatar": "",
    }


def _class(user: User) -> str:
    return user.role.value.capitalize()
