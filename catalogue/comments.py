"""Comments and news of the catalogue."""

from collections.abc import Callable

from catalogue.fields import COMMENT, NEWS, validate
from catalogue.model import Comment, News
from catalogue.store import UNRESTRICTED_VIEWER, CommentStore, CommentWrite, require


class Comments:
    """Changes to comments and news; `clock` gives unix seconds. `at` is the time of imported news."""

    def __init__(self, store: CommentStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def add(self, group: int, author: int, body: str) -> Comment:
        """Add a comment on a group. Refusal: `invalid`, `not-found`."""
        return await self.restore(group, author, self._now(), CommentWrite(body=_checked(body)))

    async def restore(self, group: int, author: int, added: int, writing: CommentWrite) -> Comment:
        """Add an imported comment on a group. Refusal: `not-found`."""
        return await self._comment(await self._store.add_comment(group, author, added, writing))

    async def edit(self, comment: int, body: str, editor: int) -> Comment:
        """Change a comment. Refusal: `invalid`, `not-found`."""
        return await self.write(comment, CommentWrite(_checked(body), self._now(), editor))

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
