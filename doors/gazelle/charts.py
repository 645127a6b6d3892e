"""The action `top10`: its lists, their captions and what ranks in each."""

from collections.abc import Awaitable, Callable

from catalogue.bbcode import escape
from catalogue.model import PUBLIC_VIEWER, Torrent
from doors.gazelle.context import GazelleContext
from doors.gazelle.envelope import BAD_PARAMETERS, GazelleFailure
from doors.gazelle.formatting import byline, tags, timestamp
from doors.gazelle.shapes import JsonObject

Rows = Callable[[GazelleContext, str, int], Awaitable[list[JsonObject]]]

_LIMITS = (10, 100, 250)
_ALL = frozenset({"", "all"})
_DEFAULT_TYPE = "torrents"


async def top10(context: GazelleContext) -> object:
    """Answer the lists of a type, or the one that `details` names."""
    lists = _TYPES.get(context.parameters.text("type") or _DEFAULT_TYPE)
    details = context.parameters.text("details")
    if lists is None or (details not in _ALL and details not in lists):
        raise GazelleFailure(BAD_PARAMETERS)
    wish = context.parameters.number("limit")
    limit = wish if wish in _LIMITS else _LIMITS[0]
    chosen = lists if details in _ALL else {details: lists[details]}
    return [
        {"caption": caption, "tag": tag, "limit": limit, "results": await rows(context, tag, limit)}
        for tag, (caption, rows) in chosen.items()
    ]


async def _torrents(context: GazelleContext, chart: str, limit: int) -> list[JsonObject]:
    catalogue = context.services.catalogue.store
    ids = await catalogue.statistics.top(chart, int(context.services.admission.clock()), limit)
    ranked = context.with_swarm_stats(await catalogue.torrents.torrents(ids, PUBLIC_VIEWER))
    return [_torrent(each, stats.seeders, stats.leechers, stats.snatched) for each, stats in ranked]


async def _tags(context: GazelleContext, chart: str, limit: int) -> list[JsonObject]:
    found = await context.services.catalogue.store.tags.tags("", 0, limit)
    return [{"name": escape(tag.name), "uses": tag.uses} for tag in found.items if tag.uses]


async def _uploaders(context: GazelleContext, chart: str, limit: int) -> list[JsonObject]:
    ranked = await context.services.catalogue.store.statistics.top_uploaders(limit)
    users = await context.services.accounts.accounts.users_by_id([user for user, _ in ranked])
    return [
        _user(users[user].id, users[user].name, users[user].joined, count)
        for user, count in ranked
        if user in users
    ]


async def _nothing(context: GazelleContext, chart: str, limit: int) -> list[JsonObject]:
    """Rank nothing: requests and the traffic of accounts are not counted here."""
    return []


def _torrent(of: Torrent, seeders: int, leechers: int, snatched: int) -> JsonObject:
    return {
        "torrentId": of.id,
        "groupId": of.group.id,
        "author": byline(of.group.authors),
        "groupName": escape(of.group.name),
        "groupCategory": of.group.category.id,
        "groupYear": of.group.year or 0,
        "platform": escape(of.platform),
        "tags": tags(of.group.tags),
        "snatched": snatched,
        "seeders": seeders,
        "leechers": leechers,
        "data": of.size * snatched + of.size * leechers // 2,
        "size": of.size,
        "picture": escape(of.group.picture),
    }


def _user(user: int, name: str, joined: int, uploads: int) -> JsonObject:
    return {
        "id": user,
        "username": escape(name),
        "uploaded": 0,
        "upSpeed": 0,
        "downloaded": 0,
        "downSpeed": 0,
        "numUploads": uploads,
        "joinDate": timestamp(joined),
    }


_TYPES: dict[str, dict[str, tuple[str, Rows]]] = {
    "torrents": {
        "day": ("Most Active Torrents Uploaded in the Past Day", _torrents),
        "week": ("Most Active Torrents Uploaded in the Past Week", _torrents),
        "overall": ("Most Active Torrents of All Time", _torrents),
        "snatched": ("Most Snatched Torrents", _torrents),
        "data": ("Most Data Transferred Torrents", _torrents),
        "seeded": ("Best Seeded Torrents", _torrents),
    },
    "tags": {
        "ut": ("Most Used Torrent Tags", _tags),
        "ur": ("Most Used Request Tags", _nothing),
    },
    "users": {
        "ul": ("Uploaders", _nothing),
        "dl": ("Downloaders", _nothing),
        "numul": ("Torrents Uploaded", _uploaders),
        "uls": ("Fastest Uploaders", _nothing),
        "dls": ("Fastest Downloaders", _nothing),
    },
}
