"""Search documents: the texts, filters and sort keys that are indexed of each torrent, whatever the engine."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bittorrent.infohash import InfoHash
from catalogue import contents_encoding
from catalogue.model import CatalogueFile
from catalogue.query import Attribute
from storage.search import Texts, facets

MAX_FILE_NAME_CHARACTERS = 256 * 1024
MAX_FILE_NAMES = 20_000
"""Characters of file names that are indexed of one torrent."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """What is indexed of a torrent: a text for each column of the index, and its sort keys."""

    id: int
    texts: Texts
    title: str
    year: int
    hidden: bool


def build_document(row: Row) -> SearchDocument:
    """Return the document of a row of `storage.statements.search_documents`."""
    authors, tags = json.loads(row["authors"] or "[]"), json.loads(row["tags"] or "[]")
    names = [row["title"], *([row["name"]] if row["name"] != row["title"] else [])]
    descriptions = [row["description"], row["group_description"], *(row[each.value] for each in Attribute)]
    texts = (
        facets.join_texts(names),
        facets.join_texts([row["group_name"]]),
        facets.join_texts(authors),
        facets.join_texts(name for _, name in tags),
        facets.join_texts(each for each in descriptions if each),
        facets.join_texts(_file_names(_files(row["payload"]))),
        " ".join(_facets(row, [number for number, _ in tags])),
    )
    return SearchDocument(
        row["id"], texts, facets.sort_title(row["title"]), row["year"] or 0, bool(row["hidden"])
    )


def _facets(row: Row, tags: Iterable[int]) -> Iterator[str]:
    yield facets.EVERY
    if row["hidden"]:
        yield facets.HIDDEN
    yield facets.category(row["category_id"])
    yield from map(facets.tag, sorted(tags))
    yield from facets.sizes_of(row["size"])
    yield facets.freeleech(row["freeleech"])
    yield from (facets.infohash(InfoHash(name)) for name in (row["infohash"], row["alias"]) if name)
    if row["year"] is not None:
        yield from facets.years_of(row["year"])
    if row["imdb"] is not None:
        yield facets.imdb(row["imdb"])
    if row["uploader_id"] is not None and not row["anonymous"]:
        yield facets.uploader(row["uploader_id"])
    for attribute in Attribute:
        if value := row[attribute.value]:
            yield facets.attribute(attribute, value)


def _files(payload: bytes | None) -> Sequence[CatalogueFile]:
    """Return the files of a torrent; none where the list is damaged, so that the rest is still indexed."""
    try:
        return contents_encoding.decode_contents(payload, count=MAX_FILE_NAMES).files if payload else ()
    except ValueError:
        return ()


def _file_names(files: Iterable[CatalogueFile]) -> Iterator[str]:
    """Yield file names, and a folder's name once for consecutive files in it."""
    left, last = MAX_FILE_NAME_CHARACTERS, ""
    for file in files:
        folder, _, name = file.path.rpartition("/")
        for each in (folder if folder != last else "", name):
            if each:
                left -= len(each)
                if left < 0:
                    return
                yield each
        last = folder
