"""Gazelle's login.php, logout.php and index.php: sessions by cookie."""

import hmac
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bittorrent.refusal import Refusal
from doors import cache_pages
from doors.errors import error_line
from doors.origin import public_host
from doors.request_limits import Body, refuse_cross_site
from doors.services import Services

FORM_LIMIT = 16 * 1024

_NO_STORE = {"Cache-Control": "no-store"}
_MAX_FIELDS = 32
_LOGIN = """\
<form class="card" action="login.php" method="post">
<label><span>Name</span> <input name="username" autocomplete="username" required maxlength="64"></label>
<label><span>Password</span>
<input type="password" name="password" autocomplete="current-password" required></label>
<label class="check"><input type="checkbox" name="keeplogged" value="1"> <span>Stay logged in</span></label>
<button class="main" type="submit">Log in</button>
</form>"""


@dataclass(frozen=True, slots=True)
class GazelleLogin:
    """Logs clients in and out by cookie."""

    services: Services

    async def page(self, request: Request) -> Response:
        """Answer the login form."""
        return _login_page("")

    async def log_in(self, request: Request) -> Response:
        """Begin a session and redirect to index.php, or answer the form again with the error."""
        try:
            return await self._begin(request)
        except Refusal as refusal:
            return _login_page(error_line(refusal), refusal.status)

    async def log_out(self, request: Request) -> Response:
        """End the session; the link must carry its authkey as `auth`, or any page could end it."""
        principal = await self.services.authenticator.by_session(request)
        response = RedirectResponse("login.php", 302, _NO_STORE)
        if principal.user is None:
            return response
        authkey = self.services.accounts.passkeys.authkey(principal)
        sent = request.query_params.get("auth", "")
        if not hmac.compare_digest(authkey.encode(), sent.encode("utf-8", "replace")):
            refusal = Refusal("bad-csrf")
            return cache_pages.page(
                "Not logged out", f"<p>{escape(error_line(refusal))}</p>", refusal.status, _NO_STORE
            )
        return await self.services.authenticator.log_out(response, principal)

    async def home(self, request: Request) -> Response:
        """Redirect from Gazelle's front page to ours."""
        return RedirectResponse("./", 302, _NO_STORE)

    async def _begin(self, request: Request) -> Response:
        async with Body(request, FORM_LIMIT, self.services.memory) as body:
            refuse_cross_site(request, public_host(self.services.public_url))
            fields = _parse_form(await body.read())
        address = self.services.clients.of(request.scope)
        user = await self.services.accounts.log_in(
            fields.get("username", ""), fields.get("password", ""), address
        )
        response = RedirectResponse("index.php", 302, _NO_STORE)
        return await self.services.authenticator.log_in(
            response, user.id, keep=bool(fields.get("keeplogged"))
        )


def _parse_form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Refusal("bad-request") from None
    return {name: values[-1] for name, values in fields.items()}


def _login_page(error: str, status: int = 200) -> Response:
    message = f"<p>{escape(error)}</p>\n" if error else ""
    return cache_pages.page("Log in", message + _LOGIN, status, _NO_STORE)
