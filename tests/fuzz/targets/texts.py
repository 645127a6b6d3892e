"""Fuzz targets of people's texts: searches, descriptions, names of releases, files and tags."""

import re
from html.parser import HTMLParser

from bittorrent.filenames import extractable_paths, safe_filename
from catalogue.bbcode import render
from catalogue.model import CatalogueFile
from catalogue.normalization import normalize_tag_or_none, normalize_tag_prefix
from catalogue.query import AllOf, AnyOf, Not, Query
from catalogue.release_names import LONGEST, parse_release
from catalogue.syntax import DEEPEST, LONGEST_TEXT, MOST_TERMS, parse, unparse
from catalogue.text_cleaning import clean_line, clean_prose, plain_line
from tests.fuzz.targets.target import Target

_ELEMENTS = frozenset(
    {
        "a",
        "b",
        "blockquote",
        "br",
        "cite",
        "code",
        "details",
        "em",
        "hr",
        "li",
        "p",
        "pre",
        "s",
        "span",
        "strong",
        "summary",
    }
    | {"u", "ul", "ol", "div"}
)
_VOID = frozenset({"br", "hr"})
_ADDRESS = re.compile(r"(?:https?://|magnet:\?)[^\s<>\"']+", re.IGNORECASE)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def terms_of(query: Query) -> list[Query]:
    """Return the terms at the leaves of a query."""
    if isinstance(query, AllOf | AnyOf):
        return [leaf for term in query.terms for leaf in terms_of(term)]
    return terms_of(query.term) if isinstance(query, Not) else [query]


def _depth(query: Query) -> int:
    if isinstance(query, AllOf | AnyOf):
        return 1 + max(map(_depth, query.terms), default=0)
    return 1 + _depth(query.term) if isinstance(query, Not) else 0


def search_text(data: bytes) -> None:
    """Any text is a query of bounded size, and the text that is written of it is the same query."""
    query = parse(_text(data))
    assert len(terms_of(query)) <= 2 * MOST_TERMS
    assert _depth(query) <= 3 * (DEEPEST + 2)
    written = unparse(query)
    # Brackets that are written beyond the deepest are not read again.
    assert _depth(query) > DEEPEST or len(written) > LONGEST_TEXT or parse(written) == query, written


class _Page(HTMLParser):
    """Checks that elements are known, closed in order, and link only to what may be linked."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _ELEMENTS, tag
        for name, value in attrs:
            assert name in {"href", "rel", "class"}, name
            assert name != "href" or _ADDRESS.fullmatch(value or ""), value
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def description(data: bytes) -> None:
    """A description becomes well-formed HTML of known elements, of a size that its text bounds."""
    text = _text(data)
    html = render(text)
    page = _Page()
    page.feed(html)
    page.close()
    assert not page.open
    assert len(html) <= 100 * len(text) + 100


def cleaned_text(data: bytes) -> None:
    """A cleaned text is clean, and as long as it may be."""
    text = _text(data)
    for clean in (clean_line, clean_prose):
        try:
            found = clean(text, 60)
        except ValueError as error:
            assert str(error)[0].isupper()
            continue
        assert len(found) <= 60
        assert clean(found, 60) == found
    line = plain_line(text, 60)
    assert len(line) <= 60
    assert "\n" not in line
    line.encode()


def tag_name(data: bytes) -> None:
    """A tag is normalized once and for all."""
    text = _text(data)
    found = normalize_tag_or_none(text)
    assert found is None or normalize_tag_or_none(found) == found
    normalize_tag_prefix(text)


def file_names(data: bytes) -> None:
    """Unpacked paths are relative, unique however a file system compares them, and none is a folder of another."""
    paths = _text(data).split("\n")[:20]
    found = extractable_paths(paths)
    assert len(found) == len(paths)
    folded = {path.casefold() for path in found}
    assert len(folded) == len(found)
    for path in found:
        parts = path.split("/")
        assert not any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
        assert not any("/".join(parts[:depth]).casefold() in folded for depth in range(1, len(parts)))
        assert safe_filename(path.replace("/", "")) == path.replace("/", "")


def release_name(data: bytes) -> None:
    """Any name and files have a title, a category and numbers within their bounds."""
    name, *paths = _text(data).split("\n")[:6]
    found = parse_release(
        name, [CatalogueFile(path or "x", number * 1000) for number, path in enumerate(paths)]
    )
    assert 0 < len(found.title) <= LONGEST
    assert found.category
    assert found.year is None or 1800 <= found.year < 2101
    assert found.season is None or 0 <= found.season <= 200
    assert found.imdb is None or 0 < found.imdb < 10**10


TARGETS = (
    Target(search_text, 8, 1200),
    Target(description, 8, 2000),
    Target(cleaned_text, 8, 600),
    Target(tag_name, 6, 200),
    Target(file_names, 5, 600),
    Target(release_name, 1, 300),
)
