"""Forms that change the catalogue: comments, reports, bookmarks, edits and moderation."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import NO_FIELDS, Refusal
from catalogue import fields
from catalogue.fields import (
    BooleanField,
    Change,
    Field,
    GroupChange,
    IntegerField,
    TextField,
    TorrentChange,
    TorrentDetails,
    labels_of,
    table_of,
)
from catalogue.model import BookmarkKind, Category, Freeleech, Group, Person, Subject, Torrent
from doors.languages import message
from web.page_context import PageContext, local_path
from web.page_router import PageRouter


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form; `kind` is line, short, prose, flag or category, `rare` hides it under "More fields"."""

    name: str
    label: str
    kind: str = "line"
    hint: str = ""
    rare: bool = False


@dataclass(frozen=True, slots=True)
class EditForm:
    """A form that is sent to edit what is at `path`."""

    title: str
    path: str
    form_fields: tuple[FormField, ...]


def _form_fields(
    change: type[Change], common: tuple[str, ...], rare: tuple[str, ...]
) -> tuple[FormField, ...]:
    """Return the fields of a form, as the catalogue declares them."""
    table, labels = table_of(change), labels_of(change)
    return tuple(
        FormField(name, labels[name].text, _kind(name, table[name]), labels[name].hint, name in rare)
        for name in (*common, *rare)
    )


def _kind(name: str, field_type: Field) -> str:
    match field_type:
        case BooleanField():
            return "flag"
        case IntegerField():
            return "category" if name == "category_id" else "short"
        case TextField(prose=True):
            return "prose"
    return "line"


