"""The DNS record that tells clients on which ports a tracker is, and with which protocol (BEP 34)."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from peerage.config import Settings

_HTTP = 80
_EXAMPLE = "tracker.example.org"


def dns_record(settings: "Settings", host: str | None = None) -> list[str]:
    """Return lines of a zone file: the TXT record of the tracker's host, and comments on what it leaves out.

    UDP comes first, which is preferred; ports are those of `listen`, for HTTP that of a `public_url`. A record cannot
    name TLS. Without a host or a `public_url` the host is an example.
    """
    url = urlsplit(settings.public_url or "")
    name = (host or url.hostname or _EXAMPLE).rstrip(".")
    listened = list(dict.fromkeys(each.port for each in settings.listen if each.port))
    over_http = listened if not url.scheme else [url.port or _HTTP] if url.scheme == "http" else []
    entries = [*(f"UDP:{port}" for port in listened), *(f"TCP:{port}" for port in over_http)]
    lines = [f'{name}. IN TXT "{" ".join(["BITTORRENT", *entries])}"']
    if url.scheme == "https":
        lines.insert(
            0, "; public_url is https, which no such record can name: over HTTP clients keep to the URL"
        )
    if not listened:
        lines.insert(0, "; the port is chosen by the system at each start: set listen")
    return lines
