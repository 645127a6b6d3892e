"""Authentication of a request: an API key in `Authorization` or elsewhere, or a session cookie; CSRF tokens."""

import re
from collections.abc import Sequence
from enum import Enum, auto

from starlette.requests import Request
from starlette.responses import Response

from accounts.accounts import Accounts
from accounts.model import NOBODY, Principal, Scope
from bittorrent.refusal import Refusal

COOKIE = "session"
"""The cookie's name, which Gazelle's clients look for, too."""

_SCHEMES = frozenset({"bearer", "token"})
# token68 of RFC 9110 § 11.2, and what else a key may be made of.
_SECRET = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


class AuthorizationFault(Enum):
    """What is wrong with an `Authorization` header."""

    SCHEME = auto()
    """Another scheme than Bearer or token."""
    EMPTY = auto()
    """A scheme or nothing, and no key."""
    FORMAT = auto()
    """Several headers, several words, or characters that no key has."""


class MalformedAuthorization(Refusal):
    """The refusal `bad-token` of an `Authorization` header that holds no key."""

    def __init__(self, fault: AuthorizationFault) -> None:
        super().__init__("bad-token")
        self.fault = fault


def parse_authorization(lines: Sequence[str]) -> str:
    """Return the key in `Authorization`: `Bearer KEY`, `token KEY` or `KEY`. Raises MalformedAuthorization."""
    words = [word for word in re.split(r"[ \t]", lines[0]) if word]
    if len(words) == 2 and words[0].lower() not in _SCHEMES:
        raise MalformedAuthorization(AuthorizationFault.SCHEME)
    if len(lines) > 1 or len(words) > 2:
        raise MalformedAuthorization(AuthorizationFault.FORMAT)
    if not words or (len(words) == 1 and words[0].lower() in _SCHEMES):
        raise MalformedAuthorization(AuthorizationFault.EMPTY)
    if not _SECRET.fullmatch(words[-1]):
        raise MalformedAuthorization(AuthorizationFault.FORMAT)
    return words[-1]


class Authenticator:
    """Authenticates requests. `secure` gives cookies the attribute Secure, `root` is the root path that they are for.

    Both follow the public URL.
    """

    def __init__(self, accounts: Accounts, *, secure: bool, root: str = "") -> None:
        self._accounts = accounts
        self.secure = secure
        self._path = f"{root}/"

    async def by_header(self, request: Request, scope: Scope) -> Principal | None:
        """Return the principal of the `Authorization` header, None without one.

        Refusal: MalformedAuthorization, those of `Accounts.authenticate`.
        """
        lines = request.headers.getlist("authorization")
        return await self.by_secret(parse_authorization(lines), scope) if lines else None

    async def by_secret(self, secret: str, scope: Scope) -> Principal:
        """Return the principal of a key. Refusal: those of `Accounts.authenticate`."""
        return await self._accounts.authenticate(secret, scope)

    async def by_session(self, request: Request) -> Principal:
        """Return the principal of the session cookie, NOBODY when it is missing or invalid."""
        cookie = request.cookies.get(COOKIE) if self._path == "/" else _nearest_cookie(request)
        return NOBODY if cookie is None else await self._accounts.session(cookie) or NOBODY

    async def by_session_value(self, value: str) -> Principal | None:
        """Return the principal of a session, by the value of its cookie; None when it is invalid."""
        return await self._accounts.session(value)

    async def open_session(
        self, principal_id: int, *, keep: bool, address: bytes | None = None
    ) -> tuple[str, int]:
        """Open a session from an address; return its cookie's value and its seconds. Refusal: `not-found`."""
        return await self._accounts.open_session(principal_id, keep=keep, address=address)

    async def end_session(self, principal: Principal) -> None:
        """End the session of a principal that has one."""
        if principal.session is not None:
            await self._accounts.close_session(principal.session)

    def require_csrf(self, principal: Principal, token: str | None) -> None:
        """Refuse a session's request without its CSRF token (`bad-csrf`); keys need none."""
        session = principal.session
        if session is not None and not self._accounts.is_csrf_token(session, token or ""):
            raise Refusal("bad-csrf")

    def note_refused(self, dialect: str, refusal: Refusal, address: bytes) -> None:
        """Write a key that was refused into the authentication log."""
        self._accounts.log.refused(dialect, address, "", refusal.code)

    async def log_in(
        self, response: Response, principal_id: int, *, keep: bool, address: bytes | None = None
    ) -> Response:
        """Open a session from an address and set its cookie on a response. Refusal: `not-found`."""
        value, lifetime = await self.open_session(principal_id, keep=keep, address=address)
        response.set_cookie(
            COOKIE,
            value,
            max_age=lifetime,
            path=self._path,
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def log_out(self, response: Response, principal: Principal) -> Response:
        """Close the session and delete its cookie."""
        await self.end_session(principal)
        response.delete_cookie(COOKIE, path=self._path, secure=self.secure, httponly=True, samesite="lax")
        return response


def _nearest_cookie(request: Request) -> str | None:
    """Return the session cookie of the longest path: whatever else is on this host may set one of the same name.

    Browsers send it first (RFC 6265 § 5.4), and of a name that stands twice Starlette keeps the last.
    """
    pairs = (pair.partition("=") for pair in "; ".join(request.headers.getlist("cookie")).split(";"))
    return next((value.strip() for name, _, value in pairs if name.strip() == COOKIE), None)
