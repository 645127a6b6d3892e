"""Gazelle's routes: authentication, rate limit and dispatch of `action` to its handler."""

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from accounts.model import NOBODY, Principal, Scope
from bittorrent.refusal import Refusal
from doors.gazelle import charts, community, torrents, users
from doors.gazelle.context import Action, GazelleContext
from doors.gazelle.envelope import (
    BAD_PARAMETERS,
    NO_TOKEN,
    NOT_BEARER,
    TOO_MANY,
    GazelleEnvelope,
    GazelleFailure,
)
from doors.gazelle.login import GazelleLogin
from doors.gazelle.parameters import GazelleParameters
from doors.services import Services

DIALECT = "gazelle"
ACTIONS: dict[str, Action] = {
    "announcements": community.announcements,
    "artist": community.artist,
    "browse": torrents.browse,
    "collage": community.collage,
    "download": torrents.download,
    "index": users.index,
    "request": community.request,
    "requests": community.requests,
    "similar_artists": community.similar_artists,
    "stats": users.stats,
    "tcomments": community.tcomments,
    "top10": charts.top10,
    "torrent": torrents.torrent,
    "torrentgroup": torrents.torrentgroup,
    "user": users.user,
    "usersearch": users.usersearch,
}

_SCHEMES = frozenset({"bearer", "token"})
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


def routes(services: Services) -> list[Route]:
    """Return Gazelle's routes: the JSON API, and the pages where clients log in and fetch files."""
    dispatcher, login = GazelleDispatcher(services), GazelleLogin(services)
    return [
        Route("/ajax.php", dispatcher.ajax, methods=["GET", "POST"]),
        Route("/api.php", dispatcher.ajax, methods=["GET", "POST"]),
        Route("/torrents.php", dispatcher.torrents, methods=["GET"]),
        Route("/login.php", login.page, methods=["GET"]),
        Route("/login.php", login.log_in, methods=["POST"]),
        Route("/logout.php", login.log_out, methods=["GET"]),
        Route("/index.php", login.home, methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class GazelleDispatcher:
    """Answers requests of accounts: authenticates, counts, and calls the action."""

    services: Services

    async def ajax(self, request: Request) -> Response:
        """Answer the action that is named; always HTTP 200, or a redirect to the login without credentials."""
        return await self._answer(request, None)

    async def torrents(self, request: Request) -> Response:
        """Answer `action=download` of torrents.php: a .torrent file, by its id and a passkey."""
        return await self._answer(request, "download")

    async def _answer(self, request: Request, page: str | None) -> Response:
        envelope = GazelleEnvelope(self.services.site_name)
        try:
            parameters = GazelleParameters.of(request)
            principal = await self._authenticate(request, parameters.text("torrent_pass") if page else "")
            if principal.user is None:
                return RedirectResponse("login.php", 302, {"Cache-Control": "no-store"})
            self._count(request, principal)
            name = parameters.text("action")
            action = ACTIONS.get(name) if page in {None, name} else None
            if action is None:
                raise GazelleFailure(BAD_PARAMETERS)
            _require_method(principal, name)
            viewer = self.services.curation.viewer(principal)
            context = GazelleContext(self.services, principal, principal.user, viewer, parameters)
            payload = await action(context)
        except GazelleFailure as failure:
            return envelope.failure(failure.text)
        except Refusal as refusal:
            return envelope.refused(refusal)
        return payload if isinstance(payload, Response) else envelope.success(payload)

    async def _authenticate(self, request: Request, passkey: str) -> Principal:
        """Return the principal by token, by a link's passkey, or by cookie; a wrong token counts for its address."""
        headers = request.headers.getlist("authorization")
        if not headers and not passkey:
            return await self.services.authenticator.by_session(request)
        try:
            if headers:
                _check_authorization(headers)
                return await self.services.authenticator.by_request(request, Scope.GAZELLE)
            return await self.services.authenticator.by_secret(passkey, Scope.PASSKEY)
        except (GazelleFailure, Refusal):
            self._count(request, NOBODY)
            raise

    def _count(self, request: Request, principal: Principal) -> None:
        address = self.services.clients.of(request.scope)
        if not self.services.rate_limits.take(DIALECT, principal, address).granted:
            raise GazelleFailure(TOO_MANY)


def _require_method(principal: Principal, action: str) -> None:
    methods = principal.key.methods if principal.key else None
    if methods is not None and action not in methods:
        raise Refusal("method-forbidden")


def _check_authorization(headers: list[str]) -> None:
    """Raise the Failure for a header that is no `Bearer TOKEN`, `token TOKEN` or bare `TOKEN`."""
    words = headers[0].split()
    if len(words) == 2 and words[0].lower() not in _SCHEMES:
        raise GazelleFailure(NOT_BEARER)
    if len(headers) > 1 or not words or len(words) > 2 or not _TOKEN.fullmatch(words[-1]):
        raise GazelleFailure(NO_TOKEN)
    if len(words) == 1 and words[0].lower() in _SCHEMES:
        raise GazelleFailure(NO_TOKEN)
