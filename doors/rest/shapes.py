"""The JSON objects of the REST API, field by field.

The first fifteen keys of a torrent are the dialect's own; the others are Peerage's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Meta

from bittorrent.magnet import Magnet
from catalogue.bbcode import render
from catalogue.model import (
    Contents,
    Group,
    Person,
    Torrent,
)
from doors.json_encoding import TRUTH, JsonTemplate, encode_json
from tracker.credit import NORMAL, WHOLE, Factors
from tracker.model import ZERO_COUNTS, Counts

Time = Annotated[str, Meta(description="ISO 8601 in UTC.", extra_json_schema={"format": "date-time"})]
Html = Annotated[str, Meta(description="The same text drawn as HTML from a safe subset of BBCode.")]


@lru_cache(4096)  # a list has the same times again and again
def time(seconds: int) -> str:
    """Return unix seconds as this dialect writes a time."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def imdb_id(number: int | None) -> str | None:
    """Return the IMDb id of a title number."""
    return f"tt{number:07d}" if number is not None else None


@dataclass(frozen=True, slots=True)
class PersonShape:
    """An account in a few words."""

    id: int
    username: str


def optional_person(value: Person | None) -> PersonShape | None:
    """Return an account's object, None for None."""
    return PersonShape(value.id, value.name) if value is not None else None


def person(value: Person) -> PersonShape:
    """Return an account's object."""
    return PersonShape(value.id, value.name)


@dataclass(frozen=True, slots=True)
class CategoryName:
    """A category in a few words."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class TorrentShape:
    """A torrent in the catalogue; seeders and leechers are those of this moment, completed never falls."""

    id: int
    info_hash: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    title: str
    description: str
    category: CategoryName
    size: int
    files_count: int
    seeders: int
    leechers: int
    completed: int
    uploader: PersonShape | None
    created_at: Time
    updated_at: Time
    description_html: Html
    name: str
    alias: Annotated[str | None, Meta(description="The other 20-byte hash of a hybrid torrent.")]
    magnet: str
    group_id: int
    group: str
    authors: list[str]
    tags: list[str]
    year: int | None
    imdb_id: Annotated[str | None, Meta(description="tt and 7 to 10 digits.")]
    platform: str
    format: str
    license: str
    scope: str
    archive: str
    annotated: bool
    anonymous: bool
    private: bool
    held: Annotated[bool, Meta(description="Whether its .torrent file can be downloaded here.")]
    alive: Annotated[bool, Meta(description="Whether it had a peer within the days that the service counts.")]
    hidden: bool
    locked: bool
    freeleech: Annotated[str, Meta(extra_json_schema={"enum": ["normal", "free", "neutral"]})]
    upload_factor: Annotated[float, Meta(description="What counts now of a byte uploaded, for most.")]
    download_factor: Annotated[float, Meta(description="What counts now of a byte downloaded, for most.")]


@dataclass(frozen=True, slots=True)
class FileShape:
    """A file of a torrent."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class TorrentDetail(TorrentShape):
    """A torrent with its files and trackers; those of a private one are an account's own."""

    files: list[FileShape]
    trackers: list[list[str]]
    web_seeds: list[str]
    bookmarked: bool


def _magnet(torrent: Torrent) -> str:
    return str(Magnet(torrent.infohash, None, torrent.title, size=torrent.size))


