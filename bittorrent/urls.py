"""Tracker URLs and web seeds of a torrent or a magnet link.

What cannot be used (unknown scheme, not text, too long) is left out silently, since it harms only the torrent
itself; the number of the rest is bounded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from bittorrent.text import printable

MOST_URLS = 100
LONGEST_URL = 1024

_MOST_READ = 1000
_TRACKER = re.compile(r"(?:https?|udp|wss?)://[!-~]+", re.IGNORECASE)
_WEB_SEED = re.compile(r"(?:https?|ftp)://.+", re.IGNORECASE)


def trackers_of(fields: Mapping[bytes, Any]) -> tuple[tuple[str, ...], ...]:
    """Read `announce-list` and `announce` (BEP 3, 12) into tiers: each tracker once, no empty tier.

    A string where a tier should be is a tier of one; `announce` comes first when the list does not name it.
    """
    urls = list(islice(_tiered(fields.get(b"announce-list")), _MOST_READ))
    listed = {url for _, url in urls}
    announce = [(0, url) for _, url in _tiered([fields.get(b"announce")])]
    tiers: dict[int, list[str]] = {}
    seen: set[str] = set()
    for number, url in [pair for pair in announce if pair[1] not in listed] + urls:
        if url not in seen and len(seen) < MOST_URLS and _usable(url, _TRACKER):
            seen.add(url)
            tiers.setdefault(number, []).append(url)
    return tuple(tuple(tier) for tier in tiers.values())


def web_seeds_of(fields: Mapping[bytes, Any]) -> tuple[str, ...]:
    """Read `url-list` (BEP 19), a string or a list of strings."""
    return clean_web_seeds(url for _, url in _tiered([fields.get(b"url-list")]))


def clean_trackers(urls: Iterable[str]) -> tuple[str, ...]:
    """Keep valid tracker URLs, each once, at most MOST_LINKS."""
    return _clean(urls, _TRACKER)


def clean_web_seeds(urls: Iterable[str]) -> tuple[str, ...]:
    """Keep valid web seed URLs, each once, at most MOST_LINKS."""
    return _clean(urls, _WEB_SEED)


def _clean(urls: Iterable[str], pattern: re.Pattern[str]) -> tuple[str, ...]:
    usable = (url for url in map(str.strip, islice(urls, _MOST_READ)) if _usable(url, pattern))
    return tuple(islice(dict.fromkeys(usable), MOST_URLS))


def _usable(url: str, pattern: re.Pattern[str]) -> bool:
    return len(url) <= LONGEST_URL and pattern.fullmatch(url) is not None and printable(url) == url


def _tiered(value: object) -> Iterator[tuple[int, str]]:
    """Yield the strings of a list, of a list of lists, or a single one, each with the number of its tier."""
    for number, tier in enumerate(value if isinstance(value, list) else [value], start=1):
        for item in tier if isinstance(tier, list) else [tier]:
            if isinstance(item, bytes):
                yield number, item[: 4 * LONGEST_URL].decode("utf-8", "replace").strip()
