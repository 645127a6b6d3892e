"""Hides the operations on what accounts gather: collages of groups, and bookmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.markup import render
from catalogue.model import Bookmarked, Collage
from doors.rest import requests
from doors.rest.operation import Call, Listing, Operation
from doors.rest.shapes import Html, PersonShape, Time, somebody, time


@dataclass(frozen=True, slots=True)
class CollageShape:
    """A list of groups under a heading, in its own order."""

    id: int
    name: str
    description: str
    description_html: Html
    kind: Annotated[str, Field(json_schema_extra={"enum": ["personal", "theme", "staff"]})]
    creator: PersonShape
    locked: bool
    hidden: bool
    created_at: Time
    group_ids: list[int]
    subscribers: int


@dataclass(frozen=True, slots=True)
class BookmarkShape:
    """Something that an account bookmarked; `name` is empty where it is not seen any more."""

    kind: Annotated[str, Field(json_schema_extra={"enum": [kind.value for kind in Bookmarked]})]
    id: int
    name: str


def _shape(value: Collage) -> CollageShape:
    return CollageShape(
        value.id,
        value.name,
        value.description,
        render(value.description),
        value.kind.name.lower(),
        somebody(value.creator),
        value.locked,
        value.hidden,
        time(value.created),
        list(value.group_ids),
        value.subscribers,
    )


async def _list(call: Call) -> Listing:
    page = await call.office.catalogue.collages(
        call.offset, call.per_page, call.viewer, call.query.text("search")
    )
    return call.listing([_shape(each) for each in page.items], page.total, exact=page.exact)


async def _show(call: Call) -> CollageShape:
    found = await call.office.catalogue.collage(call.id("collage"), call.viewer)
    if found is None:
        raise Refusal("not-found")
    return _shape(found)


async def _add(call: Call) -> CollageShape:
    return _shape(await call.office.curation.add_collage(call.principal, call.body))


async def _edit(call: Call) -> CollageShape:
    return _shape(await call.office.curation.edit_collage(call.principal, call.id("collage"), call.body))


async def _delete(call: Call) -> None:
    await call.office.curation.delete_collage(call.principal, call.id("collage"))


async def _put_in(call: Call) -> CollageShape:
    group = call.body.whole("group_id")
    return _shape(await call.office.curation.put_in_collage(call.principal, call.id("collage"), group))


async def _take_out(call: Call) -> None:
    await call.office.curation.take_from_collage(call.principal, call.id("collage"), call.id("group"))


async def _bookmarks(call: Call) -> Listing:
    kind = Bookmarked(call.query.text("kind", Bookmarked.TORRENT))
    page = await call.office.catalogue.bookmarks(call.user_id, kind, call.offset, call.per_page)
    names = await _names(call, kind, page.items)
    shapes = [BookmarkShape(kind.value, each, names.get(each, "")) for each in page.items]
    return call.listing(shapes, page.total, exact=page.exact)


async def _names(call: Call, kind: Bookmarked, ids: Sequence[int]) -> dict[int, str]:
    catalogue, viewer = call.office.catalogue, call.viewer
    match kind:
        case Bookmarked.TORRENT:
            return {each.id: each.title for each in await catalogue.torrents(ids, viewer)}
        case Bookmarked.GROUP:
            return {each.id: each.name for each in await catalogue.groups(ids, viewer)}
        case Bookmarked.COLLAGE:
            collages = [await catalogue.collage(each, viewer) for each in ids]
            return {each.id: each.name for each in collages if each is not None}
        case Bookmarked.AUTHOR:
            authors = [await catalogue.author(each) for each in ids]
            return {each.id: each.name for each in authors if each is not None}


def _kind(call: Call) -> Bookmarked:
    try:
        return Bookmarked(call.word("kind"))
    except ValueError:
        raise Refusal("not-found") from None


async def _mark(call: Call) -> BookmarkShape:
    kind, target = _kind(call), call.id("id")
    await call.office.curation.bookmark(call.principal, kind, target, on=True)
    return BookmarkShape(kind.value, target, (await _names(call, kind, [target])).get(target, ""))


async def _unmark(call: Call) -> None:
    await call.office.curation.bookmark(call.principal, _kind(call), call.id("id"), on=False)


_COLLAGES = (
    Operation(
        "GET",
        "/collages",
        "listCollages",
        "List collages by what their name holds, newest first",
        "collages",
        _list,
        Right.READ,
        query=requests.BEGINNING,
        answers=CollageShape,
        many=True,
    ),
    Operation(
        "POST",
        "/collages",
        "addCollage",
        "Begin a collage",
        "collages",
        _add,
        Right.COLLECT,
        body=requests.COLLAGE,
        required=("name",),
        answers=CollageShape,
        status=201,
    ),
    Operation(
        "GET",
        "/collages/{collage}",
        "showCollage",
        "Show a collage",
        "collages",
        _show,
        Right.READ,
        answers=CollageShape,
    ),
    Operation(
        "PATCH",
        "/collages/{collage}",
        "editCollage",
        "Change a collage; to lock or hide it is a moderator's",
        "collages",
        _edit,
        Right.EDIT_OWN,
        body=requests.EDIT_COLLAGE,
        answers=CollageShape,
    ),
    Operation(
        "DELETE",
        "/collages/{collage}",
        "deleteCollage",
        "Delete a collage; its groups stay",
        "collages",
        _delete,
        Right.EDIT_OWN,
    ),
    Operation(
        "POST",
        "/collages/{collage}/groups",
        "putInCollage",
        "Append a group to a collage, which is answered",
        "collages",
        _put_in,
        Right.COLLECT,
        body=requests.MEMBER,
        required=("group_id",),
        answers=CollageShape,
        status=201,
        refusals=("full",),
    ),
    Operation(
        "DELETE",
        "/collages/{collage}/groups/{group}",
        "takeFromCollage",
        "Take a group out of a collage",
        "collages",
        _take_out,
        Right.EDIT_OWN,
    ),
)
_BOOKMARKS = (
    Operation(
        "GET",
        "/bookmarks",
        "listBookmarks",
        "List one's bookmarks of a kind, newest first; torrents unless said otherwise",
        "bookmarks",
        _bookmarks,
        Right.COLLECT,
        query=requests.BOOKMARKS,
        answers=BookmarkShape,
        many=True,
    ),
    Operation(
        "PUT",
        "/bookmarks/{kind}/{id}",
        "bookmark",
        "Bookmark something",
        "bookmarks",
        _mark,
        Right.COLLECT,
        answers=BookmarkShape,
        refusals=("full",),
    ),
    Operation(
        "DELETE",
        "/bookmarks/{kind}/{id}",
        "unbookmark",
        "Take a bookmark back",
        "bookmarks",
        _unmark,
        Right.COLLECT,
    ),
)
OPERATIONS = (*_COLLAGES, *_BOOKMARKS)
