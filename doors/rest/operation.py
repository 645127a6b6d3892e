"""Hides what an operation is: one declaration from which requests are checked and the API is described."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal
from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import Table
from catalogue.model import Viewer
from doors.office import Office
from doors.rest.kinds import PER_PAGE
from doors.rest.parameters import Given, as_id, as_infohash
from doors.rest.requests import table

# Beyond this no list goes on; it keeps offsets within what every store takes.
_FARTHEST = 2**62


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in: by whom, with which parameters and body, checked; `file` of a form."""

    office: Office
    request: Request
    principal: Principal
    address: bytes
    query: Given
    body: Given
    file: bytes = b""

    def id(self, name: str) -> int:
        """Return a parameter of the path that is an id; Refusal "not-found" for what can be none."""
        return as_id(self.word(name))

    def infohash(self, name: str) -> InfoHash:
        """Return a parameter of the path that is an infohash; Refusal "not-found" for what can be none."""
        return as_infohash(self.word(name))

    def word(self, name: str) -> str:
        """Return a parameter of the path as it was written."""
        return str(self.request.path_params[name])

    @property
    def per_page(self) -> int:
        """How many items a page has."""
        return self.query.whole("per_page", PER_PAGE)

    @property
    def offset(self) -> int:
        """How many items come before the page."""
        return min((self.query.whole("page", 1) - 1) * self.per_page, _FARTHEST)

    def listing(
        self, items: Sequence[object], total: int, *, exact: bool = True, as_of: int | None = None
    ) -> "Listing":
        """Return these items as the page that was asked for."""
        return Listing(items, total, self.query.whole("page", 1), self.per_page, exact, as_of)

    @property
    def viewer(self) -> Viewer:
        """What is seen of the catalogue. Refusal: `unauthenticated`, `forbidden`."""
        return self.office.curation.viewer(self.principal)

    @property
    def user_id(self) -> int:
        """The account's id. Refusal: `unauthenticated`."""
        if self.principal.id is None:
            raise Refusal("unauthenticated")
        return self.principal.id


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a collection; `page` and `per_page` are what was asked for, `exact` and `as_of` as of a search."""

    items: Sequence[object]
    total: int
    page: int
    per_page: int
    exact: bool = True
    as_of: int | None = None


Answer = object | Listing | Response | None
"""A dataclass of `doors.rest.shapes`, a page of them, something that is no JSON, or nothing (204)."""

Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method does at one path below /api.

    `right` is asked before anything is read; EDIT_OWN lets any account on to the deed, which asks whose it
    is. `account` asks for an account. `body` is what a JSON object, or with `form` a form with a file, may hold,
    and `required` what it must. `answers` is a dataclass, `many` a page of it; None is 204, or with `media`
    something that is no JSON. `refusals` are codes of the table beyond those that any operation answers.
    """

    method: str
    path: str
    name: str
    summary: str
    tag: str
    handler: Handler
    right: Right | None = None
    account: bool = False
    identified: bool = True
    query: Table = field(default_factory=table)
    body: Table | None = None
    required: tuple[str, ...] = ()
    form: bool = False
    answers: type | None = None
    many: bool = False
    media: str | None = None
    status: int = 200
    refusals: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether a session has to prove by its CSRF token that it asked."""
        return self.method not in {"GET", "HEAD"} and self.identified

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
