"""The DNS record that tells clients on which ports a tracker is, and with which protocol (BEP 34)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from peerage.config import Settings

_HTTP = 80
_EXAMPLE = "tracker.example.org"


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """The TXT record of a tracker's host: its name, its text, and what it leaves out, a sentence for each."""

    host: str
    text: str
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return it as lines of a zone file, the notes as comments."""
        return [*(f"; {note}" for note in self.notes), f'{self.host}. IN TXT "{self.text}"']


def dns_record(settings: "Settings", host: str | None = None) -> DnsRecord:
    """Return the record.

    UDP comes first, which is preferred; ports are those of `listen`, for HTTP that of a `public_url`. A record cannot
    name TLS. Without a host or a `public_url` the host is an example.
    """
    url = urlsplit(settings.public_url or "")
    name = (host or url.hostname or _EXAMPLE).rstrip(".")
    listened = list(dict.fromkeys(each.port for each in settings.listen if each.port))
    over_http = listened if not url.scheme else [url.port or _HTTP] if url.scheme == "http" else []
    entries = [*(f"UDP:{port}" for port in listened), *(f"TCP:{port}" for port in over_http)]
    notes = []
    if not listened:
        notes.append("the port is chosen by the system at each start: set listen")
    if url.scheme == "https":
        notes.append("public_url is https, which no such record can name: over HTTP clients keep to the URL")
    return DnsRecord(name, " ".join(["BITTORRENT", *entries]), tuple(notes))
