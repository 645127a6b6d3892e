"""REST operations on comments; they belong to groups, and torrents show those of their group."""

from dataclasses import dataclass

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.bbcode import render
from catalogue.model import Comment
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Html, PersonShape, Time, optional_person, person, time
from doors.rest.torrents import torrent_of


@dataclass(frozen=True, slots=True)
class CommentShape:
    """A comment on a group, in the markup of its author.

    One that is `held` or hidden is shown to its author and to moderators alone.
    """

    id: int
    group_id: int
    author: PersonShape
    body: str
    body_html: Html
    created_at: Time
    edited_at: Time | None
    editor: PersonShape | None
    hidden: bool
    held: bool


def _shape(value: Comment) -> CommentShape:
    return CommentShape(
        value.id,
        value.group_id,
        person(value.author),
        value.body,
        render(value.body),
        time(value.added),
        time(value.edited) if value.edited is not None else None,
        optional_person(value.editor),
        value.hidden,
        value.held,
    )


async def _page(context: RestContext, group: int) -> Listing:
    page = await context.services.catalogue.store.comments.comments(
        group,
        context.offset,
        context.per_page,
        context.viewer,
        newest_first=context.query.text("order", "asc") == "desc",
    )
    return context.listing([_shape(each) for each in page.items], page.total, exact=page.exact)


async def _of_group(context: RestContext) -> Listing:
    return await _page(context, await _group(context))


async def _of_torrent(context: RestContext) -> Listing:
    return await _page(context, (await torrent_of(context)).group.id)


async def _group(context: RestContext) -> int:
    number = context.id("group")
    if await context.services.catalogue.store.groups.group(number, context.viewer) is None:
        raise Refusal("not-found")
    return number


async def _add(context: RestContext, group: int) -> CommentShape:
    return _shape(
        await context.services.curation.comment(context.principal, group, context.body.text("body"))
    )


async def _add_to_group(context: RestContext) -> CommentShape:
    return await _add(context, context.id("group"))


async def _add_to_torrent(context: RestContext) -> CommentShape:
    return await _add(context, (await torrent_of(context)).group.id)


async def _show(context: RestContext) -> CommentShape:
    found = await context.services.catalogue.store.comments.comment(context.id("comment"), context.viewer)
    if found is None:
        raise Refusal("not-found")
    return _shape(found)


async def _edit(context: RestContext) -> CommentShape:
    return _shape(
        await context.services.curation.edit_comment(
            context.principal, context.id("comment"), context.body.text("body")
        )
    )


async def _hide(context: RestContext) -> CommentShape:
    hidden = bool(context.body.flag("hidden"))
    return _shape(
        await context.services.curation.hide_comment(context.principal, context.id("comment"), hidden=hidden)
    )


async def _held(context: RestContext) -> Listing:
    page = await context.services.curation.held_comments(context.principal, context.offset, context.per_page)
    return context.listing([_shape(each) for each in page.items], page.total, exact=page.exact)


async def _settle(context: RestContext) -> CommentShape:
    shown = bool(context.body.flag("shown"))
    return _shape(
        await context.services.curation.settle_comment(context.principal, context.id("comment"), shown=shown)
    )


async def _delete(context: RestContext) -> None:
    await context.services.curation.delete_comment(context.principal, context.id("comment"))


OPERATIONS = (
    Operation(
        "GET",
        "/groups/{group}/comments",
        "listCommentsOfGroup",
        "List the comments on a group, oldest first",
        "comments",
        _of_group,
        Right.READ,
        query=request_fields.COMMENTS,
        answers=CommentShape,
        many=True,
    ),
    Operation(
        "POST",
        "/groups/{group}/comments",
        "commentOnGroup",
        "Comment on a group",
        "comments",
        _add_to_group,
        Right.COMMENT,
        body=request_fields.COMMENT,
        required=("body",),
        answers=CommentShape,
        status=201,
        refusals=("full", "group-locked"),
    ),
    Operation(
        "GET",
        "/torrents/{torrent}/comments",
        "listCommentsOfTorrent",
        "List the comments on a torrent's group, oldest first",
        "comments",
        _of_torrent,
        Right.READ,
        query=request_fields.COMMENTS,
        answers=CommentShape,
        many=True,
    ),
    Operation(
        "POST",
        "/torrents/{torrent}/comments",
        "commentOnTorrent",
        "Comment on a torrent's group",
        "comments",
        _add_to_torrent,
        Right.COMMENT,
        body=request_fields.COMMENT,
        required=("body",),
        answers=CommentShape,
        status=201,
        refusals=("full", "group-locked"),
    ),
    Operation(
        "GET",
        "/comments/{comment}",
        "showComment",
        "Show a comment",
        "comments",
        _show,
        Right.READ,
        answers=CommentShape,
    ),
    Operation(
        "PATCH",
        "/comments/{comment}",
        "editComment",
        "Change a comment",
        "comments",
        _edit,
        Right.EDIT_OWN,
        body=request_fields.COMMENT,
        required=("body",),
        answers=CommentShape,
    ),
    Operation(
        "DELETE",
        "/comments/{comment}",
        "deleteComment",
        "Delete a comment",
        "comments",
        _delete,
        Right.EDIT_OWN,
    ),
    Operation(
        "PATCH",
        "/comments/{comment}/moderation",
        "moderateComment",
        "Hide a comment, or no longer",
        "comments",
        _hide,
        Right.MODERATE,
        body=request_fields.HIDE,
        required=("hidden",),
        answers=CommentShape,
    ),
    Operation(
        "GET",
        "/held-comments",
        "listHeldComments",
        "List the comments that wait for a moderator, oldest first",
        "comments",
        _held,
        Right.MODERATE,
        query=request_fields.PAGING,
        answers=CommentShape,
        many=True,
    ),
    Operation(
        "POST",
        "/held-comments/{comment}",
        "settleComment",
        "Show a comment that waits, or hide it for good",
        "comments",
        _settle,
        Right.MODERATE,
        body=request_fields.SETTLE_COMMENT,
        required=("shown",),
        answers=CommentShape,
    ),
)
