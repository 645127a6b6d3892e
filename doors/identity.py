"""Hides how a request proves who sent it: a key in a header, a query or a form, or a session's cookie."""

from starlette.requests import Request
from starlette.responses import Response

from accounts.accounts import Accounts
from accounts.model import Principal, Scope

COOKIE = "session"
"""What Gazelle's clients look for, too."""


class Identity:
    """Tells who is asking. `secure` marks cookies for HTTPS alone; it follows the public URL."""

    def __init__(self, accounts: Accounts, *, secure: bool) -> None:
        self._accounts = accounts
        self._secure = secure

    async def of(self, request: Request, scope: Scope) -> Principal:
        """Return who is asking: by `Authorization` (`Bearer K`, `token K` or `K` alone), else by cookie, else NOBODY.

        A credential that is sent must be good. Refusal: those of `Accounts.authenticate`.
        """
        raise NotImplementedError

    async def by_secret(self, secret: str, scope: Scope) -> Principal:
        """Return who a key stands for. Refusal: those of `Accounts.authenticate`."""
        raise NotImplementedError

    async def by_session(self, request: Request) -> Principal:
        """Return who the cookie stands for, NOBODY when it is missing or worthless."""
        raise NotImplementedError

    def require_csrf(self, principal: Principal, token: str | None) -> None:
        """Refuse a change asked for by a session without its token (`bad-csrf`); keys need none."""
        raise NotImplementedError

    async def log_in(self, response: Response, principal_id: int, *, keep: bool) -> Response:
        """Begin a session and put its cookie into a response."""
        raise NotImplementedError

    async def log_out(self, response: Response, principal: Principal) -> Response:
        """End the session and take the cookie back."""
        raise NotImplementedError
