"""Values of settings as people write them: sizes, durations, addresses, rates and URLs, checked on reading."""

import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)", re.IGNORECASE)
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Characters that are the same in a URL, in HTML, in JSON and in a cookie's Path.
_ROOT = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_LONGEST_ROOT = 128  # as the native door has room for
_HOST = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_BUCKET = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(?:/[A-Za-z0-9!_.*'()-]+)*)/?"
)
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}", re.IGNORECASE)

# What the service's own paths begin with. Below such a root a path would have two meanings, because a proxy may strip
# the root or leave it.
_OWN_PATHS = frozenset(
    {
        "about", "account", "announce", "api", "atom", "author", "authors", "bookmarks.atom", "bookmarks.rss", "c",
        "collage", "collages", "dld", "downloads", "g", "healthz", "join", "language", "livez", "login", "logout",
        "lost", "mail", "metrics", "moderation", "news", "opensearch.xml", "people", "qbittorrent", "readyz",
        "register", "report", "robots.txt", "rss", "scrape", "search", "search.atom", "search.rss", "sitemap.xml",
        "sitemaps", "static",
        "stats", "stats.json", "t", "tag", "tags", "takedown", "top", "torrent", "torznab",
        "transparency", "u", "upload", "welcome", "works",
    }
)  # fmt: skip
_ABSOLUTE = re.compile(r"(/[^/\x00]+)+")
_OWN_PATTERN = re.compile(r".*\.php|v[0-9]+")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address to listen on, TCP and UDP alike; port 0 lets the system choose."""

    host: str
    port: int

    @property
    def is_v6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_v6 else f"{self.host}:{self.port}"


def read_size(value: object) -> object:
    """Turn "10 MiB", "512MB" or "4096" into bytes; anything but text passes through. ValueError."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError(
            f"{value!r} is no size: write a number of bytes, or one with KiB, MiB, GiB, kB, MB or GB"
        )
    number, prefix, binary = found.groups()
    if binary and not prefix:
        raise ValueError(f"{value!r} is no size: 'iB' needs K, M, G or T before it")
    return round(float(number) * (1024 if binary else 1000) ** " kmgt".index(prefix.lower() or " "))


def read_duration(value: object) -> object:
    """Turn "90", "10s", "500ms", "5m" or "2h" into seconds; anything but text passes through. ValueError."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no time: write a number of seconds, or one with ms, s, m, h or d")
    return float(found[1]) * _SECONDS[found[2].lower()]


def read_items(value: object) -> object:
    """Turn a JSON list or a comma separated text into a list; anything but text passes through."""
    return split_items(value) if isinstance(value, str) else value


def split_items(text: str) -> list[object]:
    """Split a JSON list or a comma separated text into its items."""
    try:
        decoded = json.loads(text)
    except ValueError:
        decoded = None
    return (
        decoded if isinstance(decoded, list) else [part.strip() for part in text.split(",") if part.strip()]
    )


def read_listen(value: object) -> object:
    """Turn "host:port" or "[v6]:port" into a Listen; anything but text passes through. ValueError."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError(
            f"{value!r} is no address to listen on: write host:port or [v6]:port, the port from 0 to 65535"
        )
    if host.startswith("[") and host.endswith("]"):
        return ListenAddress(str(IPv6Address(host[1:-1])), int(port))
    if ":" in host:
        raise ValueError(f"{value!r} is ambiguous: put the IPv6 address in brackets, as in [::1]:6969")
    try:
        return ListenAddress(str(IPv4Address(host)), int(port))
    except ValueError:
        raise ValueError(
            f"{value!r} names no address: 127.0.0.1 is this machine, 0.0.0.0 every IPv4 address, [::] every IPv6 one"
        ) from None


def read_network(value: object) -> object:
    """Turn "10.0.0.0/8" or "10.1.2.3" into a network; anything but text passes through. ValueError."""
    return ip_network(value.strip()) if isinstance(value, str) else value


def read_rate(value: str) -> str:
    """Check that text such as "60/minute" names a rate, and return it. ValueError."""
    import limits  # noqa: PLC0415 - slow to import, and the defaults are not checked again

    try:
        limits.parse(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is no rate: write it as in 60/minute, 10/second or 100/15 minutes"
        ) from None
    return value


