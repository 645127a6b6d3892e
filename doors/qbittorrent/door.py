"""The routes of qBittorrent's Web API, and how they are admitted."""

from dataclasses import dataclass, replace

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.admission import (
    AdmittedRoute,
    ApiDialect,
    Endpoint,
    Exchange,
    Handler,
    NoEndpointRoute,
    Step,
)
from doors.qbittorrent import adding, application, control, listing, login
from doors.qbittorrent.context import QbittorrentContext, QbittorrentHandler, QbittorrentServices, text
from doors.qbittorrent.login import PREFIX
from doors.qbittorrent.parameters import QbittorrentParameters
from doors.qbittorrent.sync_states import SyncStates

DIALECT = "qbittorrent"

_STEPS = (
    Step.ENDPOINT,
    Step.CROSS_SITE,
    Step.CREDENTIALS,
    Step.RATE,
    Step.ACCOUNT,
    Step.KEY_METHODS,
    Step.RIGHT,
    Step.FORM,
)
_OPEN = Endpoint(cross_site=True, referer=True, max_body=adding.MAX_TEXT, form=adding.FORM)
_KEYED = replace(_OPEN, account=True, right=Right.DOWNLOAD)
_UPLOAD = replace(_KEYED, file=True)


@dataclass(frozen=True, slots=True)
class QbittorrentPath:
    """A path below `/api/v2/`; one that `changes` something takes POST alone, as in qBittorrent."""

    path: str
    handler: QbittorrentHandler
    changes: bool = False
    endpoint: Endpoint = _KEYED

    @property
    def name(self) -> str:
        """The name to which a key can be limited."""
        return self.path.replace("/", ".")


def _change(path: str, handler: QbittorrentHandler, endpoint: Endpoint = _KEYED) -> QbittorrentPath:
    return QbittorrentPath(path, handler, True, endpoint)


PATHS = (
    _change("auth/login", login.log_in, _OPEN),
    _change("auth/logout", login.log_out),
    QbittorrentPath("app/version", application.version),
    QbittorrentPath("app/webapiVersion", application.api_version),
    QbittorrentPath("app/buildInfo", application.build_info),
    QbittorrentPath("app/preferences", application.preferences),
    QbittorrentPath("app/defaultSavePath", application.default_save_path),
    QbittorrentPath("transfer/info", application.transfer_info),
    QbittorrentPath("transfer/speedLimitsMode", application.limits_mode),
    QbittorrentPath("sync/maindata", application.main_data),
    QbittorrentPath("torrents/info", listing.info),
    QbittorrentPath("torrents/count", listing.count),
    QbittorrentPath("torrents/properties", listing.properties),
    QbittorrentPath("torrents/files", listing.files),
    QbittorrentPath("torrents/trackers", listing.tracker_list),
    QbittorrentPath("torrents/webseeds", listing.web_seeds),
    QbittorrentPath("torrents/export", listing.export),
    QbittorrentPath("torrents/categories", control.categories),
    QbittorrentPath("torrents/tags", control.tags),
    _change("torrents/add", adding.add, _UPLOAD),
    _change("torrents/delete", control.delete),
    _change("torrents/pause", control.pause),
    _change("torrents/stop", control.pause),
    _change("torrents/resume", control.resume),
    _change("torrents/start", control.resume),
    _change("torrents/recheck", control.recheck),
    _change("torrents/reannounce", control.reannounce),
    _change("torrents/topPrio", control.advance),
    _change("torrents/setForceStart", control.force_start),
    _change("torrents/filePrio", control.file_priority),
    _change("torrents/setShareLimits", control.limit_sharing),
    _change("torrents/setCategory", control.set_category),
    _change("torrents/createCategory", control.create_category),
    _change("torrents/editCategory", control.edit_category),
    _change("torrents/removeCategories", control.remove_categories),
    _change("torrents/createTags", control.create_tags),
    _change("torrents/deleteTags", control.delete_tags),
    _change("torrents/addTags", control.add_tags),
    _change("torrents/removeTags", control.remove_tags),
    _change("torrents/setLocation", control.refuse_location),
)
METHODS = frozenset(path.name for path in PATHS)
"""The names to which a key of this dialect can be limited."""


def routes(services: QbittorrentServices) -> list[Route]:
    """Return the dialect's routes; any other path below its prefix is not found."""
    dialect = ApiDialect(DIALECT, (login.by_key, login.by_cookie), _STEPS, _render)
    states = SyncStates()
    found: list[Route] = []
    for each in PATHS:
        endpoint, handler = replace(each.endpoint, name=each.name), _handler(services, states, each)
        methods = ("POST",) if each.changes else ("GET", "POST")
        found.append(
            AdmittedRoute(
                f"{PREFIX}/api/v2/{each.path}",
                services.admission,
                dialect,
                dict.fromkeys(methods, (endpoint, handler)),
                every_method=True,
            )
        )
    unknown = NoEndpointRoute(f"{PREFIX}/{{rest:path}}", services.admission, dialect, Refusal("not-found"))
    return [*found, unknown]


def _handler(services: QbittorrentServices, states: SyncStates, path: QbittorrentPath) -> Handler:
    async def answer(exchange: Exchange) -> Response:
        if not services.downloads.available:
            raise Refusal("no-downloads")
        query, form = exchange.request.query_params.multi_items(), exchange.form.texts
        parameters = QbittorrentParameters.of(form if path.changes else (*query, *form))
        return await path.handler(QbittorrentContext(services, states, exchange, parameters))

    return answer


# Clients log in again when they hear 403, and take 401 for a page of another site.
_STATUS = {"cross-site": 401, "invalid": 400, "taken": 409, "fixed": 409}
_FORBIDDEN = frozenset(
    {"unauthenticated", "bad-token", "token-revoked", "token-expired", "key-suspended", "user-disabled"}
)


def _render(exchange: Exchange, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    status = 403 if error.code in _FORBIDDEN else _STATUS.get(error.code, error.status)
    return text(str(error), status)
