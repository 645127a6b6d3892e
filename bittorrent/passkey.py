"""Passkeys in the URLs of announces and scrapes: `/announce/KEY`, `/KEY/announce` and `?passkey=KEY`.

1 to 64 url-safe characters.
"""

import re
from typing import NamedTuple

PASSKEY_MOST = 64

_PASSKEY = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_PATH = re.compile(rb"/(announce|scrape)/([A-Za-z0-9_-]{1,64})|/([A-Za-z0-9_-]{1,64})/(announce|scrape)")


class PasskeyPath(NamedTuple):
    """A path with a passkey: what is asked for, `announce` or `scrape`, and the passkey."""

    action: str
    passkey: bytes


def is_passkey(text: bytes) -> bool:
    """Return whether a text has the form of a passkey."""
    return _PASSKEY.fullmatch(text) is not None


def read_path(path: bytes) -> PasskeyPath | None:
    """Read a path without its query; None if it brings no passkey."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    action, passkey, first, last = match.groups()
    return PasskeyPath((action or last).decode(), passkey or first)


def read_query(query: bytes) -> bytes:
    """Return the value of `passkey` in a raw query as it stands, the last one; empty where there is none."""
    found = b""
    if b"passkey=" in query:
        for pair in query.split(b"&"):
            key, equals, value = pair.partition(b"=")
            if equals and key == b"passkey":
                found = value
    return found
