"""REST operations on groups of torrents."""

from dataclasses import dataclass
from typing import cast

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.fields import GroupChange
from catalogue.model import BookmarkKind, Group
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.parameters import rename_keys
from doors.rest.shapes import GroupShape, TorrentShape, group_fields
from doors.rest.torrents import search_query, torrent_rows


@dataclass(frozen=True, slots=True)
class GroupDetail(GroupShape):
    """A group with its torrents, oldest first."""

    torrents: list[TorrentShape]
    bookmarked: bool


def _shape(group: Group) -> GroupShape:
    return GroupShape(**group_fields(group))


async def _detail(context: RestContext, group: Group) -> GroupDetail:
    catalogue, viewer = context.services.catalogue.store, context.viewer
    torrents = await catalogue.groups.torrents_of([group.id], viewer)
    bookmarked = await catalogue.collages.bookmarked(viewer.user_id, BookmarkKind.GROUP, [group.id])
    rows = await torrent_rows(context, torrents.get(group.id, ()))
    shapes = cast("list[TorrentShape]", rows)  # encoded already
    return GroupDetail(**group_fields(group), torrents=shapes, bookmarked=bool(bookmarked))


async def _list(context: RestContext) -> Listing:
    found = await context.services.catalogue.search.groups(search_query(context))
    groups = await context.services.catalogue.store.groups.groups(found.ids, context.viewer)
    shapes = [_shape(group) for group in groups]
    return context.listing(shapes, found.total, exact=found.exact, as_of=found.as_of)


async def _show(context: RestContext) -> GroupDetail:
    group = await context.services.catalogue.store.groups.group(context.id("group"), context.viewer)
    if group is None:
        raise Refusal("not-found")
    return await _detail(context, group)


async def _edit(context: RestContext) -> GroupDetail:
    change = GroupChange.read(rename_keys(context.body, request_fields.CATALOGUE_NAMES))
    group = await context.services.curation.edit_group(context.principal, context.id("group"), change)
    return await _detail(context, group)


async def _lock(context: RestContext) -> GroupDetail:
    locked = bool(context.body.flag("locked"))
    return await _detail(
        context,
        await context.services.curation.lock_group(context.principal, context.id("group"), locked=locked),
    )


async def _merge(context: RestContext) -> GroupDetail:
    into = context.body.integer("into")
    return await _detail(
        context, await context.services.curation.merge_groups(context.principal, context.id("group"), into)
    )


OPERATIONS = (
    Operation(
        "GET",
        "/groups",
        "listGroups",
        "Find groups by their torrents",
        "groups",
        _list,
        Right.READ,
        query=request_fields.SEARCH,
        answers=GroupShape,
        many=True,
        refusals=("bad-search", "search-too-slow"),
    ),
    Operation(
        "GET",
        "/groups/{group}",
        "showGroup",
        "Show a group with its torrents",
        "groups",
        _show,
        Right.READ,
        answers=GroupDetail,
    ),
    Operation(
        "PATCH",
        "/groups/{group}",
        "editGroup",
        "Change what is said of a group",
        "groups",
        _edit,
        Right.EDIT_OWN,
        body=request_fields.EDIT_GROUP,
        answers=GroupDetail,
        refusals=("group-locked",),
    ),
    Operation(
        "PATCH",
        "/groups/{group}/moderation",
        "moderateGroup",
        "Lock a group, or no longer",
        "groups",
        _lock,
        Right.MODERATE,
        body=request_fields.LOCK,
        required=("locked",),
        answers=GroupDetail,
    ),
    Operation(
        "POST",
        "/groups/{group}/merge",
        "mergeGroup",
        "Move everything of a group into another, which is answered",
        "groups",
        _merge,
        Right.EDIT_ANY,
        body=request_fields.MERGE,
        required=("into",),
        answers=GroupDetail,
    ),
)
