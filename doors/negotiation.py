"""Hides the grammar of the headers around a file: Accept-Encoding, If-None-Match, Content-Disposition."""

import re
import unicodedata
from urllib.parse import quote

_TAG = re.compile(r'(?:W/)?("[^"]*")')
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_LONGEST_NAME = 150
# What some file system, header or shell reads as more than a letter.
_UNSAFE = frozenset('/\\:*?"<>|%')


def takes_gzip(accept_encoding: str) -> bool:
    """Tell whether the client takes gzip and does not like the plain bytes better (RFC 9110 § 12.5.3)."""
    qualities: dict[str, float] = {}
    for entry in accept_encoding.lower().split(","):
        coding, _, parameters = entry.partition(";")
        qualities[coding.strip()] = _quality(parameters)
    gzip = max(qualities.get("gzip", -1.0), qualities.get("x-gzip", -1.0))
    if gzip < 0:
        gzip = qualities.get("*", 0.0)
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    match = _QUALITY.fullmatch(value.strip())
    return float(match[0]) if match else 0.0


def has_tag(if_none_match: str, etag: str) -> bool:
    """Tell whether the list of If-None-Match names `etag`, compared weakly, or is `*` (RFC 9110 § 13.1.2)."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def attachment(name: str) -> str:
    """Return a Content-Disposition that saves a file as `name` (RFC 6266, RFC 8187) with `.torrent`."""
    safe = "".join(_harmless(c) for c in name[:_LONGEST_NAME]).strip(" .") or "torrent"
    plain = "".join(c if c.isascii() else "_" for c in unicodedata.normalize("NFKD", safe))
    return f"attachment; filename=\"{plain}.torrent\"; filename*=UTF-8''{quote(safe + '.torrent', safe='')}"


def _harmless(character: str) -> str:
    # Categories C*: control, formatting such as right-to-left overrides, surrogates, unassigned.
    unsafe = character in _UNSAFE or unicodedata.category(character).startswith(("C", "Zl", "Zp"))
    return "_" if unsafe else character
