"""Gazelle's routes, and how they are admitted: an endpoint is an `action` of ajax.php."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from accounts.model import Scope
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.admission import (
    AdmittedRoute,
    ApiDialect,
    Endpoint,
    Exchange,
    Handler,
    Step,
    header,
    no_endpoint,
    parameter,
    session,
)
from doors.gazelle import charts, community, torrents, upload, users
from doors.gazelle.context import Action, GazelleContext, GazelleServices
from doors.gazelle.envelope import BAD_PARAMETERS, GazelleEnvelope, GazelleFailure
from doors.gazelle.login import login_routes
from doors.gazelle.parameters import GazelleParameters

DIALECT = "gazelle"
ACTIONS: dict[str, Action] = {
    "announcements": community.announcements,
    "artist": community.artist,
    "bookmarks": community.bookmarks,
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
    "upload": upload.upload,
    "user": users.user,
    "usersearch": users.usersearch,
}

_STEPS = (
    Step.CREDENTIALS,
    Step.RATE,
    Step.ACCOUNT,
    Step.ENDPOINT,
    Step.CROSS_SITE,
    Step.KEY_METHODS,
    Step.RIGHT,
    Step.FORM,
)
_CREDENTIALS = (header(Scope.GAZELLE), session)
_LINK_CREDENTIALS = (header(Scope.GAZELLE), parameter("torrent_pass", Scope.PASSKEY), session)


def routes(services: GazelleServices) -> list[Route]:
    """Return Gazelle's routes: the JSON API, and the pages where clients log in and fetch files."""
    envelope = GazelleEnvelope(services.site.name)

    def render(exchange: Exchange, error: Exception) -> Response:
        if isinstance(error, GazelleFailure):
            return envelope.failure(error.text)
        assert isinstance(error, Refusal)
        if error.code == "unauthenticated" and exchange.principal.user is None:
            return RedirectResponse("login.php", 302, {"Cache-Control": "no-store"})
        return envelope.refused(error)

    dialect = ApiDialect(DIALECT, _CREDENTIALS, _STEPS, render)
    link = ApiDialect(DIALECT, _LINK_CREDENTIALS, _STEPS, render)
    return [
        _ActionRoute("/ajax.php", services, dialect, ACTIONS, ("GET", "POST")),
        _ActionRoute("/api.php", services, dialect, ACTIONS, ("GET", "POST")),
        _ActionRoute("/torrents.php", services, link, {"download": torrents.download}, ("GET",)),
        *login_routes(services),
    ]


class _ActionRoute(AdmittedRoute):
    """A path whose handler is named by the parameter `action`; the answer is always HTTP 200, or a redirect."""

    def __init__(
        self,
        path: str,
        services: GazelleServices,
        dialect: ApiDialect,
        actions: dict[str, Action],
        methods: tuple[str, ...],
    ) -> None:
        envelope = GazelleEnvelope(services.site.name)
        self._actions = {
            name: (_endpoint(name), _handler(services, envelope, action)) for name, action in actions.items()
        }
        any_action = (Endpoint(account=True, right=Right.READ), no_endpoint(Refusal("internal"))[1])
        super().__init__(path, services.admission, dialect, dict.fromkeys(methods, any_action))

    def find(self, request: Request) -> tuple[Endpoint, Handler]:
        """Return the endpoint of the action."""
        try:
            name = GazelleParameters.of(request).text("action")
        except GazelleFailure as failure:
            return _no_action(failure)
        return self._actions.get(name) or _no_action(GazelleFailure(BAD_PARAMETERS))


def _endpoint(name: str) -> Endpoint:
    if name == "upload":
        return Endpoint(
            name=name,
            account=True,
            right=Right.UPLOAD,
            cross_site=True,
            max_body=upload.FORM_LIMIT,
            file=True,
            form=upload.FORM,
        )
    return Endpoint(name=name, account=True, right=Right.DOWNLOAD if name == "download" else Right.READ)


def _no_action(failure: GazelleFailure) -> tuple[Endpoint, Handler]:
    return Endpoint(account=True, refusal=failure), no_endpoint(failure)[1]


def _handler(services: GazelleServices, envelope: GazelleEnvelope, action: Action) -> Handler:
    async def answer(exchange: Exchange) -> Response:
        principal = exchange.principal
        assert principal.user is not None
        context = GazelleContext(
            services,
            exchange.request,
            principal,
            principal.user,
            services.curation.viewer(principal),
            GazelleParameters.of(exchange.request),
            exchange.form,
            exchange.address,
        )
        payload = await action(context)
        return payload if isinstance(payload, Response) else envelope.success(payload)

    return answer
