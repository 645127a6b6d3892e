"""REST operations on collages and bookmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.bbcode import render
from catalogue.fields import CollageChange
from catalogue.model import BookmarkKind, Collage
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Html, PersonShape, Time, person, time


@dataclass(frozen=True, slots=True)
class CollageShape:
    """A list of groups under a heading, in its own order."""

    id: int
    name: str
    description: str
    description_html: Html
    kind: Annotated[str, Meta(extra_json_schema={"enum": ["personal", "theme", "staff"]})]
    creator: PersonShape
    locked: bool
    hidden: bool
    created_at: Time
    group_ids: list[int]
    subscribers: int


@dataclass(frozen=True, slots=True)
class BookmarkShape:
    """Something that an account bookmarked; `name` is empty where it is not seen any more."""

    kind: Annotated[str, Meta(extra_json_schema={"enum": [kind.value for kind in BookmarkKind]})]
    id: int
    name: str


def _shape(value: Collage) -> CollageShape:
    return CollageShape(
        value.id,
        value.name,
        value.description,
        render(value.description),
        value.kind.name.lower(),
        person(value.creator),
        value.locked,
        value.hidden,
        time(value.created),
        list(value.group_ids),
        value.subscribers,
    )


async def _list(context: RestContext) -> Listing:
    page = await context.services.catalogue.store.collages.collages(
        context.offset, context.per_page, context.viewer, context.query.text("search")
    )
    return context.listing([_shape(each) for each in page.items], page.total, exact=page.exact)


async def _show(context: RestContext) -> CollageShape:
    found = await context.services.catalogue.store.collages.collage(context.id("collage"), context.viewer)
    if found is None:
        raise Refusal("not-found")
    return _shape(found)


async def _add(context: RestContext) -> CollageShape:
    return _shape(
        await context.services.curation.add_collage(context.principal, CollageChange.read(context.body))
    )


async def _edit(context: RestContext) -> CollageShape:
    return _shape(
        await context.services.curation.edit_collage(
            context.principal, context.id("collage"), CollageChange.read(context.body)
        )
    )


async def _delete(context: RestContext) -> None:
    await context.services.curation.delete_collage(context.principal, context.id("collage"))


async def _add_group(context: RestContext) -> CollageShape:
    group = context.body.integer("group_id")
    return _shape(
        await context.services.curation.add_to_collage(context.principal, context.id("collage"), group)
    )


async def _remove_group(context: RestContext) -> None:
    await context.services.curation.remove_from_collage(
        context.principal, context.id("collage"), context.id("group")
    )


async def _bookmarks(context: RestContext) -> Listing:
    kind = BookmarkKind(context.query.text("kind", BookmarkKind.TORRENT))
    page = await context.services.catalogue.store.collages.bookmarks(
        context.user_id, kind, context.offset, context.per_page
    )
    names = await _names(context, kind, page.items)
    shapes = [BookmarkShape(kind.value, each, names.get(each, "")) for each in page.items]
    return context.listing(shapes, page.total, exact=page.exact)


async def _names(context: RestContext, kind: BookmarkKind, ids: Sequence[int]) -> dict[int, str]:
    catalogue, viewer = context.services.catalogue.store, context.viewer
    match kind:
        case BookmarkKind.TORRENT:
            return {each.id: each.title for each in await catalogue.torrents.torrents(ids, viewer)}
        case BookmarkKind.GROUP:
            return {each.id: each.name for each in await catalogue.groups.groups(ids, viewer)}
        case BookmarkKind.COLLAGE:
            collages = [await catalogue.collages.collage(each, viewer) for each in ids]
            return {each.id: each.name for each in collages if each is not None}
        case BookmarkKind.AUTHOR:
            authors = [await catalogue.authors.author(each) for each in ids]
            return {each.id: each.name for each in authors if each is not None}


def _kind(context: RestContext) -> BookmarkKind:
    try:
        return BookmarkKind(context.path_parameter("kind"))
    except ValueError:
        raise Refusal("not-found") from None


async def _bookmark(context: RestContext) -> BookmarkShape:
    kind, target = _kind(context), context.id("id")
    await context.services.curation.bookmark(context.principal, kind, target, on=True)
    return BookmarkShape(kind.value, target, (await _names(context, kind, [target])).get(target, ""))


async def _unbookmark(context: RestContext) -> None:
    await context.services.curation.bookmark(context.principal, _kind(context), context.id("id"), on=False)


_COLLAGES = (
    Operation(
        "GET",
        "/collages",
        "listCollages",
        "List collages by what their name holds, newest first",
        "collages",
        _list,
        Right.READ,
        query=request_fields.NAME_SEARCH,
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
        body=request_fields.COLLAGE,
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
        body=request_fields.EDIT_COLLAGE,
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
        _add_group,
        Right.COLLECT,
        body=request_fields.COLLAGE_GROUP,
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
        _remove_group,
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
        query=request_fields.BOOKMARKS,
        answers=BookmarkShape,
        many=True,
    ),
    Operation(
        "PUT",
        "/bookmarks/{kind}/{id}",
        "bookmark",
        "Bookmark something",
        "bookmarks",
        _bookmark,
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
        _unbookmark,
        Right.COLLECT,
    ),
)
OPERATIONS = (*_COLLAGES, *_BOOKMARKS)
