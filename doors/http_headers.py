"""HTTP header fields of a file: Accept-Encoding and If-None-Match parsed, Content-Disposition written."""

import re
import unicodedata
from urllib.parse import quote

from bittorrent.filenames import safe_filename, split_extension

_TAG = re.compile(r'(?:W/)?("[^"]*")')
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_MAX_NAME = 150


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether the client accepts gzip and does not prefer `identity` (RFC 9110 § 12.5.3)."""
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


def etag_matches(if_none_match: str, etag: str) -> bool:
    """Return whether If-None-Match contains `etag`, compared weakly, or is `*` (RFC 9110 § 13.1.2)."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


def attachment(name: str, ending: str = ".torrent") -> str:
    """Return a Content-Disposition that saves a file as `name` (RFC 6266, RFC 8187) with `ending`."""
    safe = safe_filename(name[:_MAX_NAME]).strip(" .") or "torrent"
    # Some letters decompose into unsafe ones: a full-width quotation mark becomes a plain one.
    letters = safe_filename(unicodedata.normalize("NFKD", safe))
    plain = "".join(c if c.isascii() else "_" for c in letters)
    return f"attachment; filename=\"{plain}{ending}\"; filename*=UTF-8''{quote(safe + ending, safe='')}"


def file_attachment(path: str) -> str:
    """Return a Content-Disposition that saves a file under the last part of its path."""
    return attachment(*split_extension(path.rpartition("/")[2]))