TORRENT_FIELDS = _form_fields(
    TorrentChange,
    common=("title", "description"),
    rare=("platform", "format", "license", "scope", "archive", "anonymous", "annotated"),
)
GROUP_FIELDS = _form_fields(
    GroupChange,
    common=("name", "category_id", "year", "season", "imdb", "authors", "tags", "description"),
    rare=("picture", "organism", "strain", "accession", "lab", "location"),
)
_REPORTABLE = frozenset({Subject.TORRENT, Subject.GROUP, Subject.COMMENT, Subject.USER})


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of these forms."""
    return [
        router.page("/t/{id}/edit", _edit_torrent, account=True),
        router.form("/t/{id}/edit", _save_torrent),
        router.form("/t/{id}/mark", _mark_torrent),
        router.form("/t/{id}/split", _split_torrent),
        router.form("/t/{id}/owner", _assign_torrent),
        router.form("/t/{id}/delete", _delete_torrent),
        router.form("/t/{id}/block", _block_torrent),
        router.page("/g/{id}/edit", _edit_group, account=True),
        router.form("/g/{id}/edit", _save_group),
        router.form("/g/{id}/lock", _lock_group),
        router.form("/g/{id}/bookmark", _bookmark),
        router.form("/g/{id}/comments", _comment),
        router.page("/c/{id}/edit", _edit_comment, account=True),
        router.form("/c/{id}/edit", _save_comment),
        router.form("/c/{id}/hide", _hide_comment),
        router.form("/c/{id}/delete", _delete_comment),
        router.page("/report/{subject}/{id}", _report, account=True),
        router.form("/report/{subject}/{id}", _send_report),
    ]


def torrent_values(torrent: Torrent) -> dict[str, str]:
    """Return the present values of a torrent as its form shows them."""
    flags = {"anonymous": torrent.anonymous, "annotated": torrent.annotated}
    return {
        **{name: getattr(torrent, name) for name in ("title", "description", "platform", "format")},
        **{name: getattr(torrent, name) for name in ("license", "scope", "archive")},
        **{name: "1" if flag else "0" for name, flag in flags.items()},
    }


def group_values(group: Group) -> dict[str, str]:
    """Return the present values of a group as its form shows them."""
    lines = ("name", "description", "picture", "organism", "strain", "accession", "lab", "location")
    return {
        **{name: getattr(group, name) for name in lines},
        "category_id": str(group.category.id),
        "year": _number(group.year),
        "season": _number(group.season),
        "imdb": "" if group.imdb is None else f"tt{group.imdb:07}",
        "authors": ", ".join(author.name for author in group.authors),
        "tags": ", ".join(group.tags),
    }


async def _edit_torrent(context: PageContext) -> Response:
    torrent = await context.services.curation.editable_torrent(context.principal, context.number())
    return await _render_torrent_form(context, torrent, torrent_values(torrent))


async def _save_torrent(context: PageContext) -> Response:
    torrent = await _find_torrent(context)
    before = torrent_values(torrent)
    given = fields.from_form(_changed(context, before), fields.TORRENT)
    try:
        if given:
            await context.services.curation.editable_torrent(context.principal, torrent.id)
            details = TorrentDetails(TorrentChange.read(given))
            await context.services.curation.edit_torrent(context.principal, torrent.id, details)
    except Refusal as refusal:
        return await _render_torrent_form(
            context, torrent, before | dict(context.form), _field_errors(refusal)
        )
    return context.redirect(f"/t/{torrent.id}")


async def _render_torrent_form(
    context: PageContext, torrent: Torrent, texts: Mapping[str, str], errors: Refusal | None = None
) -> Response:
    form = EditForm(
        context.language.text(message("Edit %(name)s"), name=torrent.title), f"t/{torrent.id}", TORRENT_FIELDS
    )
    return await _render_form(context, form, texts, errors)


async def _edit_group(context: PageContext) -> Response:
    group = await context.services.curation.editable_group(context.principal, context.number())
    return await _render_group_form(context, group, group_values(group))


async def _save_group(context: PageContext) -> Response:
    group = await _find_group(context)
    before = group_values(group)
    given = fields.from_form(_changed(context, before), fields.GROUP)
    try:
        if given:
            await context.services.curation.editable_group(context.principal, group.id)
            change = GroupChange.read(given)
            await context.services.curation.edit_group(context.principal, group.id, change)
    except Refusal as refusal:
        return await _render_group_form(context, group, before | dict(context.form), _field_errors(refusal))
    return context.redirect(f"/g/{group.id}")


async def _render_group_form(
    context: PageContext, group: Group, texts: Mapping[str, str], errors: Refusal | None = None
) -> Response:
    form = EditForm(
        context.language.text(message("Edit %(name)s"), name=group.name), f"g/{group.id}", GROUP_FIELDS
    )
    return await _render_form(context, form, texts, errors)


async def _render_form(
    context: PageContext, form: EditForm, texts: Mapping[str, str], errors: Refusal | None
) -> Response:
    context.user_id()
    categories: tuple[Category, ...] = await context.services.catalogue.store.categories.all()
    return context.render(
        "edit",
        form.title,
        status=errors.status if errors else 200,
        path=form.path,
        form_fields=form.form_fields,
        texts=texts,
        faults=errors.fields if errors else NO_FIELDS,
        categories=categories,
    )


async def _mark_torrent(context: PageContext) -> Response:
    hidden, locked = (
        context.form[name] == "1" if name in context.form else None for name in ("hidden", "locked")
    )
    curation = context.services.curation
    torrent = await curation.mark_torrent(context.principal, context.number(), hidden=hidden, locked=locked)
    if "freeleech" in context.form:
        kinds = {str(kind.value): kind for kind in Freeleech}
        kind = kinds.get(context.form["freeleech"])
        if kind is None:
            raise Refusal("invalid", fields={"freeleech": ["There is no such kind."]})
        await curation.set_freeleech(context.principal, torrent.id, kind)
    return context.redirect(f"/t/{torrent.id}")


async def _split_torrent(context: PageContext) -> Response:
    group = await context.services.curation.split_torrent(context.principal, context.number())
    return context.redirect(f"/g/{group.id}")


async def _assign_torrent(context: PageContext) -> Response:
    context.require(Right.ACCOUNTS)
    name, owner = context.form.get("name", "").strip(), None
    if name:
        user = await context.services.accounts.accounts.user(name)
        if user is None:
            raise Refusal("not-found", "no account has that name")
        owner = Person(user.id, user.name)
    torrent = await context.services.curation.assign_torrent(context.principal, context.number(), owner)
    return context.redirect(f"/t/{torrent.id}")


async def _delete_torrent(context: PageContext) -> Response:
    await context.services.curation.delete_torrent(
        context.principal, context.number(), context.form.get("reason", "")
    )
    return context.redirect("/")


async def _block_torrent(context: PageContext) -> Response:
    torrent = await _find_torrent(context)
    await context.services.moderation.lists.block(
        context.principal, torrent.infohash, context.form.get("reason", "")
    )
    return context.redirect("/")


async def _lock_group(context: PageContext) -> Response:
    locked = context.form.get("locked") == "1"
    group = await context.services.curation.lock_group(context.principal, context.number(), locked=locked)
    return context.redirect(f"/g/{group.id}")


async def _bookmark(context: PageContext) -> Response:
    on = context.form.get("on") == "1"
    await context.services.curation.bookmark(context.principal, BookmarkKind.GROUP, context.number(), on=on)
    return context.redirect(_back(context, f"/g/{context.number()}"))


async def _comment(context: PageContext) -> Response:
    await context.services.curation.comment(context.principal, context.number(), context.form.get("body", ""))
    return context.redirect(f"{_back(context, f'/g/{context.number()}')}#comments")


async def _edit_comment(context: PageContext) -> Response:
    comment = await context.services.curation.editable_comment(context.principal, context.number())
    return context.render("comment_edit", message("Edit a comment"), comment=comment)


async def _save_comment(context: PageContext) -> Response:
    body = context.form.get("body", "")
    comment = await context.services.curation.edit_comment(context.principal, context.number(), body)
    return context.redirect(f"/g/{comment.group_id}#comments")


async def _hide_comment(context: PageContext) -> Response:
    hidden = context.form.get("hidden") == "1"
    comment = await context.services.curation.hide_comment(context.principal, context.number(), hidden=hidden)
    return context.redirect(f"/g/{comment.group_id}#comments")


async def _delete_comment(context: PageContext) -> Response:
    await context.services.curation.delete_comment(context.principal, context.number())
    return context.redirect(_back(context, "/"))


async def _report(context: PageContext) -> Response:
    subject = _subject(context)
    return context.render("report", message("Report something"), subject=subject, target=context.number())


async def _send_report(context: PageContext) -> Response:
    reason = context.form.get("reason", "")
    await context.services.curation.report(context.principal, _subject(context), context.number(), reason)
    return context.render("reported", message("Reported"))


def _subject(context: PageContext) -> Subject:
    named = context.request.path_params["subject"]
    for subject in _REPORTABLE:
        if subject.value == named:
            return subject
    raise Refusal("not-found")


async def _find_torrent(context: PageContext) -> Torrent:
    torrent = await context.services.catalogue.store.torrents.torrent(context.number(), context.viewer())
    if torrent is None:
        raise Refusal("not-found")
    return torrent


async def _find_group(context: PageContext) -> Group:
    group = await context.services.catalogue.store.groups.group(context.number(), context.viewer())
    if group is None:
        raise Refusal("not-found")
    return group


def _changed(context: PageContext, before: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of the form that differ from what it showed; the others may have changed meanwhile."""
    sent = {name: text.replace("\r\n", "\n") for name, text in context.form.items() if name in before}
    return {name: text for name, text in sent.items() if text != before[name]}


def _field_errors(refusal: Refusal) -> Refusal:
    """Return a refusal that the form shows beside its fields; raise any other."""
    if not refusal.fields:
        raise refusal
    return refusal


def _back(context: PageContext, otherwise: str) -> str:
    return local_path(context.form.get("back", ""), otherwise)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
