"""Comments and news of the catalogue."""

from collections.abc import Callable

from catalogue.fields import COMMENT, NEWS, UNSET, validate
from catalogue.model import Comment, News
from catalogue.store import UNRESTRICTED_VIEWER, CommentStore, CommentWrite, require


class Comments:
    """Changes to comments and news; `clock` gives unix seconds. `at` is the time of imported news."""

    def __init__(self, store: CommentStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def add(self, group: int, author: int, body: str, *, held: bool = False) -> Comment:
        """Add a comment on a group, `held` until a moderator has looked at it. Refusal: `invalid`, `not-found`."""
        return await self.restore(group, author, self._now(), CommentWrite(body=_checked(body), held=held))

    async def restore(self, group: int, author: int, added: int, writing: CommentWrite) -> Comment:
        """Add an imported comment on a group. Refusal: `not-found`."""
        return await self._comment(await self._store.add_comment(group, author, added, writing))

    async def edit(self, comment: int, body: str, editor: int, *, held: bool = False) -> Comment:
        """Change a comment, which is `held` again then, or stays as it is. Refusal: `invalid`, `not-found`."""
        write = CommentWrite(_checked(body), self._now(), editor, held=True if held else UNSET)
        return await self.write(comment, write)

    async def settle(self, comment: int, *, shown: bool) -> Comment:
        """Show a comment that was held, or hide it for good. Refusal: `not-found`."""
        return await self.write(comment, CommentWrite(held=False, hidden=not shown))

    async def hide(self, comment: int, *, hidden: bool) -> Comment:
        """Hide or unhide a comment. Refusal: `not-found`."""
        return await self.write(comment, CommentWrite(hidden=hidden))

    async def write(self, comment: int, writing: CommentWrite) -> Comment:
        """Change a comment to an imported one. Refusal: `not-found`."""
        await self._store.change_comment(comment, writing)
        return await self._comment(comment)

    async def post_news(self, title: str, body: str, author: int, at: int | None = None) -> News:
        """Post an announcement. Refusal: `invalid`."""
        values = validate({"title": title, "body": body}, NEWS)
        added = self._now() if at is None else at
        number = await self._store.add_news(values["title"], values["body"], author, added)
        return require(await self._store.news_item(number))

    def _now(self) -> int:
        return int(self._clock())

    async def _comment(self, number: int) -> Comment:
        return require(await self._store.comment(number, UNRESTRICTED_VIEWER))


def _checked(body: str) -> str:
    return str(validate({"body": body}, COMMENT)["body"])