def read_public_url(value: object) -> object:
    """Check an http(s) URL of a host, and of a path below which all is served; "" is None. ValueError.

    A scheme in capitals, an empty query or fragment, and slashes at the end are not kept.
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    parts = urlsplit(value.strip())
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ValueError(
            "it must be http://host or https://host, with a port or a path if need be, and nothing else"
        )
    _ = parts.port  # reading it is what checks its range
    return f"{parts.scheme}://{parts.netloc}{_read_root(parts.path.rstrip('/'))}"


def read_bucket(value: object) -> object:
    """Check the address of a bucket, `s3://bucket` or `s3://bucket/prefix`; "" is None. ValueError."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    found = _BUCKET.fullmatch(value.strip())
    if found is None:
        raise ValueError("it must be s3://bucket or s3://bucket/prefix, by S3's rules for names")
    return f"s3://{found['bucket']}{found['prefix'] or ''}"


def read_database(value: object) -> object:
    """Check the URL of a PostgreSQL database, which may hold a password and is never shown; "" is None. ValueError."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        parts = urlsplit(value.strip())
        named = parts.scheme in {"postgresql", "postgres"} and parts.path.strip("/") and parts.hostname
        _ = parts.port
    except ValueError:
        named = None
    if not named or parts.fragment:
        raise ValueError(
            "it must be postgresql://user:password@host:port/name, of which all but host and name may lack"
        )
    return value.strip()


def _read_root(path: str) -> str:
    """Check the path of a public URL, which stands unescaped in pages, headers and cookies. ValueError."""
    if len(path) > _LONGEST_ROOT:
        raise ValueError(f"its path may have at most {_LONGEST_ROOT} characters")
    if not _ROOT.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError(
            "its path may hold letters, digits, '-', '.', '_' and '~' between single slashes, and nothing else"
        )
    first = path[1:].partition("/")[0]
    if first in _OWN_PATHS or _OWN_PATTERN.fullmatch(first):
        raise ValueError(f"its path may not begin with /{first}, which is a path of the service itself")
    return path


def read_template(value: str) -> str:
    """Check that text is an http(s) URL with {HASH} or {hash} in its path or query, and return it. ValueError."""
    parts = urlsplit(value)
    named = any(mark in f"{parts.path}?{parts.query}" for mark in ("{HASH}", "{hash}"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or not named or "@" in parts.netloc:
        raise ValueError(f"{value!r} is no http(s) URL with {{HASH}} or {{hash}} in its path")
    _ = parts.port
    return value


def read_absolute_path(value: str) -> str:
    """Check that text is an absolute path without empty parts or NUL, and return it. ValueError."""
    if _ABSOLUTE.fullmatch(value) is None:
        raise ValueError(f"{value!r:.80} is no absolute path")
    return value


def read_own_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check that texts are one IPv4 and one IPv6 address at most, and return them. ValueError."""
    versions = [ip_address(text).version for text in values]
    if len(versions) != len(set(versions)):
        raise ValueError("one IPv4 and one IPv6 address at most can be named")
    return values


def read_header(value: str) -> str:
    """Check that text can name an HTTP header, and return it in lower case. ValueError."""
    if not _HEADER.fullmatch(value):
        raise ValueError(f"{value!r} cannot name a header")
    return value.lower()


def read_host(value: str) -> str:
    """Check that text is the host name of a server, and return it in small letters without a last dot. ValueError."""
    host = value.strip().rstrip(".").lower()
    if not _HOST.fullmatch(host):
        raise ValueError(
            f"{value!r:.80} is no host name: it is written as tracker.example.org, without https:// and port"
        )
    return host


def read_account_name(value: str) -> str:
    """Check that text can name an account, and return it. ValueError."""
    from accounts.fields import name_problems  # noqa: PLC0415 - only where somebody names one

    for problem in name_problems(value):
        raise ValueError(f"{value!r} can name no account: {problem}")
    return value


def format_size(count: int) -> str:
    """Show a number of bytes as people read it: 10 MiB, 1.5 GiB, 300 B."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.3g} {unit}" if amount < 1000 else f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.4g} TiB"


def is_loopback(host: str) -> bool:
    """Return whether an address, as text, is a loopback one."""
    return ip_address(host).is_loopback
