"""Looks up the tags, uploaders and categories that a search names, whatever the engine."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from catalogue.query import CategoryTerm, Query, TagTerm, UploaderTerm
from storage.search.terms import ResolvedNames, fold_user_name, leaves


class NameReader(Protocol):
    """What an engine reads of the names in its database. Refusal: `search-too-slow`."""

    async def read_categories(self) -> Iterable[tuple[int, str, int | None]]:
        """Return every category: its id, its folded name, and the id of the one above it."""

    async def read_uploaders(self, folded: Sequence[str]) -> Iterable[tuple[str, int]]:
        """Return the accounts of these folded names, each with its id."""

    async def read_tags(
        self, exact: Sequence[str], beginnings: Sequence[str]
    ) -> Iterable[tuple[int, str, int]]:
        """Return the tags of these names (0), and those that begin so (1), each with what was asked and its id."""


async def resolve_names(query: Query, reader: NameReader) -> ResolvedNames:
    """Look up the tags, uploaders and categories that a search names. Refusal: `search-too-slow`."""
    found = list(leaves(query))
    tags = [leaf for leaf in found if isinstance(leaf, TagTerm)]
    users = [fold_user_name(leaf.name) for leaf in found if isinstance(leaf, UploaderTerm)]
    has_categories = any(isinstance(leaf, CategoryTerm) for leaf in found)
    listed = list(await reader.read_categories()) if has_categories else []
    return ResolvedNames(
        tags=await _resolve_tags(tags, reader) if tags else {},
        uploaders=dict(await reader.read_uploaders([writable(name) for name in users])) if users else {},
        categories={name: number for number, name, _ in listed},
        subcategories={
            number: [below for below, _, parent in listed if parent == number] for number, _, _ in listed
        },
    )


async def _resolve_tags(
    wanted: Sequence[TagTerm], reader: NameReader
) -> dict[tuple[str, bool], Sequence[int]]:
    exact = [writable(tag.name) for tag in wanted if not tag.prefix]
    beginnings = [writable(tag.name) for tag in wanted if tag.prefix]
    ids: dict[tuple[str, bool], list[int]] = {}
    for prefix, name, number in await reader.read_tags(exact, beginnings):
        ids.setdefault((name, bool(prefix)), []).append(number)
    return {**ids}


def writable(name: str) -> str:
    """Return a name as a parameter; what UTF-8 cannot encode becomes a question mark, which no name has."""
    return name.encode("utf-8", "replace").decode().replace("\0", "?")