def torrent_fields(
    torrent: Torrent, uploader: Person | None, counts: Counts, *, alive: bool, factors: Factors = NORMAL
) -> dict[str, Any]:
    """Return the fields of a torrent's shape by name; `uploader` is the one that is shown."""
    group = torrent.group
    return {
        "id": torrent.id,
        "info_hash": torrent.infohash.lower,
        "title": torrent.title,
        "description": torrent.description,
        "category": CategoryName(group.category.id, group.category.name),
        "size": torrent.size,
        "files_count": torrent.file_count,
        "seeders": counts.complete,
        "leechers": counts.incomplete,
        "completed": torrent.completed(counts.downloaded),
        "uploader": optional_person(uploader),
        "created_at": time(torrent.added),
        "updated_at": time(torrent.updated),
        "description_html": render(torrent.description),
        "name": torrent.name,
        "alias": torrent.alias.lower if torrent.alias is not None else None,
        "magnet": _magnet(torrent),
        "group_id": group.id,
        "group": group.name,
        "authors": [author.name for author in group.authors],
        "tags": list(group.tags),
        "year": group.year,
        "imdb_id": imdb_id(group.imdb),
        "platform": torrent.platform,
        "format": torrent.format,
        "license": torrent.license,
        "scope": torrent.scope,
        "archive": torrent.archive,
        "annotated": torrent.annotated,
        "anonymous": torrent.anonymous,
        "private": torrent.private,
        "held": torrent.held,
        "alive": alive,
        "hidden": torrent.hidden,
        "locked": torrent.locked,
        "freeleech": torrent.freeleech.name.lower(),
        "upload_factor": factors.upload / WHOLE,
        "download_factor": factors.download / WHOLE,
    }


_PLACES = {
    "seeders": b"%d",
    "leechers": b"%d",
    "completed": b"%d",
    "alive": b"%b",
    "upload_factor": b"%b",
    "download_factor": b"%b",
}


def torrent_template(torrent: Torrent, uploader: Person | None) -> JsonTemplate:
    """Return a torrent's shape as JSON, with places for what its swarm says; `uploader` is the one that is shown."""
    blank = dict.fromkeys(_PLACES, 0)
    fields = torrent_fields(torrent, uploader, ZERO_COUNTS, alive=False)
    return JsonTemplate(encode_json(TorrentShape(**(fields | blank))), _PLACES)


def fill_template(
    template: JsonTemplate, torrent: Torrent, counts: Counts, factors: Factors, *, alive: bool
) -> bytes:
    """Return the shape of a torrent with the present counts and factors."""
    return template.fill(
        counts.complete,
        counts.incomplete,
        torrent.completed(counts.downloaded),
        TRUTH[alive],
        _factor(factors.upload),
        _factor(factors.download),
    )


@lru_cache
def _factor(percent: int) -> bytes:
    return encode_json(percent / WHOLE)


def file_shapes(contents: Contents) -> list[FileShape]:
    """Return the files of a page of contents."""
    return [FileShape(file.path, file.size) for file in contents.files]


def contents_fields(contents: Contents) -> dict[str, Any]:
    """Return the fields that a torrent's detail adds, of what is shown of its contents."""
    return {
        "files": file_shapes(contents),
        "trackers": [list(tier) for tier in contents.trackers],
        "web_seeds": list(contents.web_seeds),
    }


@dataclass(frozen=True, slots=True)
class GroupShape:
    """A group: one title, of which there may be several torrents."""

    id: int
    name: str
    description: str
    description_html: Html
    category: CategoryName
    year: int | None
    season: int | None
    imdb_id: str | None
    authors: list[str]
    tags: list[str]
    picture: str
    organism: str
    strain: str
    accession: str
    lab: str
    location: str
    locked: bool
    torrents_count: int
    created_at: Time
    newest_at: Time


def group_fields(value: Group) -> dict[str, Any]:
    """Return the fields of a group's shape by name."""
    return {
        "id": value.id,
        "name": value.name,
        "description": value.description,
        "description_html": render(value.description),
        "category": CategoryName(value.category.id, value.category.name),
        "year": value.year,
        "season": value.season,
        "imdb_id": imdb_id(value.imdb),
        "authors": [each.name for each in value.authors],
        "tags": list(value.tags),
        "picture": value.picture,
        "organism": value.organism,
        "strain": value.strain,
        "accession": value.accession,
        "lab": value.lab,
        "location": value.location,
        "locked": value.locked,
        "torrents_count": value.torrents,
        "created_at": time(value.created),
        "newest_at": time(value.newest),
    }
