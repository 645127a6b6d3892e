"""The action `top10`: its lists, their captions and what ranks in each."""

from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import Raw

from catalogue.bbcode import escape
from catalogue.model import PUBLIC_VIEWER, Torrent
from doors.gazelle.context import GazelleContext
from doors.gazelle.envelope import BAD_PARAMETERS, GazelleFailure, encode
from doors.gazelle.formatting import byline, tags, timestamp
from doors.gazelle.shapes import JsonObject
from doors.json_encoding import JsonTemplate

Rows = Callable[[GazelleContext, str, int], Awaitable[bytes]]
"""Gives the rows of a list as JSON."""

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
    answers = [
        b'{"caption":%b,"tag":%b,"limit":%d,"results":%b}'
        % (encode(caption), encode(tag), limit, await rows(context, tag, limit))
        for tag, (caption, rows) in chosen.items()
    ]
    return Raw(b"[%b]" % b",".join(answers))


async def _torrents(context: GazelleContext, chart: str, limit: int) -> bytes:
    catalogue, rows = context.services.catalogue.store, context.services.rows
    ids = await catalogue.statistics.top(chart, int(context.services.admission.clock()), limit)
    ranked = context.with_swarm_stats(await catalogue.torrents.torrents(ids, PUBLIC_VIEWER))
    listed = [
        rows.row(each, "chart", partial(_torrent_template, each)).fill(
            stats.snatched,
            stats.seeders,
            stats.leechers,
            each.size * stats.snatched + each.size * stats.leechers // 2,
        )
        for each, stats in ranked
    ]
    return b"[%b]" % b",".join(listed)


async def _tags(context: GazelleContext, chart: str, limit: int) -> bytes:
    found = await context.services.catalogue.store.tags.tags("", 0, limit)
    return encode([{"name": escape(tag.name), "uses": tag.uses} for tag in found.items if tag.uses])


async def _uploaders(context: GazelleContext, chart: str, limit: int) -> bytes:
    ranked = await context.services.catalogue.store.statistics.top_uploaders(limit)
    users = await context.services.accounts.accounts.users_by_id([user for user, _ in ranked])
    shown = [(users[user], count) for user, count in ranked if user in users]
    return encode([_user(user.id, user.name, user.joined, count) for user, count in shown])


async def _nothing(context: GazelleContext, chart: str, limit: int) -> bytes:
    """Rank nothing: requests and the traffic of accounts are not counted here."""
    return b"[]"


def _torrent_template(of: Torrent) -> JsonTemplate:
    blank = {
        "torrentId": of.id,
        "groupId": of.group.id,
        "author": byline(of.group.authors),
        "groupName": escape(of.group.name),
        "groupCategory": of.group.category.id,
        "groupYear": of.group.year or 0,
        "platform": escape(of.platform),
        "tags": tags(of.group.tags),
        "snatched": 0,
        "seeders": 0,
        "leechers": 0,
        "data": 0,
        "size": of.size,
        "picture": escape(of.group.picture),
    }
    return JsonTemplate(encode(blank), dict.fromkeys(("snatched", "seeders", "leechers", "data"), b"%d"))


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
