"""Hides which trackers and web seeds are taken from a torrent or a magnet link.

Torrents carry these as clients happened to write them. What cannot be used (no known scheme, not text, too
long) is left out without a word, since it harms no one but the torrent itself; the rest is bounded in number.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from bittorrent.names import shown

MOST_LINKS = 100
LONGEST_LINK = 1024

_MOST_READ = 1000
_TRACKER = re.compile(r"(?:https?|udp|wss?)://[!-~]+", re.IGNORECASE)
_WEB_SEED = re.compile(r"(?:https?|ftp)://.+", re.IGNORECASE)


def trackers_of(fields: Mapping[bytes, Any]) -> tuple[tuple[str, ...], ...]:
    """Read `announce-list` and `announce` (BEP 3, 12) into tiers: each tracker once, no empty tier.

    A string where a tier should be is a tier of one; `announce` comes first when the list does not name it.
    """
    links = list(islice(_tiered(fields.get(b"announce-list")), _MOST_READ))
    listed = {link for _, link in links}
    announce = [(0, link) for _, link in _tiered([fields.get(b"announce")])]
    tiers: dict[int, list[str]] = {}
    seen: set[str] = set()
    for number, link in [pair for pair in announce if pair[1] not in listed] + links:
        if link not in seen and len(seen) < MOST_LINKS and _usable(link, _TRACKER):
            seen.add(link)
            tiers.setdefault(number, []).append(link)
    return tuple(tuple(tier) for tier in tiers.values())


def web_seeds_of(fields: Mapping[bytes, Any]) -> tuple[str, ...]:
    """Read `url-list` (BEP 19), a string or a list of strings."""
    return clean_web_seeds(link for _, link in _tiered([fields.get(b"url-list")]))


def clean_trackers(links: Iterable[str]) -> tuple[str, ...]:
    """Keep what can be a tracker's URL, each once, at most MOST_LINKS."""
    return _clean(links, _TRACKER)


def clean_web_seeds(links: Iterable[str]) -> tuple[str, ...]:
    """Keep what can be a web seed's URL, each once, at most MOST_LINKS."""
    return _clean(links, _WEB_SEED)


def _clean(links: Iterable[str], form: re.Pattern[str]) -> tuple[str, ...]:
    usable = (link for link in map(str.strip, islice(links, _MOST_READ)) if _usable(link, form))
    return tuple(islice(dict.fromkeys(usable), MOST_LINKS))


def _usable(link: str, form: re.Pattern[str]) -> bool:
    return len(link) <= LONGEST_LINK and form.fullmatch(link) is not None and shown(link) == link


def _tiered(value: object) -> Iterator[tuple[int, str]]:
    """Walk strings that lie in lists, in lists of lists, or alone; the number is that of their tier."""
    for number, tier in enumerate(value if isinstance(value, list) else [value], start=1):
        for item in tier if isinstance(tier, list) else [tier]:
            if isinstance(item, bytes):
                yield number, item[: 4 * LONGEST_LINK].decode("utf-8", "replace").strip()
