"""Hosts as URLs and requests name them."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import Scope


def isolated_host(files_url: str | None, public_url: str | None) -> str | None:
    """Return the host that answers file links only, its port included; None where there is no such host."""
    host = host_of(files_url)
    return None if host == host_of(public_url) else host


def is_host(scope: "Scope", host: str) -> bool:
    """Return whether a request names a host."""
    return _normalized(Headers(scope=scope).get("host", "")) == host


def host_of(url: str | None) -> str | None:
    """Return the host of a URL, its port included, as `is_host` compares it; None without a URL."""
    return _normalized(urlsplit(url or "").netloc) or None


def _normalized(host: str) -> str:
    """Return a host and port in a comparable form: lower case, without a scheme's default port."""
    return host.lower().removesuffix(":443").removesuffix(":80").removesuffix(".")
