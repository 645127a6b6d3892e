"""Authentication of a request: an API key in `Authorization` or elsewhere, or a session cookie; CSRF tokens."""

import re

from starlette.requests import Request
from starlette.responses import Response

from accounts.accounts import Accounts
from accounts.model import NOBODY, Principal, Scope
from bittorrent.refusal import Refusal

COOKIE = "session"
"""The cookie's name, which Gazelle's clients look for, too."""

_CREDENTIAL = re.compile(r"(?:(?:bearer|token) +)?([^ ]+)", re.IGNORECASE)


class Authenticator:
    """Authenticates requests. `secure` gives cookies the attribute Secure; it follows the public URL."""

    def __init__(self, accounts: Accounts, *, secure: bool) -> None:
        self._accounts = accounts
        self._secure = secure

    async def by_request(self, request: Request, scope: Scope) -> Principal:
        """Return the principal: by `Authorization` (`Bearer K`, `token K` or `K` alone), else by cookie, else NOBODY.

        A key that is sent must be valid. Refusal: those of `Accounts.authenticate`.
        """
        lines = request.headers.getlist("authorization")
        if not lines:
            return await self.by_session(request)
        found = _CREDENTIAL.fullmatch(lines[0].strip(" \t")) if len(lines) == 1 else None
        return await self.by_secret(found.group(1) if found else "", scope)

    async def by_secret(self, secret: str, scope: Scope) -> Principal:
        """Return the principal of a key. Refusal: those of `Accounts.authenticate`."""
        return await self._accounts.authenticate(secret, scope)

    async def by_session(self, request: Request) -> Principal:
        """Return the principal of the session cookie, NOBODY when it is missing or invalid."""
        cookie = request.cookies.get(COOKIE)
        return NOBODY if cookie is None else await self._accounts.session(cookie) or NOBODY

    def require_csrf(self, principal: Principal, token: str | None) -> None:
        """Refuse a session's request without its CSRF token (`bad-csrf`); keys need none."""
        session = principal.session
        if session is not None and not self._accounts.is_csrf_token(session, token or ""):
            raise Refusal("bad-csrf")

    async def log_in(self, response: Response, principal_id: int, *, keep: bool) -> Response:
        """Open a session and set its cookie on a response. Refusal: `not-found`."""
        value, lifetime = await self._accounts.open_session(principal_id, keep=keep)
        response.set_cookie(
            COOKIE, value, max_age=lifetime, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        return response

    async def log_out(self, response: Response, principal: Principal) -> Response:
        """Close the session and delete its cookie."""
        if principal.session is not None:
            await self._accounts.close_session(principal.session)
        response.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response
