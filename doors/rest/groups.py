"""Hides the operations on groups, the works that torrents are of."""

from dataclasses import dataclass

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import Bookmarked, Group
from doors.rest import requests
from doors.rest.operation import Call, Listing, Operation
from doors.rest.parameters import renamed
from doors.rest.shapes import GroupShape, TorrentShape, group_fields
from doors.rest.torrents import shape_torrents, wanted


@dataclass(frozen=True, slots=True)
class GroupDetail(GroupShape):
    """A group with its torrents, oldest first."""

    torrents: list[TorrentShape]
    bookmarked: bool


def _shape(group: Group) -> GroupShape:
    return GroupShape(**group_fields(group))


async def _detail(call: Call, group: Group) -> GroupDetail:
    catalogue, viewer = call.office.catalogue, call.viewer
    torrents = await catalogue.torrents_of([group.id], viewer)
    marked = await catalogue.bookmarked(viewer.user_id, Bookmarked.GROUP, [group.id])
    shapes = await shape_torrents(call, torrents.get(group.id, ()))
    return GroupDetail(**group_fields(group), torrents=shapes, bookmarked=bool(marked))


async def _list(call: Call) -> Listing:
    found = await call.office.search.groups(wanted(call))
    groups = await call.office.catalogue.groups(found.ids, call.viewer)
    shapes = [_shape(group) for group in groups]
    return call.listing(shapes, found.total, exact=found.exact, as_of=found.as_of)


async def _show(call: Call) -> GroupDetail:
    group = await call.office.catalogue.group(call.id("group"), call.viewer)
    if group is None:
        raise Refusal("not-found")
    return await _detail(call, group)


async def _edit(call: Call) -> GroupDetail:
    changes = renamed(call.body, requests.NAMES)
    group = await call.office.curation.edit_group(call.principal, call.id("group"), changes)
    return await _detail(call, group)


async def _lock(call: Call) -> GroupDetail:
    locked = bool(call.body.flag("locked"))
    return await _detail(
        call, await call.office.curation.lock_group(call.principal, call.id("group"), locked=locked)
    )


async def _merge(call: Call) -> GroupDetail:
    into = call.body.whole("into")
    return await _detail(
        call, await call.office.curation.merge_groups(call.principal, call.id("group"), into)
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
        query=requests.SEARCH,
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
        body=requests.EDIT_GROUP,
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
        body=requests.LOCK,
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
        body=requests.MERGE,
        required=("into",),
        answers=GroupDetail,
    ),
)
