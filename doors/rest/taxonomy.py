"""REST operations on categories, tags and authors."""

from dataclasses import dataclass

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.bbcode import render
from catalogue.fields import AuthorChange, CategoryChange
from catalogue.model import Author, Category, Tag
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.parameters import FieldValues
from doors.rest.shapes import Html


@dataclass(frozen=True, slots=True)
class CategoryShape:
    """A category; `parent_id` is one of the nine that every service has, null for these themselves."""

    id: int
    name: str
    parent_id: int | None


@dataclass(frozen=True, slots=True)
class TagShape:
    """A tag; `uses` is the number of groups with it."""

    id: int
    name: str
    uses: int
    aliases: list[str]


@dataclass(frozen=True, slots=True)
class AuthorShape:
    """An author: a person or an organization."""

    id: int
    name: str
    picture: str
    description: str
    description_html: Html


@dataclass(frozen=True, slots=True)
class AuthorDetail(AuthorShape):
    """An author with the ids of the groups, newest first."""

    group_ids: list[int]


def _category(value: Category) -> CategoryShape:
    return CategoryShape(value.id, value.name, value.parent)


def _tag(value: Tag) -> TagShape:
    return TagShape(value.id, value.name, value.uses, list(value.aliases))


def _author(value: Author) -> AuthorShape:
    return AuthorShape(value.id, value.name, value.picture, value.description, render(value.description))


async def _author_detail(context: RestContext, value: Author) -> AuthorDetail:
    groups = await context.services.catalogue.store.authors.groups_of(value.id, context.viewer)
    shape = _author(value)
    return AuthorDetail(
        shape.id, shape.name, shape.picture, shape.description, shape.description_html, list(groups)
    )


async def _categories(context: RestContext) -> Listing:
    shapes = [_category(each) for each in await context.services.catalogue.store.categories.all()]
    part = shapes[context.offset : context.offset + context.per_page]
    return context.listing(part, len(shapes))


async def _show_category(context: RestContext) -> CategoryShape:
    number = context.id("category")
    for each in await context.services.catalogue.store.categories.all():
        if each.id == number:
            return _category(each)
    raise Refusal("not-found")


async def _add_category(context: RestContext) -> CategoryShape:
    given = context.body
    parent = given.integer("parent_id")
    return _category(
        await context.services.curation.add_category(
            context.principal, given.text("name"), parent, given.optional_integer("id")
        )
    )


async def _edit_category(context: RestContext) -> CategoryShape:
    return _category(
        await context.services.curation.edit_category(
            context.principal, context.id("category"), CategoryChange.read(context.body)
        )
    )


async def _remove_category(context: RestContext) -> None:
    await context.services.curation.remove_category(context.principal, context.id("category"))


async def _tags(context: RestContext) -> Listing:
    page = await context.services.catalogue.store.tags.tags(
        context.query.text("search"), context.offset, context.per_page
    )
    return context.listing([_tag(each) for each in page.items], page.total, exact=page.exact)


async def _show_tag(context: RestContext) -> TagShape:
    found = await context.services.catalogue.store.tags.tag(context.path_parameter("tag"))
    if found is None:
        raise Refusal("not-found")
    return _tag(found)


async def _alias_tag(context: RestContext) -> TagShape:
    given: FieldValues = context.body
    return _tag(
        await context.services.curation.alias_tag(context.principal, given.text("alias"), given.text("tag"))
    )


async def _unalias_tag(context: RestContext) -> None:
    await context.services.curation.unalias_tag(context.principal, context.path_parameter("alias"))


async def _remove_tag(context: RestContext) -> None:
    found = await context.services.catalogue.store.tags.tag(context.path_parameter("tag"))
    if found is None:
        raise Refusal("not-found")
    await context.services.curation.remove_tag(context.principal, found.id)


async def _authors(context: RestContext) -> Listing:
    page = await context.services.catalogue.store.authors.authors(
        context.query.text("search"), context.offset, context.per_page
    )
    return context.listing([_author(each) for each in page.items], page.total, exact=page.exact)


