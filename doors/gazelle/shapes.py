"""Gazelle's JSON objects for torrents and groups, field by field, as each action returns them.

Fields that this service's records do not have are constants. `media`, `encoding`, `artists`, `musicInfo` and
the fields about logs are what clients of music sites insist on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bittorrent.infohash import InfoHash
from catalogue.bbcode import escape, render
from catalogue.model import PUBLIC_VIEWER, Author, Freeleech, Group, SwarmStats, Torrent
from catalogue.visibility import shown_uploader
from doors.gazelle.envelope import encode
from doors.gazelle.formatting import byline, tag_list, tags, timestamp
from doors.json_encoding import TRUTH, JsonTemplate
from doors.kept_rows import KeptRows
from tracker.model import Counts

JsonObject = dict[str, object]
ANONYMOUS = (0, "Anonymous")

_MUSIC: Mapping[str, object] = {"scene": False, "hasLog": False, "hasCue": False, "logScore": 0}


def swarm_stats(torrent: Torrent, scrape: Callable[[InfoHash], Counts]) -> SwarmStats:
    """Return a torrent's current stats."""
    counts = scrape(torrent.infohash)
    return SwarmStats(counts.complete, counts.incomplete, torrent.completed(counts.downloaded))


def authors(group: Group) -> list[JsonObject]:
    """Return a group's authors."""
    return [_author(author) for author in group.authors]


def group(of: Group, *, bookmarked: bool) -> JsonObject:
    """Return a group as `torrent` and `torrentgroup` return it."""
    return {
        "description": render(of.description),
        "picture": escape(of.picture),
        "id": of.id,
        "name": escape(of.name),
        "organism": escape(of.organism),
        "strain": escape(of.strain),
        "authors": authors(of),
        "year": of.year or 0,
        "accession": escape(of.accession),
        "categoryId": of.category.id,
        "categoryName": escape(of.category.name),
        "time": timestamp(of.newest),
        "isBookmarked": bookmarked,
        "tags": tags(of.tags),
        "musicInfo": {"artists": authors(of)},
    }


def torrent(of: Torrent, stats: SwarmStats, files: str) -> JsonObject:
    """Return a torrent as `torrent` and `torrentgroup` return it; `files` is its `fileList`."""
    return _attributes(of) | {
        "id": of.id,
        "infoHash": of.infohash.upper,
        "annotated": of.annotated,
        **_flags(of, stats),
        "description": render(of.description),
        "fileList": files,
        **_origin(of),
        **_MUSIC,
    }


def browse_torrent(of: Torrent, stats: SwarmStats) -> JsonObject:
    """Return a torrent as `browse` returns it: here `annotated` is a number."""
    return _attributes(of) | {
        "torrentId": of.id,
        "authors": authors(of.group),
        "artists": authors(of.group),
        "annotated": int(of.annotated),
        "fileCount": of.file_count,
        "time": timestamp(of.added),
        "size": of.size,
        "snatches": stats.snatched,
        "seeders": stats.seeders,
        "leechers": stats.leechers,
        "isFreeleech": of.freeleech is Freeleech.FREE,
        "isNeutralLeech": of.freeleech is Freeleech.NEUTRAL,
        "isPersonalFreeleech": False,
        "canUseToken": False,
        "hasSnatched": False,
    }


@dataclass(frozen=True, slots=True)
class OwnTokens:
    """What an account has of tokens: the torrents that they make free for it, and how many it may spend."""

    free: frozenset[InfoHash] = frozenset()
    left: int = 0

    def usable(self, of: Torrent) -> bool:
        """Return whether a token may be spent on a torrent, and is of use there."""
        return self.left > 0 and of.freeleech is Freeleech.NORMAL and of.infohash not in self.free


NO_TOKENS = OwnTokens()
_TORRENT_PLACES = {
    "snatches": b"%d",
    "seeders": b"%d",
    "leechers": b"%d",
    "isPersonalFreeleech": b"%b",
    "canUseToken": b"%b",
}
_GROUP_PLACES = {
    "bookmarked": b"%b",
    "maxSize": b"%d",
    "totalSnatched": b"%d",
    "totalSeeders": b"%d",
    "totalLeechers": b"%d",
    "torrents": b"[%b]",
}


def browse_row(
    rows: KeptRows[JsonTemplate],
    of: Group,
    torrents: Sequence[tuple[Torrent, SwarmStats]],
    *,
    bookmarked: bool,
    tokens: OwnTokens = NO_TOKENS,
) -> bytes:
    """Return a row of `browse` as JSON: a group with its matching torrents and their totals."""
    listed = [
        rows.row(each, "torrent", partial(_browse_torrent_template, each)).fill(
            stats.snatched,
            stats.seeders,
            stats.leechers,
            TRUTH[each.infohash in tokens.free],
            TRUTH[tokens.usable(each)],
        )
        for each, stats in torrents
    ]
    return rows.row(of, "group", partial(_browse_group_template, of)).fill(
        TRUTH[bookmarked],
        max((each.size for each, _ in torrents), default=0),
        sum(stats.snatched for _, stats in torrents),
        sum(stats.seeders for _, stats in torrents),
        sum(stats.leechers for _, stats in torrents),
        b",".join(listed),
    )


