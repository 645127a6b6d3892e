"""Ids in the paths of requests."""

from starlette.requests import Request

from bittorrent.refusal import Refusal

_MOST_DIGITS = 19


def path_id(request: Request, name: str = "id") -> int:
    """Return the id in the path, which may be one that no record has. Refusal: `not-found` where it is no number."""
    text: str = request.path_params[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise Refusal("not-found")
    return int(text)