async def _show_author(context: RestContext) -> AuthorDetail:
    found = await context.services.catalogue.store.authors.author(context.id("author"))
    if found is None:
        raise Refusal("not-found")
    return await _author_detail(context, found)


async def _edit_author(context: RestContext) -> AuthorDetail:
    changed = await context.services.curation.edit_author(
        context.principal, context.id("author"), AuthorChange.read(context.body)
    )
    return await _author_detail(context, changed)


_CATEGORIES = (
    Operation(
        "GET",
        "/categories",
        "listCategories",
        "List the categories, the nine of every service first",
        "categories",
        _categories,
        Right.READ,
        query=request_fields.PAGING,
        answers=CategoryShape,
        many=True,
    ),
    Operation(
        "POST",
        "/categories",
        "addCategory",
        "Add a category under one of the nine",
        "categories",
        _add_category,
        Right.CURATE,
        body=request_fields.CATEGORY,
        required=("name", "parent_id"),
        answers=CategoryShape,
        status=201,
        refusals=("taken",),
    ),
    Operation(
        "GET",
        "/categories/{category}",
        "showCategory",
        "Show a category",
        "categories",
        _show_category,
        Right.READ,
        answers=CategoryShape,
    ),
    Operation(
        "PATCH",
        "/categories/{category}",
        "editCategory",
        "Rename a category, or move it under another of the nine",
        "categories",
        _edit_category,
        Right.CURATE,
        body=request_fields.EDIT_CATEGORY,
        answers=CategoryShape,
        refusals=("taken", "fixed"),
    ),
    Operation(
        "DELETE",
        "/categories/{category}",
        "deleteCategory",
        "Delete a category; its groups go to the one above it",
        "categories",
        _remove_category,
        Right.CURATE,
        refusals=("fixed",),
    ),
)
_TAGS = (
    Operation(
        "GET",
        "/tags",
        "listTags",
        "List tags by their beginning, the most used first",
        "tags",
        _tags,
        Right.READ,
        query=request_fields.NAME_SEARCH,
        answers=TagShape,
        many=True,
    ),
    Operation("GET", "/tags/{tag}", "showTag", "Show a tag", "tags", _show_tag, Right.READ, answers=TagShape),
    Operation(
        "DELETE",
        "/tags/{tag}",
        "deleteTag",
        "Take a tag from every group",
        "tags",
        _remove_tag,
        Right.CURATE,
    ),
    Operation(
        "POST",
        "/tag-aliases",
        "aliasTag",
        "Make one tag another name of a second, which is answered",
        "tags",
        _alias_tag,
        Right.CURATE,
        body=request_fields.ALIAS,
        required=("alias", "tag"),
        answers=TagShape,
        status=201,
        refusals=("taken",),
    ),
    Operation(
        "DELETE",
        "/tag-aliases/{alias}",
        "unaliasTag",
        "Make an alias a tag of its own again",
        "tags",
        _unalias_tag,
        Right.CURATE,
    ),
)
_AUTHORS = (
    Operation(
        "GET",
        "/authors",
        "listAuthors",
        "List authors by the beginning of their name",
        "authors",
        _authors,
        Right.READ,
        query=request_fields.NAME_SEARCH,
        answers=AuthorShape,
        many=True,
    ),
    Operation(
        "GET",
        "/authors/{author}",
        "showAuthor",
        "Show an author",
        "authors",
        _show_author,
        Right.READ,
        answers=AuthorDetail,
    ),
    Operation(
        "PATCH",
        "/authors/{author}",
        "editAuthor",
        "Change what is said of an author",
        "authors",
        _edit_author,
        Right.CURATE,
        body=request_fields.AUTHOR,
        answers=AuthorDetail,
        refusals=("taken",),
    ),
)
OPERATIONS = (*_CATEGORIES, *_TAGS, *_AUTHORS)