def _browse_torrent_template(of: Torrent) -> JsonTemplate:
    blank = {"isPersonalFreeleech": 0, "canUseToken": 0}
    return JsonTemplate(encode(browse_torrent(of, SwarmStats(0, 0, 0)) | blank), _TORRENT_PLACES)


def _browse_group_template(of: Group) -> JsonTemplate:
    blank = {
        "groupId": of.id,
        "groupName": escape(of.name),
        "author": byline(of.authors),
        "artist": byline(of.authors),
        "picture": escape(of.picture),
        "tags": tags(of.tags),
        "bookmarked": 0,
        "groupYear": of.year or 0,
        "groupTime": of.newest,
        "accession": escape(of.accession),
        "lab": escape(of.lab),
        "location": escape(of.location),
        "maxSize": 0,
        "totalSnatched": 0,
        "totalSeeders": 0,
        "totalLeechers": 0,
        "torrents": 0,
    }
    return JsonTemplate(encode(blank), _GROUP_PLACES)


def collage_group(of: Group, torrents: Sequence[tuple[Torrent, SwarmStats]]) -> JsonObject:
    """Return a group as `collage` returns it: tags in one text, and ids of torrents as `torrentid`."""
    return {
        "id": of.id,
        "name": escape(of.name),
        "year": of.year or 0,
        "categoryId": of.category.id,
        "accession": escape(of.accession),
        "vanityHouse": None,
        "tagList": tag_list(of.tags),
        "picture": escape(of.picture),
        "torrents": [_collage_torrent(each, stats) for each, stats in torrents],
    }


def bookmarked_group(of: Group, torrents: Sequence[tuple[Torrent, SwarmStats]]) -> JsonObject:
    """Return a group as `bookmarks` returns it: as in a collage, with the fields of a music site beside."""
    return collage_group(of, ()) | {
        "recordLabel": "",
        "catalogueNumber": escape(of.accession),
        "releaseType": "",
        "vanityHouse": False,
        "image": escape(of.picture),
        "torrents": [_artist_torrent(each, stats) for each, stats in torrents],
    }


def bookmarked_author(author: Author) -> JsonObject:
    """Return an author as `bookmarks` returns it."""
    return {"artistId": author.id, "artistName": escape(author.name)}


def artist_group(
    of: Group, torrents: Sequence[tuple[Torrent, SwarmStats]], *, bookmarked: bool
) -> JsonObject:
    """Return a group as `artist` returns it; its torrents are under `torrent`, in the singular."""
    return {
        "groupId": of.id,
        "groupName": escape(of.name),
        "groupYear": of.year or 0,
        "groupCategoryID": of.category.id,
        "tags": tags(of.tags),
        "wikiImage": escape(of.picture),
        "hasBookmarked": bookmarked,
        "artists": authors(of),
        "torrent": [_artist_torrent(each, stats) for each, stats in torrents],
    }


def _author(author: Author) -> JsonObject:
    return {"id": author.id, "name": escape(author.name)}


def _attributes(of: Torrent) -> JsonObject:
    return {
        "platform": escape(of.platform),
        "media": escape(of.platform),
        "format": escape(of.format),
        "license": escape(of.license),
        "encoding": escape(of.license),
        "scope": escape(of.scope),
        "archive": escape(of.archive),
    }


def _flags(of: Torrent, stats: SwarmStats) -> JsonObject:
    return {
        "fileCount": of.file_count,
        "size": of.size,
        "seeders": stats.seeders,
        "leechers": stats.leechers,
        "snatched": stats.snatched,
        "freeTorrent": of.freeleech is Freeleech.FREE,
        "reported": of.reported,
        "time": timestamp(of.added),
    }


def _origin(of: Torrent) -> JsonObject:
    uploader = shown_uploader(of, PUBLIC_VIEWER)
    user, name = (uploader.id, escape(uploader.name)) if uploader else ANONYMOUS
    return {"filePath": escape(of.root), "userId": user, "username": name}


def _collage_torrent(of: Torrent, stats: SwarmStats) -> JsonObject:
    return _attributes(of) | {
        "torrentid": of.id,
        "id": of.id,
        "infoHash": of.infohash.upper,
        "annotated": of.annotated,
        **_flags(of, stats),
        **_origin(of),
        **_MUSIC,
    }


def _artist_torrent(of: Torrent, stats: SwarmStats) -> JsonObject:
    return _attributes(of) | {
        "id": of.id,
        "groupId": of.group.id,
        "annotated": of.annotated,
        **_flags(of, stats),
        **_MUSIC,
        "hasFile": int(of.held),
    }
