"""Groups and torrents for tests: every field has a default, a test gives those that it is about."""

from bittorrent.infohash import InfoHash
from catalogue.model import Author, Category, Freeleech, Group, Person, Torrent

GROUP = {
    "id": 7,
    "name": "A work",
    "category": Category(1, "Movies"),
    "year": 1985,
    "authors": (Author(2, "Somebody"),),
    "tags": ("one.shot",),
    "description": "",
    "picture": "",
    "organism": "",
    "strain": "",
    "accession": "",
    "lab": "",
    "location": "",
    "season": None,
    "imdb": None,
    "locked": False,
    "created": 0,
    "newest": 0,
    "torrents": 1,
}
TORRENT = {
    "id": 9,
    "infohash": InfoHash(bytes(20)),
    "alias": None,
    "title": "A title",
    "name": "a name",
    "root": "",
    "size": 1,
    "file_count": 1,
    "uploader": Person(3, "uploader"),
    "anonymous": False,
    "added": 0,
    "updated": 0,
    "description": "",
    "platform": "",
    "format": "",
    "license": "",
    "scope": "",
    "annotated": False,
    "archive": "",
    "private": False,
    "held": True,
    "hidden": False,
    "locked": False,
    "reported": False,
    "freeleech": Freeleech.NORMAL,
    "seeders": 0,
    "leechers": 0,
    "snatched": 0,
}


def group(**values):
    """A group."""
    return Group(**GROUP | values)


def torrent(**values):
    """A torrent, of a group of its own unless one is given."""
    return Torrent(**TORRENT | {"group": group()} | values)
