"""The address that the API may have for itself: a host, or ports, at whose root `/api/v2` is."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from doors.hosts import host_of, is_host
from doors.qbittorrent.login import OWN_ADDRESS, PREFIX


def serve_alone(app: ASGIApp, url: str | None, ports: Collection[int]) -> ASGIApp:
    """Wrap `app` so that the host of `url`, and these local ports, answer this API alone; without either, return it."""
    host = host_of(url)
    if host is None and not ports:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (_port(scope) in ports or (host is not None and is_host(scope, host))):
            path = PREFIX + scope["path"]
            scope = {**scope, "path": path, "raw_path": path.encode(), OWN_ADDRESS: True}
        await app(scope, receive, send)

    return answer


def _port(scope: Scope) -> int | None:
    server = scope.get("server")
    return server[1] if server is not None else None
