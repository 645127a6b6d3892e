"""Makes routes of page handlers, and says how pages are admitted and how their errors look."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.admission import AdmittedRoute, ApiDialect, Endpoint, Exchange, Handler, Step, session
from doors.bodies import FormRules
from doors.languages import Language, message
from web.csrf_masks import unmask_token
from web.page_context import PageContext, PageServices
from web.templating import Templates

MAX_FORM = 1 << 20
FILE_FIELD = "torrent"

PageHandler = Callable[[PageContext], Awaitable[Response]]

FORM_RULES = FormRules(
    max_fields=64, max_files=2, max_text=MAX_FORM, max_urlencoded=MAX_FORM, wrong_type="it is no form"
)
_STEPS = (
    Step.CREDENTIALS,
    Step.RATE,
    Step.ENDPOINT,
    Step.CROSS_SITE,
    Step.ACCOUNT,
    Step.RIGHT,
    Step.FORM,
    Step.CSRF,
)
_TITLES: Mapping[int, str] = {
    401: message("Please log in"),
    403: message("Not allowed"),
    404: message("Not found"),
    409: message("That cannot be done"),
    410: message("No longer valid"),
    422: message("Something is not right yet"),
    429: message("Too fast"),
    503: message("Busy"),
}


class PageRouter:
    """Makes routes of page handlers.

    `right` and `account` are what a page demands of everybody; rights over one record are checked by its action.
    `secret` marks a URL that holds a secret: it needs no CSRF token, because no other site knows it.
    """

    def __init__(self, services: PageServices) -> None:
        self.services = services
        self._site = services.site
        self._templates: dict[Language, Templates] = {}
        self._dialect = ApiDialect("pages", (session,), _STEPS, self._render, csrf_token=_csrf_token)
        self._secret_dialect = ApiDialect("pages", (session,), _STEPS, self._render_secret)

    def page(
        self,
        path: str,
        handler: PageHandler,
        *,
        secret: bool = False,
        account: bool = False,
        right: Right | None = None,
    ) -> Route:
        """Return the GET route of a page."""
        return self._route(path, "GET", Endpoint(account=account, right=right), handler, secret=secret)

    def form(
        self,
        path: str,
        handler: PageHandler,
        *,
        secret: bool = False,
        account: bool = False,
        right: Right | None = None,
        file: bool = False,
        csrf: bool = True,
        rules: FormRules = FORM_RULES,
    ) -> Route:
        """Return the POST route of a form, with `file` of one that carries .torrent files, as large as one together.

        Without `csrf` it is sent by pages that do not know their visitor, and changes nothing that matters.
        """
        endpoint = Endpoint(
            account=account,
            right=right,
            cross_site=not secret,
            csrf=csrf and not secret,
            max_body=MAX_FORM,
            file=file,
            form=rules,
        )
        return self._route(path, "POST", endpoint, handler, secret=secret)

    def _route(
        self, path: str, method: str, endpoint: Endpoint, handler: PageHandler, *, secret: bool
    ) -> Route:
        dialect = self._secret_dialect if secret else self._dialect

        async def answer(exchange: Exchange) -> Response:
            return await handler(self._context(exchange, secret=secret))

        handlers: Mapping[str, tuple[Endpoint, Handler]] = {method: (endpoint, answer)}
        return AdmittedRoute(path, self.services.admission, dialect, handlers)

    def _context(self, exchange: Exchange, *, secret: bool) -> PageContext:
        language = self._site.languages.chosen(exchange.request)
        if language not in self._templates:
            self._templates[language] = Templates(self._site.root, language)
        return PageContext(
            exchange.request,
            self.services,
            self._templates[language],
            self._site,
            exchange.principal,
            exchange.form.last_texts(),
            secret,
            tuple(exchange.form.named_files_of(FILE_FIELD)),
            exchange.address,
            language,
        )

    def _render(self, exchange: Exchange, error: Exception) -> Response:
        return _render_refusal(self._context(exchange, secret=False), exchange, error)

    def _render_secret(self, exchange: Exchange, error: Exception) -> Response:
        return _render_refusal(self._context(exchange, secret=True), exchange, error)


def _csrf_token(exchange: Exchange) -> str | None:
    return unmask_token(exchange.form.last_texts().get("csrf", ""))


def _render_refusal(context: PageContext, exchange: Exchange, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    if error.code == "unauthenticated" and context.request.method in {"GET", "HEAD"}:
        return context.redirect(f"/login?next={quote(context.current_path(), safe='')}")
    if error.code == "too-many-requests" and exchange.rate is not None:
        error = Refusal(error.code, f"{exchange.retry_after} seconds")
    title = _TITLES.get(error.status, message("That did not work"))
    return context.render("refused", title, status=error.status, refusal=error)
