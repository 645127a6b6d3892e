"""Operations of the REST API: declarations by which requests are validated and the API is documented."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal
from accounts.rights import Right
from actions.curation import Curation
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import FieldTable
from catalogue.model import Viewer
from doors.admission import Admission, Endpoint
from doors.json_encoding import JsonTemplate
from doors.kept_rows import KeptRows
from doors.origin import base_url
from doors.page_layout import PageSite
from doors.rest.bodies import MAX_BODY, max_body_size
from doors.rest.field_types import PER_PAGE
from doors.rest.parameters import FieldValues, parse_id, parse_infohash
from doors.rest.request_fields import field_table
from doors.services import AccountAccess, CatalogueReading, ModerationAccess, StoredFiles, SwarmNumbers

# The largest offset; every store takes it.
_MAX_OFFSET = 2**62


@dataclass(frozen=True, slots=True)
class RestServices:
    """What the REST API asks of the service.

    `rows` keeps the torrents of lists as JSON.
    """

    admission: Admission
    catalogue: CatalogueReading
    curation: Curation
    accounts: AccountAccess
    moderation: ModerationAccess
    files: StoredFiles
    swarms: SwarmNumbers
    site: PageSite
    rows: KeptRows[JsonTemplate] = field(default_factory=KeptRows)


@dataclass(frozen=True, slots=True)
class RestContext:
    """One authorized request: principal, validated parameters and body, and `file` of a form."""

    services: RestServices
    request: Request
    principal: Principal
    address: bytes
    query: FieldValues
    body: FieldValues
    file: bytes = b""

    def id(self, name: str) -> int:
        """Return a parameter of the path that is an id; Refusal "not-found" for any other text."""
        return parse_id(self.path_parameter(name))

    def infohash(self, name: str) -> InfoHash:
        """Return a parameter of the path that is an infohash; Refusal "not-found" for any other text."""
        return parse_infohash(self.path_parameter(name))

    def path_parameter(self, name: str) -> str:
        """Return a parameter of the path as it was written."""
        return str(self.request.path_params[name])

    @property
    def per_page(self) -> int:
        """The number of items on a page."""
        return self.query.integer("per_page", PER_PAGE)

    @property
    def offset(self) -> int:
        """The number of items before the page."""
        return min((self.query.integer("page", 1) - 1) * self.per_page, _MAX_OFFSET)

    def listing(
        self, items: Sequence[object], total: int, *, exact: bool = True, as_of: int | None = None
    ) -> "Listing":
        """Return items as the requested page."""
        return Listing(items, total, self.query.integer("page", 1), self.per_page, exact, as_of)

    @property
    def base_url(self) -> str:
        """The URL of the service. Refusal: `bad-request` for a Host that is no host."""
        return base_url(self.request, self.services.admission.public_url)

    @property
    def viewer(self) -> Viewer:
        """The viewer of the catalogue. Refusal: `unauthenticated`, `forbidden`."""
        return self.services.curation.viewer(self.principal)

    @property
    def user_id(self) -> int:
        """The account's id. Refusal: `unauthenticated`."""
        if self.principal.id is None:
            raise Refusal("unauthenticated")
        return self.principal.id


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a collection; `page` and `per_page` are those requested, `exact` and `as_of` those of a search."""

    items: Sequence[object]
    total: int
    page: int
    per_page: int
    exact: bool = True
    as_of: int | None = None


Result = object | Listing | Response | None
"""A dataclass of `doors.rest.shapes`, a page of them, a response that is not JSON, or None (204)."""

Handler = Callable[[RestContext], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path below /api.

    `right` is checked before the body is read; with EDIT_OWN the operation itself checks ownership. `account`
    requires an account. `body` is the fields of a JSON object, or with `form` of a form with a file, and `required`
    those it must have. `answers` is a dataclass, `many` a page of it; None is 204, or with `media` a response that
    is not JSON. `refusals` are codes of the error table beyond those of every operation.
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
    query: FieldTable = field(default_factory=field_table)
    body: FieldTable | None = None
    required: tuple[str, ...] = ()
    form: bool = False
    answers: type | None = None
    many: bool = False
    media: str | None = None
    status: int = 200
    refusals: tuple[str, ...] = ()

    @property
    def requires_csrf(self) -> bool:
        """Whether a session must send its CSRF token."""
        return self.method not in {"GET", "HEAD"} and self.identified

    @property
    def endpoint(self) -> Endpoint:
        """What its requests are admitted by."""
        return Endpoint(
            name=self.name,
            right=self.right,
            account=self.account,
            csrf=self.requires_csrf,
            max_body=MAX_BODY if self.body is None else max_body_size(self.body),
            file=self.form,
            credentials=None if self.identified else (),
        )

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
