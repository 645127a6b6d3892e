"""Taxonomy of the catalogue: categories, tags and authors, changed by operators."""

from bittorrent.refusal import Refusal
from catalogue.categories import BUILTIN_CATEGORIES, UNSORTED
from catalogue.fields import CATEGORY, TAG, AuthorChange, CategoryChange, validate
from catalogue.model import Author, Category, Tag
from catalogue.normalization import normalize_tag
from catalogue.store import AuthorStore, CategoryStore, TagStore, require


class Taxonomy:
    """Changes to categories, tags and authors."""

    def __init__(self, categories: CategoryStore, tags: TagStore, authors: AuthorStore) -> None:
        self._categories = categories
        self._tags = tags
        self._authors = authors

    async def add_category(self, name: str, parent: int, number: int | None = None) -> Category:
        """Add a category under a built-in one, with an id of the operator's choice. Refusal: `invalid`, `taken`."""
        given = {"name": name, "parent_id": parent} | ({} if number is None else {"number": number})
        values = validate(given, CATEGORY)
        return await self._category(await self._categories.add(number, values["name"], parent))

    async def edit_category(self, category: int, change: CategoryChange) -> Category:
        """Rename or move a custom category. Refusal: `taken`, `not-found`, `fixed`."""
        await self._custom_category(category)
        await self._categories.change(category, change)
        return await self._category(category)

    async def remove_category(self, category: int) -> None:
        """Delete a custom category; its groups move to its parent. Refusal: `not-found`, `fixed`."""
        parent = (await self._custom_category(category)).parent
        await self._categories.remove(category, parent or BUILTIN_CATEGORIES[UNSORTED])

    async def alias_tag(self, alias: str, tag: str) -> Tag:
        """Make one tag an alias of another; groups with the first get the second. Refusal: `invalid`, `taken`."""
        validate({"alias": alias, "tag": tag}, TAG)
        number = await self._tags.alias(normalize_tag(alias), normalize_tag(tag))
        return require(await self._tags.tag(number))

    async def edit_author(self, author: int, change: AuthorChange) -> Author:
        """Change an author. Refusal: `taken`, `not-found`."""
        await self._authors.change(author, change)
        return require(await self._authors.author(author))

    async def _category(self, number: int) -> Category:
        return require(next((each for each in await self._categories.all() if each.id == number), None))

    async def _custom_category(self, number: int) -> Category:
        category = await self._category(number)
        if category.parent is None:
            raise Refusal("fixed")
        return category
