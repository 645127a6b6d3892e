"""Forms that change the catalogue: comments, reports, bookmarks, edits and moderation."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import NO_FIELDS, Refusal
from catalogue import fields
from catalogue.model import Bookmarked, Category, Group, Subject, Torrent
from web.door import Door
from web.visit import Visit, own_path


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of a form; `kind` is line, short, prose, flag or category, `rare` hides it under "More fields"."""

    name: str
    label: str
    kind: str = "line"
    hint: str = ""
    rare: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A form that is sent to `path`/edit."""

    title: str
    path: str
    entries: tuple[Entry, ...]


OF_TORRENT = (
    Entry("title", "Title"),
    Entry(
        "description", "Description", "prose", "Plain text, or BBCode such as [b]bold[/b] and [url]…[/url]."
    ),
    Entry("platform", "Platform", rare=True),
    Entry("format", "Format", rare=True),
    Entry("license", "License", rare=True),
    Entry("scope", "Scope", rare=True),
    Entry("archive", "Archive", rare=True),
    Entry("anonymous", "Do not tell who uploaded it", "flag", rare=True),
    Entry("annotated", "Annotated", "flag", rare=True),
)
OF_GROUP = (
    Entry("name", "Name"),
    Entry("category_id", "Category", "category"),
    Entry("year", "Year", "short"),
    Entry("season", "Season", "short"),
    Entry("imdb", "IMDb id", "short", "tt and 7 to 10 digits"),
    Entry("authors", "Authors", hint="Names, with commas between them"),
    Entry("tags", "Tags", hint="Words, with commas between them"),
    Entry("description", "Description", "prose", "Plain text, or BBCode."),
    Entry("picture", "Link to a picture", rare=True),
    Entry("organism", "Organism", rare=True),
    Entry("strain", "Strain", rare=True),
    Entry("accession", "Accession", rare=True),
    Entry("lab", "Lab", rare=True),
    Entry("location", "Location", rare=True),
)
_REPORTABLE = frozenset({Subject.TORRENT, Subject.GROUP, Subject.COMMENT, Subject.USER})


def routes(door: Door) -> list[Route]:
    """Return the routes of these forms."""
    return [
        door.page("/t/{id}/edit", _edit_torrent),
        door.form("/t/{id}/edit", _save_torrent),
        door.form("/t/{id}/mark", _mark_torrent),
        door.form("/t/{id}/delete", _delete_torrent),
        door.form("/t/{id}/block", _block_torrent),
        door.page("/g/{id}/edit", _edit_group),
        door.form("/g/{id}/edit", _save_group),
        door.form("/g/{id}/lock", _lock_group),
        door.form("/g/{id}/bookmark", _bookmark),
        door.form("/g/{id}/comments", _comment),
        door.page("/c/{id}/edit", _edit_comment),
        door.form("/c/{id}/edit", _save_comment),
        door.form("/c/{id}/hide", _hide_comment),
        door.form("/c/{id}/delete", _delete_comment),
        door.page("/report/{subject}/{id}", _report),
        door.form("/report/{subject}/{id}", _send_report),
    ]


def texts_of_torrent(torrent: Torrent) -> dict[str, str]:
    """Return the present values of a torrent as its form shows them."""
    flags = {"anonymous": torrent.anonymous, "annotated": torrent.annotated}
    return {
        **{name: getattr(torrent, name) for name in ("title", "description", "platform", "format")},
        **{name: getattr(torrent, name) for name in ("license", "scope", "archive")},
        **{name: "1" if flag else "0" for name, flag in flags.items()},
    }


def texts_of_group(group: Group) -> dict[str, str]:
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


async def _edit_torrent(visit: Visit) -> Response:
    torrent = await _find_torrent(visit)
    visit.require(Right.EDIT_OWN, torrent.uploader.id if torrent.uploader else None)
    return await _render_torrent_form(visit, torrent, texts_of_torrent(torrent))


async def _save_torrent(visit: Visit) -> Response:
    torrent = await _find_torrent(visit)
    before = texts_of_torrent(torrent)
    changes = fields.from_form(_changed(visit, before), fields.TORRENT)
    try:
        if changes:
            await visit.office.curation.edit_torrent(visit.principal, torrent.id, changes)
    except Refusal as refusal:
        return await _render_torrent_form(visit, torrent, before | dict(visit.form), _field_errors(refusal))
    return visit.go(f"/t/{torrent.id}")


async def _render_torrent_form(
    visit: Visit, torrent: Torrent, texts: Mapping[str, str], errors: Refusal | None = None
) -> Response:
    form = Form(f"Edit {torrent.title}", f"/t/{torrent.id}", OF_TORRENT)
    return await _render_form(visit, form, texts, errors)


async def _edit_group(visit: Visit) -> Response:
    group = await _find_group(visit)
    torrents = await visit.office.catalogue.torrents_of([group.id], visit.viewer())
    uploaders = {each.uploader.id for each in torrents[group.id] if each.uploader}
    visit.require(Right.EDIT_OWN, visit.principal.id if visit.principal.id in uploaders else None)
    return await _render_group_form(visit, group, texts_of_group(group))


async def _save_group(visit: Visit) -> Response:
    group = await _find_group(visit)
    before = texts_of_group(group)
    changes = fields.from_form(_changed(visit, before), fields.GROUP)
    try:
        if changes:
            await visit.office.curation.edit_group(visit.principal, group.id, changes)
    except Refusal as refusal:
        return await _render_group_form(visit, group, before | dict(visit.form), _field_errors(refusal))
    return visit.go(f"/g/{group.id}")


async def _render_group_form(
    visit: Visit, group: Group, texts: Mapping[str, str], errors: Refusal | None = None
) -> Response:
    form = Form(f"Edit {group.name}", f"/g/{group.id}", OF_GROUP)
    return await _render_form(visit, form, texts, errors)


async def _render_form(
    visit: Visit, form: Form, texts: Mapping[str, str], errors: Refusal | None
) -> Response:
    visit.user_id()
    categories: tuple[Category, ...] = await visit.office.catalogue.categories()
    return visit.draw(
        "edit",
        form.title,
        status=errors.status if errors else 200,
        path=form.path,
        form_fields=form.entries,
        texts=texts,
        faults=errors.fields if errors else NO_FIELDS,
        categories=categories,
    )


async def _mark_torrent(visit: Visit) -> Response:
    marks = {name: visit.form[name] == "1" for name in ("hidden", "locked") if name in visit.form}
    torrent = await visit.office.curation.mark_torrent(visit.principal, visit.number(), **marks)
    return visit.go(f"/t/{torrent.id}")


async def _delete_torrent(visit: Visit) -> Response:
    await visit.office.curation.delete_torrent(visit.principal, visit.number(), visit.form.get("reason", ""))
    return visit.go("/")


async def _block_torrent(visit: Visit) -> Response:
    torrent = await _find_torrent(visit)
    await visit.office.verdicts.block(visit.principal, torrent.infohash, visit.form.get("reason", ""))
    return visit.go("/")


async def _lock_group(visit: Visit) -> Response:
    locked = visit.form.get("locked") == "1"
    group = await visit.office.curation.lock_group(visit.principal, visit.number(), locked=locked)
    return visit.go(f"/g/{group.id}")


async def _bookmark(visit: Visit) -> Response:
    on = visit.form.get("on") == "1"
    await visit.office.curation.bookmark(visit.principal, Bookmarked.GROUP, visit.number(), on=on)
    return visit.go(_back(visit, f"/g/{visit.number()}"))


async def _comment(visit: Visit) -> Response:
    await visit.office.curation.comment(visit.principal, visit.number(), visit.form.get("body", ""))
    return visit.go(f"{_back(visit, f'/g/{visit.number()}')}#comments")


async def _edit_comment(visit: Visit) -> Response:
    visit.user_id()
    comment = await visit.office.catalogue.comment(visit.number(), visit.viewer())
    if comment is None:
        raise Refusal("not-found")
    visit.require(Right.EDIT_OWN, comment.author.id)
    return visit.draw("comment_edit", "Edit a comment", comment=comment)


async def _save_comment(visit: Visit) -> Response:
    body = visit.form.get("body", "")
    comment = await visit.office.curation.edit_comment(visit.principal, visit.number(), body)
    return visit.go(f"/g/{comment.group_id}#comments")


async def _hide_comment(visit: Visit) -> Response:
    hidden = visit.form.get("hidden") == "1"
    comment = await visit.office.curation.hide_comment(visit.principal, visit.number(), hidden=hidden)
    return visit.go(f"/g/{comment.group_id}#comments")


async def _delete_comment(visit: Visit) -> Response:
    await visit.office.curation.delete_comment(visit.principal, visit.number())
    return visit.go(_back(visit, "/"))


async def _report(visit: Visit) -> Response:
    visit.user_id()
    subject = _subject(visit)
    return visit.draw("report", "Report something", subject=subject, target=visit.number())


async def _send_report(visit: Visit) -> Response:
    reason = visit.form.get("reason", "")
    await visit.office.curation.report(visit.principal, _subject(visit), visit.number(), reason)
    return visit.draw("reported", "Reported")


def _subject(visit: Visit) -> Subject:
    named = visit.request.path_params["subject"]
    for subject in _REPORTABLE:
        if subject.value == named:
            return subject
    raise Refusal("not-found")


async def _find_torrent(visit: Visit) -> Torrent:
    torrent = await visit.office.catalogue.torrent(visit.number(), visit.viewer())
    if torrent is None:
        raise Refusal("not-found")
    return torrent


async def _find_group(visit: Visit) -> Group:
    group = await visit.office.catalogue.group(visit.number(), visit.viewer())
    if group is None:
        raise Refusal("not-found")
    return group


def _changed(visit: Visit, before: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of the form that differ from what it showed; the others may have changed meanwhile."""
    sent = {name: text.replace("\r\n", "\n") for name, text in visit.form.items() if name in before}
    return {name: text for name, text in sent.items() if text != before[name]}


def _field_errors(refusal: Refusal) -> Refusal:
    """Return a refusal that the form shows beside its fields; raise any other."""
    if not refusal.fields:
        raise refusal
    return refusal


def _back(visit: Visit, otherwise: str) -> str:
    return own_path(visit.form.get("back", ""), otherwise)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
