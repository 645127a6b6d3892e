"""Gazelle's login.php, logout.php and index.php: sessions by cookie."""

from dataclasses import dataclass
from html import escape

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from accounts.authentication_log import LogInWay
from bittorrent.refusal import Refusal
from doors import cache_pages
from doors.admission import AdmittedRoute, ApiDialect, Endpoint, Exchange, Step, session
from doors.bodies import URLENCODED, FormRules
from doors.errors import error_line
from doors.gazelle.context import GazelleServices
from doors.page_layout import PageSite

FORM_LIMIT = 16 * 1024

_FORM = FormRules(media=frozenset({URLENCODED}), max_fields=32, untyped=True)
_NO_STORE = {"Cache-Control": "no-store"}
_LOGIN = """\
<form class="card" action="login.php" method="post">
<label><span>Name</span> <input name="username" autocomplete="username" required maxlength="64"></label>
<label><span>Password</span>
<input type="password" name="password" autocomplete="current-password" required></label>
<label class="check"><input type="checkbox" name="keeplogged" value="1"> <span>Stay logged in</span></label>
<button class="main" type="submit">Log in</button>
</form>"""


# A login is counted by the throttle of logins.
_STEPS = (Step.ENDPOINT, Step.CREDENTIALS, Step.CROSS_SITE, Step.FORM)


def login_routes(services: GazelleServices) -> list[Route]:
    """Return the routes by which clients log in and out."""
    admission, login = services.admission, _Login(services)
    dialect = ApiDialect("gazelle_login", (session,), _STEPS, _render)
    log_in = Endpoint(cross_site=True, max_body=FORM_LIMIT, form=_FORM)
    return [
        AdmittedRoute(
            "/login.php",
            admission,
            dialect,
            {"GET": (Endpoint(), login.page), "POST": (log_in, login.log_in)},
        ),
        AdmittedRoute("/logout.php", admission, dialect, {"GET": (Endpoint(), login.log_out)}),
        AdmittedRoute("/index.php", admission, dialect, {"GET": (Endpoint(), login.home)}),
    ]


@dataclass(frozen=True, slots=True)
class _Login:
    services: GazelleServices

    async def page(self, exchange: Exchange) -> Response:
        """Answer the login form."""
        return _login_page(self.services.admission.root_path, "")

    async def log_in(self, exchange: Exchange) -> Response:
        """Begin a session and redirect to index.php."""
        services, fields = self.services, exchange.form.last_texts()
        user = await services.accounts.accounts.log_in(
            fields.get("username", ""), fields.get("password", ""), exchange.address, LogInWay.GAZELLE
        )
        response = RedirectResponse("index.php", 302, _NO_STORE)
        return await services.admission.authenticator.log_in(
            response, user.id, keep=bool(fields.get("keeplogged")), address=exchange.address
        )

    async def log_out(self, exchange: Exchange) -> Response:
        """End the session; the link must carry its authkey as `auth`, or any page could end it."""
        principal = exchange.principal
        response = RedirectResponse("login.php", 302, _NO_STORE)
        if principal.user is None:
            return response
        sent = exchange.request.query_params.get("auth", "")
        if not self.services.accounts.accounts.passkeys.is_authkey(principal, sent):
            refusal = Refusal("bad-csrf")
            return cache_pages.page(
                "Not logged out",
                f"<p>{escape(error_line(refusal))}</p>",
                refusal.status,
                _NO_STORE,
                site=self.services.site,
            )
        return await self.services.admission.authenticator.log_out(response, principal)

    async def home(self, exchange: Exchange) -> Response:
        """Redirect from Gazelle's front page to ours."""
        return RedirectResponse("./", 302, _NO_STORE)


def _render(exchange: Exchange, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _login_page(exchange.admission.root_path, error_line(error), error.status)


def _login_page(root: str, error: str, status: int = 200) -> Response:
    message = f"<p>{escape(error)}</p>\n" if error else ""
    return cache_pages.page("Log in", message + _LOGIN, status, _NO_STORE, site=PageSite(root=root))
