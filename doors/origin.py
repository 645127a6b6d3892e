"""The service's own base URL: `public_url`, or the scheme and Host of the request."""

import re

from starlette.requests import Request

from bittorrent.refusal import Refusal

# A DNS name, an IPv4 address or a bracketed IPv6 one, and a port: nothing that needs escaping anywhere.
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def base_url(request: Request, public_url: str | None) -> str:
    """Return the URL of the service without a slash at its end.

    Without `public_url` it is made of the request's scheme and Host, so what contains it must not be stored
    by caches. Raises Refusal "bad-request" for a Host that is no host.
    """
    if public_url:
        return public_url.rstrip("/")
    host = request.headers.get("host") or _socket(request)
    if not _HOST.fullmatch(host):
        raise Refusal("bad-request", "the Host header is no host name")
    return f"{request.url.scheme}://{host}"


def _socket(request: Request) -> str:
    # HTTP/1.0 needs no Host.
    host, port = request.scope.get("server") or ("localhost", None)
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port}" if port else name
